"""What needs hardware that is never there: the names exist, and refuse when they are used."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "GdsFile", "Graph", "SparseSemiStructuredTensor", "_create_jit_fn",
    "_create_multi_output_jit_fn", "_sleep", "gds_deregister_buffer", "gds_register_buffer",
    "to_sparse_semi_structured",
]  # fmt: skip

NO_GDS = (
    "torch.cuda.gds: files are read by the CPU here: torch.load, or numpy.fromfile, and .to('cuda')"
)

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
        raise RuntimeError(NO_GDS)


def gds_register_buffer(s: Any) -> NoReturn:
    """Refused, with RuntimeError."""
    raise RuntimeError(NO_GDS)


def gds_deregister_buffer(s: Any) -> NoReturn:
    """Refused, with RuntimeError."""
    raise RuntimeError(NO_GDS)


class Graph:
    """Refused, with RuntimeError: work recorded once and replayed.

    keep_graph: accepted. pool: accepted. capture_error_mode: accepted.

    >>> torch.accelerator.Graph()
    Traceback (most recent call last):
        ...
    RuntimeError: torch.accelerator.Graph: graphs of an accelerator cannot be recorded from ...
    """

    def __init__(
        self, keep_graph: bool = False, *, pool: Any = None, capture_error_mode: str = "default"
    ) -> None:
        raise RuntimeError(
            "torch.accelerator.Graph: graphs of an accelerator cannot be recorded from Python here "
            "yet: call the function itself"
        )


def _create_jit_fn(code_string: str, **kwargs: Any) -> NoReturn:
    """Refused, with RuntimeError."""
    raise RuntimeError(
        "torch.cuda.jiterator: CUDA C++ is not compiled here: write the function with torch's "
        "functions and torch.compile, or with CuPy's ElementwiseKernel"
    )


def _create_multi_output_jit_fn(code_string: str, num_outputs: int, **kwargs: Any) -> NoReturn:
    """Refused, with RuntimeError."""
    _create_jit_fn(code_string)


def _sleep(cycles: int) -> NoReturn:
    """Refused, with RuntimeError."""
    raise RuntimeError(
        "torch.cuda._sleep() keeps a GPU busy for a test of PyTorch's own: use time.sleep"
    )
