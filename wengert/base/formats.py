"""Layouts and memory formats: accepted names; arrays here are strided in the library's own
order.
"""

from __future__ import annotations


class layout:
    """How a tensor stores its elements.

    name: such as 'torch.strided'.

    >>> torch.ones(1).layout
    torch.strided
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format:
    """The order of dimensions in memory that an operation should keep or give.

    name: such as 'torch.contiguous_format'.

    >>> torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last).stride()
    (24, 12, 4, 1)
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")
sparse_csc, sparse_bsr, sparse_bsc, jagged = (
    layout("sparse_csc"),
    layout("sparse_bsr"),
    layout("sparse_bsc"),
    layout("jagged"),
)
contiguous_format, preserve_format = (
    memory_format("contiguous_format"),
    memory_format("preserve_format"),
)
legacy_contiguous_format = contiguous_format  # PyTorch's name for it until 1.5
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
RANKS = {channels_last: 4, channels_last_3d: 5}


def refuse_rank(name: str, form: memory_format | None, ndim: int) -> None:
    """RuntimeError for a format that is not for tensors of ndim dimensions."""
    rank = RANKS.get(form, ndim)  # type: ignore[arg-type]
    if rank != ndim:
        raise RuntimeError(f"{name}(): required rank {rank} tensor to use {form}, got rank {ndim}")
