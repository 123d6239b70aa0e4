"""Words of eigenvalues and singular values, and what is made of them: pseudo-inverses, ranks, least
squares. First argument: the library.

Many small matrices go to `kernels/small_spectra.py`, the rest to LAPACK. Derivatives and checks are
in `ops/linalg/decompositions.py` and `ops/linalg/solve.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ..base.errors import LinAlgError
from ..kernels import small_spectra as small
from . import tall
from .capabilities import ON_HOST
from .linalg import each, host, lapack, reflections, threaded
from .numpy_direct import library as np
from .numpy_direct import nonzeros

__all__ = [
    "svd",
    "svdvals",
    "eigh",
    "eigvalsh",
    "eig",
    "eigvals",
    "lstsq",
    "pinv",
    "matrix_rank",
]


@threaded
def svd(lib: Any, x: Any, full: bool = False) -> tuple[Any, Any, Any]:
    """(U, S, Vh)."""
    m, n = x.shape[-2:]
    if min(m, n) == 0:
        batch = x.shape[:-2]
        u = lib.zeros((*batch, m, m if full else 0), x.dtype)
        vh = lib.zeros((*batch, n if full else 0, n), x.dtype)
        if full:
            u[...], vh[...] = lib.eye(m), lib.eye(n)
        return u, lib.zeros((*batch, 0), x.real.dtype), vh
    x, infinite = finite_part(lib, x, "svd")
    found = small.svd(x, full) if lib in ON_HOST else None
    least = tall.SQUARE if full else tall.LEAST
    steep = x.size >= least and lib in ON_HOST and tall.suits(x, least)
    if steep and (found := tall.svd(x, full)) is None and not full:
        q, r = reflections(x)
        u, values, vh = _converging(lib.linalg.svd, r, full)
        found = np.matmul(q, u), values, vh
    parts = found or tuple(_converging(lib.linalg.svd, x, full))
    if infinite is not None:
        for part in parts:
            part[infinite] = math.nan
    return parts


@threaded
def svdvals(lib: Any, x: Any) -> Any:
    """Singular values."""
    if 0 in x.shape[-2:]:
        return lib.zeros((*x.shape[:-2], 0), x.real.dtype)
    x, infinite = finite_part(lib, x, "svd")
    values = None
    if (
        x.size >= tall.LEAST
        and lib in ON_HOST
        and tall.suits(x)
        and (values := tall.svdvals(x)) is None
    ):
        x = reflections(x, False)[1]  # which has them too
    if values is None and lib in ON_HOST and (found := small.svd(x, all=False)):
        values = found[1]
    if values is None:
        values = _converging(lib.linalg.svd, x, False, False)
    if infinite is not None:
        values[infinite] = math.nan
    return values


def all_finite(lib: Any, x: Any) -> bool:
    """Whether x holds neither nan nor an infinity."""
    if type(x) is np.ndarray:
        return bool(nonzeros(np.isfinite(x)) == x.size)
    return bool(lib.isfinite(x).all())


def finite_part(lib: Any, x: Any, name: str) -> tuple[Any, Any]:
    """(x with zeros for the matrices that hold an infinity, which these are or None).

    LinAlgError for nan. LAPACK may not return from either.
    """
    if type(x) is np.ndarray and nonzeros(np.isfinite(x)) == x.size or all_finite(lib, x):
        return x, None
    if lib.isnan(x).any():
        raise LinAlgError(
            f"linalg.{name}: the algorithm failed to converge because the input matrix contained "
            "non-finite values: find them with torch.isfinite(A)"
        )
    infinite = ~lib.isfinite(x).all((-2, -1))
    return lib.where(infinite[..., None, None], x.dtype.type(0), x), infinite


def finite(lib: Any, x: Any, name: str) -> Any:
    """x; LinAlgError unless all of it is finite."""
    if type(x) is np.ndarray and nonzeros(np.isfinite(x)) == x.size:
        return x
    if not all_finite(lib, x):
        raise LinAlgError(
            f"linalg.{name}: the input matrix contained non-finite values: find them with "
            "torch.isfinite(A)"
        )
    return x


@threaded
def eigh(lib: Any, x: Any, lower: bool = True) -> tuple[Any, Any]:
    """(values, vectors) of Hermitian matrices, read from one triangle."""
    finite(lib, x, "eigh")
    if lib in ON_HOST and (found := small.eigh(x, lower)) is not None:
        return found
    values, vectors = _converging(lib.linalg.eigh, x, "L" if lower else "U")
    return values, vectors


@threaded
def eigvalsh(lib: Any, x: Any, lower: bool = True) -> Any:
    """Eigenvalues of Hermitian matrices."""
    finite(lib, x, "eigvalsh")
    if lib in ON_HOST and (found := small.eigh(x, lower, False)) is not None:
        return found[0]
    return _converging(lib.linalg.eigvalsh, x, "L" if lower else "U")


@threaded
def eig(lib: Any, x: Any) -> tuple[Any, Any]:
    """(values, vectors), complex."""
    c = np.result_type(x.dtype, np.complex64)
    x = finite(lib, x, "eig")
    if lib in ON_HOST:
        values, vectors = _converging(lib.linalg.eig, x)
        return values.astype(c), vectors.astype(c)
    values, vectors = _converging(np.linalg.eig, host(x))
    return lib.asarray(values.astype(c)), lib.asarray(vectors.astype(c))


@threaded
def eigvals(lib: Any, x: Any) -> Any:
    """Eigenvalues, complex."""
    c = np.result_type(x.dtype, np.complex64)
    x = finite(lib, x, "eigvals")
    if lib in ON_HOST:
        return _converging(lib.linalg.eigvals, x).astype(c)
    return lib.asarray(_converging(np.linalg.eigvals, host(x)).astype(c))


def _converging(f: Any, *args: Any) -> Any:
    """f with NumPy's failure turned into ours."""
    try:
        return f(*args)
    except np.linalg.LinAlgError as e:
        raise LinAlgError(
            f"linalg.{f.__name__}: the algorithm failed to converge because the input matrix is "
            "ill-conditioned or has "
            "too many repeated values, or contains infinities or nan"
        ) from e


