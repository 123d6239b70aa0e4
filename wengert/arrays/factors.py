"""Words that make and use factors as LAPACK packs them: solving with those of Cholesky and LU, LU
taken apart, LDL, Householder reflections. First argument: the library.

Batches are in the dimensions before the last two. The LU factorisation itself, and equations with
plain matrices, are in `linalg.py`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..kernels import small_symmetric
from .capabilities import ON_HOST
from .linalg import (
    _info,
    accepted,
    each,
    lapack,
    permutation_matrix,
    solve_triangular,
    threaded,
)
from .numpy_fast_paths import tril, triu

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "householder_product",
    "ldl_factor",
    "ldl_solve",
    "lu_solve",
    "lu_unpack",
    "reflected",
]


def single(lib: Any, *arrays: Any) -> bool:
    """Whether these are one problem of the CPU, with nothing empty."""
    return lib in ON_HOST and all([a.ndim < 3 and a.size for a in arrays])


# ---- Cholesky


@threaded
def cholesky_solve(lib: Any, x: Any, y: Any, upper: bool = False) -> Any:
    """The solution of A @ out = y, given the Cholesky factor x of A."""
    if single(lib, x, y):
        (potrs,) = lapack(("potrs",), x.dtype)
        return np.ascontiguousarray(potrs(x, y, lower=not upper)[0])
    xh = x.conj().swapaxes(-1, -2)
    low, high = (xh, x) if upper else (x, xh)
    half = solve_triangular(lib, low, y, False, False)
    return solve_triangular(lib, high, half, True, False)


@threaded
def cholesky_inverse(lib: Any, x: Any, upper: bool = False) -> Any:
    """The inverse of L L^H (or U^H U)."""
    f = x.conj().swapaxes(-1, -2) if upper else x
    left = solve_triangular(lib, f, lib.eye(x.shape[-1], dtype=x.dtype), False, False)
    return lib.matmul(left.conj().swapaxes(-1, -2), left)


# ---- LU


@threaded
def lu_solve(
    lib: Any, x: Any, pivots: Any, y: Any, left: bool = True, adjoint: bool = False
) -> Any:
    """The solution of A @ out = y (left=False: out @ A = y; adjoint: with A^H), given A's LU."""
    if lib in ON_HOST and x.ndim == y.ndim == 2 and not y.size:
        return lib.zeros(y.shape, y.dtype)
    if not left:  # the adjoint problem
        out = lu_solve(lib, x, pivots, y.conj().swapaxes(-1, -2), True, not adjoint)
        return lib.ascontiguousarray(out.conj().swapaxes(-1, -2))
    if single(lib, x, y):
        return _getrs(x, pivots, y, adjoint)[0]
    if not x.size or not y.size:
        return lib.zeros((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), *y.shape[-2:]), y.dtype)
    if lib in ON_HOST:
        return each(lib, lambda a, p, b: _getrs(a, p, b, adjoint), x, pivots, y, cores=(2, 1, 2))[0]
    p = permutation_matrix(lib, pivots, x.shape[-1], x.dtype)
    if adjoint:
        xh = x.conj().swapaxes(-1, -2)
        half = solve_triangular(lib, xh, y, False, False)
        return lib.matmul(p, solve_triangular(lib, xh, half, True, True))
    half = solve_triangular(lib, x, lib.matmul(p.swapaxes(-1, -2), y), False, True)
    return solve_triangular(lib, x, half, True, False)


def inside(name: str, maker: str, pivots: Any, n: int) -> None:
    """RuntimeError unless pivots are rows: LAPACK would write elsewhere in memory."""
    if pivots.size and (pivots.min() < 1 or pivots.max() > n):
        raise RuntimeError(
            f"{name}: pivots must be between 1 and {n}, the rows of the factor, as {maker} returns"
            f" them; they reach from {pivots.min()} to {pivots.max()}"
        )


def _getrs(x: Any, pivots: Any, y: Any, adjoint: bool) -> tuple[Any]:
    inside("linalg.lu_solve", "torch.linalg.lu_factor", pivots, len(x))
    (getrs,) = lapack(("getrs",), x.dtype)
    out, _ = getrs(x, pivots - 1, y, 2 if adjoint else 0)
    return (np.ascontiguousarray(out),)


