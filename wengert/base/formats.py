"""Layouts and memory formats: their names, and which strides have a memory format."""

from __future__ import annotations

from collections.abc import Sequence


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
    (24, 1, 8, 2)
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
# the dimensions of a memory format, the outermost first
ORDERS = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}
OF_RANK = {len(order): form for form, order in ORDERS.items()}


def refuse_rank(form: memory_format | None, ndim: int) -> None:
    """RuntimeError for a format that is not for tensors of ndim dimensions."""
    order = ORDERS.get(form)  # type: ignore[arg-type]
    if order is not None and len(order) != ndim:
        raise RuntimeError(
            f"required rank {len(order)} tensor to use {str(form)[6:]} format, got rank {ndim}"
        )


def fits(form: memory_format, shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether elements lie without gaps in the order of channels_last or channels_last_3d.

    strides: in any unit of which the innermost step is one.
    """
    order = ORDERS[form]
    if len(shape) != len(order):
        return False
    step = 1
    for d in reversed(order):
        if shape[d] != 1:
            if strides[d] != step:
                return False
            step *= shape[d]
    return True


def format_of(shape: Sequence[int], strides: Sequence[int]) -> memory_format:
    """The memory format that strides suggest: a channels-last one where channels lie innermost and
    the other dimensions in order, else contiguous_format. Gaps do not matter, sizes of one do.
    """
    form = OF_RANK.get(len(shape))
    if form is None or not strides[1]:
        return contiguous_format
    least = 0
    for d in reversed(ORDERS[form]):
        # channels of one element in a batch of one image would fit every format
        if not shape[d] or strides[d] < least or not d and least == strides[1]:
            return contiguous_format
        least = strides[d] * max(shape[d], 1)
    return form