@threaded
def lstsq(
    lib: Any, x: Any, y: Any, rcond: float = 0.0, driver: str = "gelsy"
) -> tuple[Any, Any, Any]:
    """(least squares solution, rank, singular values) by a LAPACK driver; what it does not give is
    0 or empty.
    """
    m, n = x.shape[-2:]
    finite(lib, x, "lstsq")
    finite(lib, y, "lstsq")
    if lib in ON_HOST and y.size and (found := _by_singular_values(x, y, rcond, driver)):
        return found
    if lib in ON_HOST and tall.suits(x) and (solved := tall.lstsq(x, y, rcond)) is not None:
        solution, s = solved
        values = s if driver in ("gelsd", "gelss") else np.zeros(n, x.dtype)
        return solution, np.asarray(n * (driver != "gels"), np.int64), values

    def one(a: Any, b: Any) -> tuple[Any, Any, Any]:
        none = np.zeros(min(m, n), a.real.dtype)
        if a.size == 0 or b.size == 0:
            return np.zeros((n, b.shape[-1]), a.dtype), np.asarray(0, np.int64), none
        padded = np.zeros((max(m, n), b.shape[1]), b.dtype)
        padded[:m] = b
        (f, lwork) = lapack((driver, driver + "_lwork"), a.dtype)
        if driver == "gels":
            work = int(lwork(m, n, b.shape[1])[0].real)
            _, out, _ = f(a, padded, lwork=work)
            return np.ascontiguousarray(out[:n]), np.asarray(0, np.int64), none
        if driver == "gelsy":
            work = int(lwork(m, n, b.shape[1], rcond)[0].real)
            _, out, _, rank, _ = f(a, padded, np.zeros((n, 1), np.int32), rcond, work)
            return np.ascontiguousarray(out[:n]), np.asarray(rank, np.int64), none
        if driver == "gelss":
            work = int(lwork(m, n, b.shape[1], rcond)[0].real)
            _, out, s, rank, _, _ = f(a, padded, rcond, work)
        else:
            sizes = lwork(m, n, b.shape[1], rcond)
            if a.dtype.kind == "c":
                out, s, rank, _ = f(
                    a, padded, int(sizes[0].real), int(sizes[1]), int(sizes[2]), rcond
                )
            else:
                out, s, rank, _ = f(a, padded, int(sizes[0].real), int(sizes[1]), rcond)
        return np.ascontiguousarray(out[:n]), np.asarray(rank, np.int64), s

    return each(lib, one, x, y)


