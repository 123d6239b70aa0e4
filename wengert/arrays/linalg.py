"""Words of linear algebra: factorisations, solving. First argument: the library.

Every word takes batches of matrices in the last two dimensions. What NumPy's linear algebra does
for a whole batch goes there; the rest calls LAPACK through scipy, one matrix at a time. Not here:
eigenvalues and singular values (`spectra.py`). Derivatives and checks are in
`ops/linalg/decompositions.py`, `ops/linalg/solve.py` and `ops/linalg/matrix.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from ..kernels import small_factors as factors
from ..kernels import small_matrices as small
from ..kernels import threads
from . import tall
from .capabilities import ON_HOST
from .matrix_exponentials import exponentials
from .numpy_fast_paths import triu

__all__ = [
    "triangle",
    "diag_vector",
    "diag_matrix",
    "cholesky",
    "qr",
    "lu_factor",
    "permutation_matrix",
    "inv",
    "solve",
    "solve_triangular",
    "det",
    "slogdet",
    "geqrf_factor",
    "matrix_exp",
]


def host(a: Any) -> Any:
    """An array in the memory of the CPU."""
    return a if isinstance(a, np.ndarray) else a.get()


LARGE = 200  # rows from which LAPACK gains from threads


def threaded(word: Callable[..., Any]) -> Callable[..., Any]:
    """A word with all threads for the BLAS library while matrices are large."""

    @functools.wraps(word)
    def f(lib: Any, x: Any, *args: Any, **options: Any) -> Any:
        if lib in ON_HOST and x.ndim > 1 and x.shape[-2] >= LARGE:
            with threads.blas_threads():
                return word(lib, x, *args, **options)
        return word(lib, x, *args, **options)

    return f


def each(
    lib: Any, f: Callable[..., Any], *arrays: Any, cores: tuple[int, ...] | None = None
) -> tuple[Any, ...]:
    """f (returning a tuple of arrays) on each matrix of broadcast batches, results joined.

    cores: how many trailing dimensions of each array f takes (2 unless told).
    """
    on_host = arrays if lib in ON_HOST else [host(a) for a in arrays]
    cores = cores or (2,) * len(arrays)
    lead = {a.shape[: a.ndim - c] for a, c in zip(on_host, cores)}
    batch = lead.pop() if len(lead) == 1 else np.broadcast_shapes(*lead)
    n = math.prod(batch)
    if not batch:
        return tuple([lib.asarray(o) for o in f(*on_host)])
    if n == 0:  # learn the shapes from matrices of ones
        shapes = f(*[np.ones(a.shape[a.ndim - c :], a.dtype) for a, c in zip(on_host, cores)])
        return tuple([lib.empty((*batch, *np.shape(o)), np.asarray(o).dtype) for o in shapes])
    flat = []
    for a, c in zip(on_host, cores):
        core = a.shape[a.ndim - c :]
        if a.shape != (*batch, *core):
            a = np.broadcast_to(a, (*batch, *core))
        flat.append(a.reshape(n, *core))
    parts = zip(*map(f, *flat))
    return tuple([lib.asarray(np.array(p).reshape(*batch, *np.shape(p[0]))) for p in parts])


@functools.cache
def lapack(names: tuple[str, ...], dtype: Any) -> Any:
    """LAPACK routines for a dtype."""
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs(names, dtype=dtype)


@functools.cache
def blas(name: str, dtype: Any) -> Any:
    """A BLAS routine for a dtype."""
    from scipy.linalg import get_blas_funcs

    return get_blas_funcs((name,), dtype=dtype)[0]


def _info(n: int = 0) -> Any:
    return np.asarray(n, np.int32)


# ---- parts of matrices


def triangle(lib: Any, x: Any, diagonal: int = 0, upper: bool = False) -> Any:
    """The lower (or upper) triangle of matrices, zero elsewhere."""
    return lib.triu(x, diagonal) if upper else lib.tril(x, diagonal)


def diag_vector(lib: Any, x: Any) -> Any:
    """The main diagonals."""
    return x.diagonal(0, -2, -1).copy()


def diag_matrix(lib: Any, x: Any, rows: int | None = None, columns: int | None = None) -> Any:
    """Matrices of a size (square unless told) with x on the main diagonal."""
    k = x.shape[-1]
    out = lib.zeros(
        (*x.shape[:-1], k if rows is None else rows, k if columns is None else columns), x.dtype
    )
    i = lib.arange(k)
    out[..., i, i] = x
    return out


@threaded
def cholesky(lib: Any, x: Any, upper: bool = False, checked: bool = False) -> tuple[Any, Any]:
    """(factor, order of the first minor that is not positive, or 0); checked: ValueError unless it
    is 0.
    """
    if lib in ON_HOST and x.ndim == 2 and x.size:
        found = _potrf(x, upper)
        trace = found[0].trace()
        if trace != trace:  # LAPACK's comparisons let nan pass
            found = _choleskies(lib, x, upper)
    else:
        found = _choleskies(lib, x, upper)
    return accepted(found) if checked else found


def accepted(found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Results whose last is LAPACK's report; ValueError unless it is 0."""
    info = found[-1]
    if info.any() if info.ndim else info:
        raise ValueError("a matrix has no such factor, or no inverse")
    return found


