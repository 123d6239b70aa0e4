"""Words along a dimension whose results have a lane each: products, running extremes.

Here: what stands in front of the general words. Not here: the kernel (`kernels/folds.py`), and
which words there are (`fused.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import folds, jobs

Word = Callable[..., Any]
WIDE, FEW = 512, 64  # products of everything that are made beside each other


def prod(general: Word) -> Word:
    def f(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if x.size >= folds.LEAST and type(dim) is int:
            found = folds.along(x, dim, "prod")
            if found is not None:
                shape = list(x.shape)
                shape[dim : dim % x.ndim + 1] = [1] * keepdim
                return found[0].reshape(shape)
        if dim is None and x.size >= FEW * FEW and x.dtype in jobs.WORDS and x.flags.c_contiguous:
            wide = WIDE if x.size >= WIDE * FEW else FEW
            flat, whole = x.reshape(-1), x.size - x.size % wide
            parts = np.multiply.reduce(flat[:whole].reshape(-1, wide), 0)
            total = np.multiply.reduce(parts) * np.multiply.reduce(flat[whole:])
            return np.asarray(total, x.dtype).reshape((1,) * (x.ndim * keepdim))
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


WORDS: dict[str, Callable[[Word], Word]] = {
    "prod": prod,
    "cumprod": running("cumprod"),
    "cummax_raw": running("cummax"),
    "cummin_raw": running("cummin"),
}