CLEAR = 100.0  # how far from the cut a singular value must be, where drivers may count otherwise


def _by_singular_values(x: Any, y: Any, rcond: float, driver: str) -> Any:
    """lstsq of many small matrices, or None: also where the ranks that drivers find may differ."""
    parts = small.svd(x)
    if parts is None:
        return None
    u, s, vh = parts
    cut = (rcond if driver != "gels" else np.finfo(s.dtype).tiny) * s[..., :1]
    keep = s > cut
    if driver == "gels" and not keep.all():
        return None
    if driver == "gelsy" and ((s > cut / CLEAR) & (s < cut * CLEAR) & (s > 0)).any():
        return None
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0).astype(s.dtype)
    inner = np.matmul(u.swapaxes(-1, -2), y) * inverse[..., None]
    rank = keep.sum(-1, dtype=np.int64)
    if driver in ("gels", "gelsy"):
        s = np.zeros_like(s)
    return np.matmul(vh.swapaxes(-1, -2), inner), rank * (driver != "gels"), s


def _cut(lib: Any, s: Any, atol: Any, rtol: Any) -> Any:
    """Which singular values count: those above max(atol, rtol * the largest)."""
    top = lib.maximum.reduce(s, -1, None, None, True, 0)
    atol, rtol = lib.asarray(atol), lib.asarray(rtol)
    atol = atol[..., None] if atol.ndim else atol
    rtol = rtol[..., None] if rtol.ndim else rtol
    return s > lib.maximum(atol, rtol * top)


@threaded
def pinv(lib: Any, x: Any, atol: Any, rtol: Any, hermitian: bool = False) -> Any:
    """Pseudo-inverse without the singular values up to max(atol, rtol * the largest)."""
    m, n = x.shape[-2:]
    if min(m, n) == 0:
        return lib.zeros((*x.shape[:-2], n, m), x.dtype)
    if hermitian:
        values, v = eigh(lib, x)
        keep = _cut(lib, lib.abs(values), atol, rtol)
        inverse = lib.where(keep, 1 / lib.where(keep, values, 1), 0)
        return lib.matmul(v * inverse[..., None, :].astype(values.dtype), v.conj().swapaxes(-1, -2))
    steep = x.size >= tall.LEAST and lib in ON_HOST and tall.suits(x)
    quick = tall.inverse(x) if steep else None
    if quick is not None and _cut(lib, quick[1], atol, rtol).all():
        return quick[0]
    u, s, vh = svd(lib, x)
    if lib.logical_or.reduce(lib.isnan(s), None):  # of infinite matrices nothing is kept
        u, vh = lib.nan_to_num(u), lib.nan_to_num(vh)
    keep = _cut(lib, s, atol, rtol)
    inverse = lib.where(keep, 1 / lib.where(keep, s, 1), 0).astype(s.dtype)
    return lib.matmul(vh.conj().swapaxes(-1, -2) * inverse[..., None, :], u.conj().swapaxes(-1, -2))


def matrix_rank(lib: Any, x: Any, atol: Any, rtol: Any, hermitian: bool = False) -> Any:
    """How many singular values exceed max(atol, rtol * the largest)."""
    if 0 in x.shape[-2:]:
        return lib.zeros(
            np.broadcast_shapes(x.shape[:-2], np.shape(atol), np.shape(rtol)), np.int64
        )
    s = lib.abs(eigvalsh(lib, x)) if hermitian else svdvals(lib, x)
    return lib.asarray(lib.add.reduce(_cut(lib, s, atol, rtol), -1, np.int64))
