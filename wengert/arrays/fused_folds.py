"""Words along a dimension whose results have a lane each: products, running extremes, distances.

Here: what stands in front of the general words. Not here: the kernels (`kernels/folds.py`,
`kernels/distances.py`), and which words there are (`fused.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..kernels import folds, jobs
from .numpy_direct import library as np

Word = Callable[..., Any]
WIDE, FEW = 512, 64  # products of everything that are made beside each other
SOME = 512  # distances for which a kernel may pay
THREE = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


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


def prod_backward(general: Word) -> Word:
    """By division, in two passes, but for lines along dim that may have a zero: the general way."""

    def f(g: Any, x: Any, out: Any, dim: Any = None, keepdim: bool = False) -> Any:
        d = x.dtype
        plain = d in jobs.WORDS and g.dtype is out.dtype is d and type(g) is type(out) is np.ndarray
        if not plain or x.size < folds.LEAST or not (dim is None or type(dim) is int):
            return general(g, x, out, dim, keepdim)
        lone = np.flatnonzero(~(np.abs(out) > 0))  # what is nan may be nan times zero
        if lone.size and not x.all():  # one zero, and no line is divided by what is not finite
            if dim is None or x.ndim == 1:
                return general(g, x, out, dim, keepdim)
            lone = np.flatnonzero(~(np.abs(out) > 0) | ~np.isfinite(out))
        if dim is not None and x.ndim > 1 and not keepdim:
            g, out = np.expand_dims(g, dim), np.expand_dims(out, dim)
        slope = np.divide(out, x)
        np.multiply(slope, g, slope)
        if lone.size and dim is not None and x.ndim > 1:
            lines = [np.moveaxis(a, dim, -1) for a in (g, x, out, slope)]
            at = np.unravel_index(lone, lines[1].shape[:-1])
            lines[3][at] = general(*[a[at] for a in lines[:3]], 1, True)
        return slope

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


def distances(general: Word) -> Word:
    def f(x: Any, y: Any, p: float = 2.0) -> Any:
        if p <= 2 and x.size * y.shape[-2] >= SOME and type(x) is type(y) is np.ndarray:
            found = _distances().between(x, y, p)
            if found is not None:
                return found
        return general(x, y, p)

    return f


def distances_backward(general: Word) -> Word:
    def f(g: Any, x: Any, y: Any, out: Any, p: float = 2.0, needs: Any = (True, True)) -> Any:
        if p == 0 and type(g) is np.ndarray:  # steps have no slope
            return tuple([np.zeros(a.shape, g.dtype) if n else None for a, n in zip((x, y), needs)])
        if p == 2 and type(g) is type(out) is np.ndarray and out.size >= SOME:
            found = _distances().euclidean_backward(g, x, y, out, needs)
            if found is not None:
                return found
        return general(g, x, y, out, p, needs)

    return f


def cross(general: Word) -> Word:
    """By components: what is rolled along 3 elements is copied 3 by 3."""

    def f(x: Any, y: Any, dim: int = -1) -> Any:
        plain = type(x) is type(y) is np.ndarray and x.shape == y.shape and x.dtype is y.dtype
        if not plain or x.dtype not in jobs.WORDS or x.shape[dim] != 3:
            return general(x, y, dim)
        out = np.empty(x.shape, x.dtype)
        a, b, c = x.swapaxes(0, dim), y.swapaxes(0, dim), out.swapaxes(0, dim)
        for i, j, k in THREE:
            np.subtract(a[j] * b[k], a[k] * b[j], c[i, ...])
        return out

    return f


@functools.cache
def _distances() -> Any:
    from ..kernels import distances

    return distances


WORDS: dict[str, Callable[[Word], Word]] = {
    "prod": prod,
    "prod_backward": prod_backward,
    "cdist": distances,
    "cross": cross,
    "cdist_backward": distances_backward,
    "cumprod": running("cumprod"),
    "cummax_raw": running("cummax"),
    "cummin_raw": running("cummin"),
}
