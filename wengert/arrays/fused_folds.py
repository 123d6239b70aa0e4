"""Words along a dimension whose results have a lane each: products, running extremes, the largest.

Here: what stands in front of the general words. Not here: the kernel (`kernels/folds.py`), and
which words there are (`fused.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernels import folds, ordering

Word = Callable[..., Any]


def prod(general: Word) -> Word:
    def f(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if x.size >= folds.LEAST and type(dim) is int:
            found = folds.along(x, dim, "prod")
            if found is not None:
                shape = list(x.shape)
                shape[dim : dim % x.ndim + 1] = [1] * keepdim
                return found[0].reshape(shape)
        return general(x, dim, keepdim)

    return f


def running(kind: str) -> Callable[[Word], Word]:
    """word(x, dim); of extremes also where they are."""

    def wrapped(general: Word) -> Word:
        def f(x: Any, dim: int = 0) -> Any:
            found = folds.along(x, dim, kind) if x.size >= folds.LEAST else None
            if found is None:
                return general(x, dim)
            return found[0] if kind == "cumprod" else found

        return f

    return wrapped


def topk_along(general: Word) -> Word:
    """Values and places of the largest of short rows at once."""

    def f(x: Any, k: int = 1, dim: int = -1, largest: bool = True) -> Any:
        if x.size >= ordering.LEAST and x.ndim:
            found = ordering.ranked(x, dim, 0, k, largest, True)
            if found is not None:
                return found
        return general(x, k, dim, largest)

    return f


WORDS: dict[str, Callable[[Word], Word]] = {
    "prod": prod,
    "topk_along": topk_along,
    "cumprod": running("cumprod"),
    "cummax_raw": running("cummax"),
    "cummin_raw": running("cummin"),
}
