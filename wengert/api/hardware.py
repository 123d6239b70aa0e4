"""What needs hardware that is never there: the names exist, and refuse when they are used."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["GdsFile", "SparseSemiStructuredTensor", "_sleep", "to_sparse_semi_structured"]

TWO_OF_FOUR = (
    "two-of-four sparsity is a format of GPUs' tensor cores, which are not used here: multiply the "
    "weight by a mask, or use to_sparse() or to_sparse_csr()"
)


class SparseSemiStructuredTensor:
    """Refused, with RuntimeError. isinstance may ask for it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        raise RuntimeError(f"SparseSemiStructuredTensor: {TWO_OF_FOUR}")


def to_sparse_semi_structured(original_tensor: Any, transposed: bool = False) -> NoReturn:
    """Refused, with RuntimeError."""
    raise RuntimeError(f"to_sparse_semi_structured(): {TWO_OF_FOUR}")


class GdsFile:
    """Refused, with RuntimeError: files that a GPU reads by itself."""

    def __init__(self, filename: Any, flags: int = 0) -> None:
        raise RuntimeError(
            "torch.cuda.gds: files are read by the CPU here: torch.load, or numpy.fromfile, and "
            ".to('cuda')"
        )


def _sleep(cycles: int) -> NoReturn:
    """Refused, with RuntimeError."""
    raise RuntimeError(
        "torch.cuda._sleep() keeps a GPU busy for a test of PyTorch's own: use time.sleep"
    )
