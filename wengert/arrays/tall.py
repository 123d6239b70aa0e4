"""Decompositions of one tall matrix with few columns, by the products of its columns.

With the triangle R of a Cholesky decomposition of these, x R^-1 has columns that are orthogonal to
about the square of x's condition times what is lost in the products. That is all for matrices of a
small condition; for others the columns of x R^-1 are treated once more. Where even that is not
exact, the functions give None, and LAPACK is asked, whose choice of signs is kept.

Yamamoto, Nakatsukasa, Yanagisawa, Fukaya: Roundoff error analysis of the CholeskyQR2 algorithm.
Electron. Trans. Numer. Anal. 44, 2015. Ballard, Demmel, Grigori, Jacquelin, Knight, Nguyen:
Reconstructing Householder vectors from tall-skinny QR. J. Parallel Distrib. Comput. 85, 2015.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .numpy_fast_paths import F32, F64, matmul

Array = Any
LEAST, SQUARE = 1 << 13, 1 << 10  # elements; those where U is to be square
STEEP = 20  # rows for each column, at least
SMALL = 4.0  # the condition up to which once is enough
LARGE = {F32: 1e4, F64: 1e7}  # up to which twice is
TINY = {F32: 1e-20, F64: 1e-200}  # squares of columns of which too much may have been lost


@functools.cache
def _kernel() -> Any:
    from ..kernels import gram

    return gram


def suits(x: Array, least: int = LEAST) -> bool:
    """Whether x is one tall matrix, of at least so many elements."""
    d = x.dtype
    if x.ndim != 2 or x.size < least or not (d is F32 or d is F64):
        return False
    return x.shape[0] >= STEEP * x.shape[1]


def _triangle(products: Array, least: float) -> tuple[Array, Array, float] | None:
    """R, its inverse and its condition, all in double precision."""
    if not np.isfinite(products).all() or products.diagonal().min() < least:
        return None
    try:
        r = np.linalg.cholesky(products).T
        inverse = np.linalg.inv(r)
    except np.linalg.LinAlgError:
        return None
    condition = float(np.linalg.norm(r, 2) * np.linalg.norm(inverse, 2))
    return (r, inverse, condition) if np.isfinite(condition) else None


def _turned(top: Array) -> Array | None:
    """The signs that reflections give to columns whose first rows are `top`; None where a column is
    one of the unit matrix by then, which reflections leave as it is.
    """
    w = np.array(top, np.float64)
    signs = np.empty(len(w))
    for j in range(len(w)):
        pivot = w[j, j]
        signs[j] = s = -1.0 if pivot >= 0 else 1.0
        if abs(pivot) > 1 - 1e-6:
            return None
        column = w[:, j].copy()
        column[j] -= s
        w += np.outer(column, np.where(np.arange(len(w)) > j, w[j] * (s / (1 - s * pivot)), 0))
    return signs


def _factors(x: Array, signed: bool = True) -> tuple[Array, Array, Array] | None:
    """(y, M, R), of which y M is Q; M and R in double precision."""
    d = x.dtype
    n = x.shape[1]
    products = _kernel().gram(x)
    found = None if products is None else _triangle(products, TINY[x.dtype])
    if found is None or found[2] > LARGE[d]:
        return None
    r, inverse, condition = found
    if condition > SMALL:
        x = matmul(x, inverse.astype(d))
        again = _triangle(_kernel().gram(x), TINY[d])
        if again is None or again[2] > SMALL:
            return None
        r, inverse = again[0] @ r, again[1]
    if not signed:
        return x, inverse, r
    signs = _turned(x[:n] @ inverse)
    return None if signs is None else (x, inverse * signs, r * signs[:, None])


def qr(x: Array, orthogonal: bool = True) -> tuple[Array, Array] | None:
    """(Q, R) of x; Q is empty unless it is wanted."""
    found = _factors(x)
    if found is None:
        return None
    y, m, r = found
    q = matmul(y, m.astype(x.dtype)) if orthogonal else np.empty((0,), x.dtype)
    return q, r.astype(x.dtype)


def svd(x: Array, full: bool = False) -> tuple[Array, Array, Array] | None:
    """(U, S, Vh), reduced; full: with all columns of U, the further ones those that reflections
    give.
    """
    found = _factors(x)
    if found is None:
        return None
    y, m, r = found
    u, s, vh = np.linalg.svd(r)
    d, n = x.dtype, x.shape[1]
    first = matmul(y, (m @ u).astype(d))
    if not full:
        return first, s.astype(d), vh.astype(d)
    # the product of reflections whose first columns are q: 1 - b b_top^-T b^T with b = 1 - q
    q = matmul(y, m.astype(d))
    b = -q
    b[range(n), range(n)] += 1
    every = matmul(matmul(b, np.linalg.inv(b[:n].astype(F64)).T.astype(d)), q.T)
    every[range(n, len(q)), range(n, len(q))] += 1
    every[:, :n] = first
    return every, s.astype(d), vh.astype(d)


def svdvals(x: Array) -> Array | None:
    """Singular values."""
    found = _factors(x, False)
    return None if found is None else np.linalg.svd(found[2], compute_uv=False).astype(x.dtype)


def inverse(x: Array) -> tuple[Array, Array] | None:
    """(pseudo-inverse, singular values) of a matrix of small condition."""
    products = _kernel().gram(x)
    found = None if products is None else _triangle(products, TINY[x.dtype])
    if found is None or found[2] > SMALL:
        return None
    r, back, _ = found
    s = np.linalg.svd(r, compute_uv=False)
    return np.matmul((back @ back.T).astype(x.dtype), x.T), s.astype(x.dtype)


def lstsq(x: Array, y: Array, rcond: float) -> tuple[Array, Array] | None:
    """(least squares solution, singular values) of a matrix whose rank nobody doubts."""
    d, n = x.dtype, x.shape[1]
    if y.ndim != 2 or y.dtype is not d:
        return None
    products = _kernel().gram(x, y)
    found = None if products is None else _triangle(products[:n, :n], TINY[d])
    if found is None or found[2] > LARGE[d] or found[2] * max(rcond, 0.0) > 0.9:
        return None
    r, inverse, condition = found
    back = inverse
    if condition > SMALL:
        products = _kernel().gram(matmul(x, inverse.astype(d)), y)
        again = _triangle(products[:n, :n], TINY[d])
        if again is None or again[2] > SMALL:
            return None
        r, inverse, back = again[0] @ r, again[1], inverse @ again[1]
    solution = back @ (inverse.T @ products[:n, n:])
    s = np.linalg.svd(r, compute_uv=False)
    return solution.astype(d), s.astype(d)