def lu_unpack(lib: Any, x: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """(P, L, U) of matrices that hold L and U."""
    m, n = x.shape[-2:]
    k = min(m, n)
    some, last = x[..., :k], x[..., :k, :]
    low, up = (
        (tril(some, -1), triu(last)) if lib in ON_HOST else (lib.tril(some, -1), lib.triu(last))
    )
    if lib not in ON_HOST or x.ndim > 2:
        i = lib.arange(k)
        low[..., i, i] = 1
        return permutation_matrix(lib, pivots, m, x.dtype), low, up
    low.reshape(-1)[: k * k : k + 1] = 1
    order = list(range(m))
    for j, p in enumerate(pivots.tolist()):
        order[j], order[p - 1] = order[p - 1], order[j]
    p = lib.zeros((m, m), x.dtype)
    p[order, range(m)] = 1
    return p, low, up


# ---- LDL


def ldl_factor(
    lib: Any, x: Any, hermitian: bool = False, checked: bool = False
) -> tuple[Any, Any, Any]:
    """(L and D in one matrix, pivots, order of the first zero block or 0); checked: ValueError
    unless it is 0.
    """
    found = small_symmetric.ldl(x) if lib in ON_HOST else None
    if found is None and single(lib, x):
        found = _sytrf(x, hermitian)
    elif found is None:
        found = each(lib, lambda a: _sytrf(a, hermitian), x)
    return accepted(found) if checked else found


@functools.lru_cache(256)
def _work(name: str, dtype: Any, n: int) -> int:
    """The size of the memory that a LAPACK routine works in for matrices (n, n)."""
    (ask,) = lapack((name,), dtype)
    return int(ask(n, lower=1)[0].real)


def _sytrf(a: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    n = a.shape[0]
    if a.size == 0:
        return a.copy(), np.zeros(n, np.int32), _info()
    name = _symmetric(a, hermitian, "trf")
    (trf,) = lapack((name,), a.dtype)
    work = _work(f"{name}_lwork", a.dtype, n)
    ld, pivots, info = trf(a, lwork=work, lower=1)  # which leaves the upper triangle as it is
    return tril(np.ascontiguousarray(ld)), pivots.astype(np.int32, copy=False), _info(info)


def _symmetric(a: Any, hermitian: bool, name: str) -> str:
    return ("he" if hermitian and a.dtype.kind == "c" else "sy") + name


def ldl_solve(lib: Any, x: Any, pivots: Any, y: Any, hermitian: bool = False) -> Any:
    """The solution from ldl_factor's results."""

    def one(ld: Any, p: Any, b: Any) -> tuple[Any]:
        if b.size == 0:
            return (b.copy(),)
        inside("linalg.ldl_solve", "torch.linalg.ldl_factor", abs(p), len(ld))
        (trs,) = lapack((_symmetric(ld, hermitian, "trs"),), ld.dtype)
        out, _ = trs(ld, p, b, lower=1)
        return (np.ascontiguousarray(out),)

    return each(lib, one, x, pivots, y, cores=(2, 1, 2))[0]


# ---- reflections


def householder_product(lib: Any, x: Any, tau: Any) -> Any:
    """The first columns, as many as x has, of the product of the reflections in its columns."""

    def one(a: Any, t: Any) -> tuple[Any]:
        if not a.size or not t.size:
            return (np.eye(*a.shape, dtype=a.dtype),)
        (gqr,) = lapack(("ungqr" if a.dtype.kind == "c" else "orgqr",), a.dtype)
        return (np.ascontiguousarray(gqr(a, t)[0]),)

    if single(lib, x, tau):
        return one(x, tau)[0]
    return each(lib, one, x, tau, cores=(2, 1))[0]


def reflected(lib: Any, x: Any, tau: Any, y: Any, inverse: bool = False) -> Any:
    """The product Q of the reflections in the columns of x, or its inverse, times y."""

    def one(a: Any, t: Any, b: Any) -> tuple[Any]:
        if not t.size or not b.size:
            return (b.copy(),)
        complex_ = a.dtype.kind == "c"
        (mqr,) = lapack(("unmqr" if complex_ else "ormqr",), a.dtype)
        trans = ("C" if complex_ else "T") if inverse else "N"
        out, _, _ = mqr("L", trans, a[:, : len(t)], t, b, max(1, b.shape[1]) * 32)
        return (np.ascontiguousarray(out),)

    if single(lib, x, tau, y):
        return one(x, tau, y)[0]
    return each(lib, one, x, tau, y, cores=(2, 1, 2))[0]