def _choleskies(lib: Any, x: Any, upper: bool) -> tuple[Any, Any]:
    if not x.size:
        return x.copy(), lib.zeros(x.shape[:-2], np.int32)
    if lib in ON_HOST and (found := factors.cholesky(x, upper)) is not None:
        return found, lib.zeros(x.shape[:-2], np.int32)
    try:
        out = lib.linalg.cholesky(x, upper=upper) if lib in ON_HOST else _cholesky(lib, x, upper)
        bad = lib.isnan(out.diagonal(0, -2, -1))  # LAPACK's comparisons let nan pass
        if bad.any():
            return out, lib.where(bad.any(-1), bad.argmax(-1) + 1, 0).astype(np.int32)
        return out, lib.zeros(x.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        return each(lib, lambda a: _potrf(a, upper), x)


def _cholesky(lib: Any, x: Any, upper: bool) -> Any:
    out = lib.linalg.cholesky(x.swapaxes(-1, -2).conj() if upper else x)
    return out.swapaxes(-1, -2).conj() if upper else out


def _potrf(a: Any, upper: bool) -> tuple[Any, Any]:
    (potrf,) = lapack(("potrf",), a.dtype)
    out, info = potrf(a, lower=not upper, clean=True)
    return np.ascontiguousarray(out), _info(info)


FEW = 1 << 10  # elements of a matrix up to which LAPACK's blocks do not matter


def reflections(x: Any, orthogonal: bool = True) -> tuple[Any, Any]:
    """(Q, R) of one matrix that is small, or has few columns; Q is empty unless it is wanted."""
    geqrf, gqr = lapack(("geqrf", "ungqr" if x.dtype.kind == "c" else "orgqr"), x.dtype)
    out, tau, _, _ = geqrf(x)
    k = len(tau)
    r = triu(np.ascontiguousarray(out[:k]))
    return np.ascontiguousarray(gqr(out[:, :k], tau)[0]) if orthogonal else x[:0, 0], r


@threaded
def qr(lib: Any, x: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """(Q, R); Q is empty in mode 'r'."""
    if lib in ON_HOST and (found := factors.qr(x, mode == "complete")) is not None:
        return (lib.empty((0,), x.dtype), found[1]) if mode == "r" else found
    if lib in ON_HOST and mode != "complete" and tall.suits(x):
        found = tall.qr(x, mode == "reduced")
        if found is not None:
            return found
        return reflections(x, mode == "reduced")  # NumPy's computes in double precision
    if mode == "reduced" and lib in ON_HOST and x.ndim == 2 and 0 < x.size <= FEW:
        return reflections(x)
    if mode == "r":
        return lib.empty((0,), x.dtype), lib.linalg.qr(x, "r")
    m, n = x.shape[-2:]
    if min(m, n) == 0:
        k = m if mode == "complete" else 0
        q = lib.zeros((*x.shape[:-2], m, k), x.dtype)
        q[...] = lib.eye(m, k)
        return q, lib.zeros((*x.shape[:-2], k, n), x.dtype)
    q, r = lib.linalg.qr(x, mode)
    return q, r


@threaded
def lu_factor(lib: Any, x: Any, checked: bool = False) -> tuple[Any, Any, Any]:
    """(L and U in one matrix, pivots counted from 1, order of the first zero on the diagonal of U
    or 0); checked: ValueError unless it is 0.
    """
    found = _lu_factors(lib, x)
    return accepted(found) if checked else found


def _lu_factors(lib: Any, x: Any) -> tuple[Any, Any, Any]:
    if lib in ON_HOST and x.ndim == 2:
        return _getrf(x)
    found = small.lu(x) if lib in ON_HOST else None
    if found is not None:
        return found
    count = math.prod(x.shape[:-2])
    if x.size and count > 3 * min(x.shape[-2:]):
        parts = eliminated(host(x).reshape(count, *x.shape[-2:]).copy())
        return tuple([lib.asarray(p.reshape(*x.shape[:-2], *p.shape[1:])) for p in parts])
    return each(lib, _getrf, x)


def eliminated(a: Any) -> tuple[Any, Any, Any]:
    """lu_factor for many small matrices (count, m, n), overwritten: one column at a time, of all
    of them at once.
    """
    count, m, n = a.shape
    k = min(m, n)
    every = np.arange(count)
    pivots, info = np.empty((count, k), np.int32), np.zeros(count, np.int32)
    for i in range(k):
        column = a[:, i:, i]
        size = np.abs(column.real) + np.abs(column.imag) if a.dtype.kind == "c" else np.abs(column)
        best = size.argmax(1) + i
        pivots[:, i] = best + 1
        a[every, i], a[every, best] = a[every, best], a[every, i]
        pivot = a[:, i, i]
        zero = pivot == 0
        info[zero & (info == 0)] = i + 1
        a[:, i + 1 :, i] /= np.where(zero, 1, pivot)[:, None]
        a[:, i + 1 :, i + 1 :] -= a[:, i + 1 :, i, None] * a[:, None, i, i + 1 :]
    return a, pivots, info


def _getrf(a: Any) -> tuple[Any, Any, Any]:
    if a.size == 0:
        return a.copy(), np.zeros(min(a.shape), np.int32), _info()
    (getrf,) = lapack(("getrf",), a.dtype)
    lu, pivots, info = getrf(a)
    spoilt = np.isnan(lu.diagonal())
    if spoilt.any():  # some libraries do not divide by a pivot that is nan
        k = int(spoilt.argmax())
        lu[k + 1 :, k:] = np.nan
    return np.ascontiguousarray(lu), (pivots + 1).astype(np.int32), _info(info)


def permutation_matrix(lib: Any, pivots: Any, rows: int = 0, dtype: Any = None) -> Any:
    """P of A = P L U from pivots."""
    order = permutation(lib, pivots, rows)
    eye = lib.eye(rows, dtype=getattr(dtype, "np", dtype))
    return eye[order].swapaxes(-1, -2).copy()


def permutation(lib: Any, pivots: Any, rows: int) -> Any:
    """The order of the rows of A in L U."""
    batch = pivots.shape[:-1]
    out = np.broadcast_to(np.arange(rows), (*batch, rows)).copy()
    p = host(pivots).astype(np.int64) - 1
    for i in range(p.shape[-1]):
        j = p[..., i : i + 1]
        here, there = out[..., i : i + 1].copy(), np.take_along_axis(out, j, -1)
        np.put_along_axis(out, j, here, -1)
        out[..., i : i + 1] = there
    return lib.asarray(out)


def geqrf_factor(lib: Any, x: Any) -> tuple[Any, Any]:
    """(R above Householder vectors, their factors)."""

    def one(a: Any) -> tuple[Any, Any]:
        if a.size == 0:
            return a.copy(), np.zeros(min(a.shape), a.dtype)
        (geqrf,) = lapack(("geqrf",), a.dtype)
        out, tau, _, _ = geqrf(a)
        return np.ascontiguousarray(out), tau

    return each(lib, one, x)


# ---- solving


@threaded
def inv(lib: Any, x: Any, checked: bool = False) -> tuple[Any, Any]:
    """(inverse, order of the first zero pivot or 0); checked: ValueError unless it is 0."""
    found = _inverses(lib, x)
    _spoil(lib, x, found[0])
    return accepted(found) if checked else found


def _spoil(lib: Any, x: Any, out: Any) -> None:
    """Where x has a nan nothing solves it: libraries leave numbers below a pivot that is nan."""
    if lib not in ON_HOST or not out.size:
        return
    if out.ndim == 2:
        if out[0, 0] != out[0, 0] and np.isnan(x).any():
            out.fill(np.nan)
    elif np.isnan(out[..., 0, 0]).any():
        spoilt = np.isnan(x).any((-2, -1))
        out[np.broadcast_to(spoilt, out.shape[:-2])] = np.nan


def _inverses(lib: Any, x: Any) -> tuple[Any, Any]:
    found = small.solve(x, None) if lib in ON_HOST else None
    if found is not None:
        out, info = found
        if info.any():  # what solving for the columns of the identity leads to, infinities and nan
            bad = info > 0
            out[bad] = _solutions(lib, x[bad], np.eye(x.shape[-1], dtype=x.dtype))[0]
        return found
    try:
        return lib.linalg.inv(x), lib.zeros(x.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        eye = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
        return _solutions(lib, x, eye)


@threaded
def solve(lib: Any, x: Any, y: Any, checked: bool = False) -> tuple[Any, Any]:
    """(solution of x @ out = y for matrices y, order of the first zero pivot or 0); checked:
    ValueError unless it is 0.
    """
    found = _solutions(lib, x, y)
    _spoil(lib, x, found[0])
    return accepted(found) if checked else found


def _solutions(lib: Any, x: Any, y: Any) -> tuple[Any, Any]:
    if 0 in y.shape or 0 in x.shape:
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        return lib.zeros((*batch, *y.shape[-2:]), y.dtype), lib.zeros(x.shape[:-2], np.int32)
    found = small.solve(x, y) if lib in ON_HOST else None
    if found is not None:
        return found
    try:
        return lib.linalg.solve(x, y), lib.zeros(x.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        (info,) = each(lib, lambda a: (_getrf(a)[2],), x)

        def one(a: Any, b: Any) -> tuple[Any]:
            lu, pivots, singular = _getrf(a)
            if not singular and np.isfinite(a).all():
                with suppress(np.linalg.LinAlgError):  # rounding in another order can say otherwise
                    return (np.linalg.solve(a, b),)
            n = len(a)
            b = b[permutation(np, pivots, n)]
            with np.errstate(all="ignore"):  # infinite where nothing finite solves it
                return (substituted(np, lu, substituted(np, lu, b, False, True), True, False),)

        return each(lib, one, x, y)[0], info


@threaded
def solve_triangular(lib: Any, x: Any, y: Any, upper: bool = False, unit: bool = False) -> Any:
    """The solution of x @ out = y, reading one triangle of x; zeros on its diagonal give
    infinities.
    """
    if 0 in y.shape or 0 in x.shape:
        return lib.zeros((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), *y.shape[-2:]), y.dtype)
    if lib not in ON_HOST:
        import cupyx.scipy.linalg as cl

        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        xs = lib.broadcast_to(x, (*batch, *x.shape[-2:])).reshape(-1, *x.shape[-2:])
        ys = lib.broadcast_to(y, (*batch, *y.shape[-2:])).reshape(-1, *y.shape[-2:])
        out = [
            cl.solve_triangular(a, b, lower=not upper, unit_diagonal=unit) for a, b in zip(xs, ys)
        ]
        return lib.stack(out).reshape(*batch, *y.shape[-2:])
    trsm = blas("trsm", x.dtype if x.dtype == y.dtype else np.result_type(x, y))

    def one(a: Any, b: Any) -> tuple[Any]:
        # the transposed problem, so that row-major arrays need no copies: out.T @ a.T = b.T
        out = trsm(1, a.T, b.T, side=1, lower=upper, diag=unit).T
        size = np.vdot(out, out)
        if size - size != 0:  # blocks carry what is not finite into rows that do not read it
            with lib.errstate(all="ignore"):
                out = substituted(lib, a, b, upper, unit)
        return (out,)

    if x.ndim == y.ndim == 2:
        return one(x, y)[0]
    if math.prod(np.broadcast_shapes(x.shape[:-2], y.shape[:-2])) > x.shape[-1]:
        return substituted(lib, x, y, upper, unit)
    return each(lib, one, x, y)[0]


def substituted(lib: Any, x: Any, y: Any, upper: bool, unit: bool) -> Any:
    """solve_triangular for many small matrices: one row at a time, of all of them at once."""
    n = x.shape[-1]
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = lib.empty((*batch, *y.shape[-2:]), y.dtype)
    for i in range(n - 1, -1, -1) if upper else range(n):
        done = slice(i + 1, None) if upper else slice(None, i)
        row = y[..., i, :] - lib.matmul(x[..., i : i + 1, done], out[..., done, :])[..., 0, :]
        out[..., i, :] = row if unit else row / x[..., i, i, None]
    return out


@threaded
def det(lib: Any, x: Any) -> Any:
    """Determinants."""
    found = small.determinants(x, False) if lib in ON_HOST else None
    if found is not None:
        return found[0]
    return lib.asarray(lib.linalg.det(x) if x.size else lib.ones(x.shape[:-2], x.dtype))


@threaded
def slogdet(lib: Any, x: Any) -> tuple[Any, Any]:
    """(sign, logarithm of the absolute value) of determinants."""
    found = small.determinants(x, True) if lib in ON_HOST else None
    sign, logarithm = lib.linalg.slogdet(x) if found is None else found
    if x.dtype.kind != "c":  # nan has no sign
        sign = lib.where(lib.isnan(logarithm), x.dtype.type(0), sign)
    return lib.asarray(sign), lib.asarray(logarithm)


@threaded
def matrix_exp(lib: Any, x: Any) -> Any:
    """Exponentials of matrices."""
    if x.size == 0:
        return x.copy()
    if lib in ON_HOST:
        found = exponentials(x)
        if found is not None:
            return found
    from scipy.linalg import expm

    low = x.dtype.itemsize < 4
    out = expm(host(x).astype(np.float32) if low else host(x))
    return lib.asarray(out.astype(x.dtype))
