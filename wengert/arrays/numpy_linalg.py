"""NumPy's loops of linear algebra without the functions around them, for real floating arrays:
these set and restore what happens at floating-point errors, which takes as long as a small matrix.

A loop fills with nan what it could not do; so whatever holds a nan is done again by NumPy's own
function, which says why. As there, single precision is computed in double.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
LINALG: Any = np.linalg
LOOPS: Any = getattr(LINALG, "_umath_linalg", None)

# how many elements are not 0, without the look for an axis in Python
nonzeros: Any = getattr(
    getattr(getattr(np, "_core", None), "multiarray", None), "count_nonzero", np.count_nonzero
)


def one(general: Callable[..., Any], loop: Any, signature: str) -> Callable[..., Any]:
    """f(x) with one result."""

    def f(x: Any) -> Any:
        d = x.dtype
        if (d is F32 or d is F64) and x.size:
            try:
                out = loop(x, signature=signature)
            except RuntimeWarning:  # made an error of by the program
                return general(x)
            if not nonzeros(np.isnan(out)):
                return out if d is F64 else out.astype(F32)
        return general(x)

    f.__name__ = general.__name__
    return f


def triangles(general: Callable[..., Any], low: Any, up: Any, signature: str) -> Any:
    """f(x, "L" or "U") of Hermitian matrices, with one result or two."""
    several = len(signature) > 4

    def f(x: Any, triangle: str = "L") -> Any:
        d = x.dtype
        if (d is F32 or d is F64) and x.size:
            try:
                out = (low if triangle == "L" else up)(x, signature=signature)
            except RuntimeWarning:
                return general(x, triangle)
            if not nonzeros(np.isnan(out[0] if several else out)):
                if d is F64:
                    return out
                if not several:
                    return out.astype(F32)
                values, vectors = out
                return values.astype(F32), vectors.astype(F32)
        return general(x, triangle)

    f.__name__ = general.__name__
    return f


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, Vh), or S alone."""
    d = x.dtype
    if (d is F32 or d is F64) and x.size:
        try:
            if compute_uv:
                loop = LOOPS.svd_f if full_matrices else LOOPS.svd_s
                out = loop(x, signature="d->ddd")
            else:
                out = LOOPS.svd(x, signature="d->d")
        except RuntimeWarning:
            return LINALG.svd(x, full_matrices, compute_uv)
        if not nonzeros(np.isnan(out[1] if compute_uv else out)):
            if d is F64:
                return out
            if not compute_uv:
                return out.astype(F32)
            u, values, vh = out
            return u.astype(F32), values.astype(F32), vh.astype(F32)
    return LINALG.svd(x, full_matrices, compute_uv)


def solve(x: Any, y: Any) -> Any:
    """The solution of x @ out = y, for matrices y."""
    d = x.dtype
    if (d is F32 or d is F64) and y.dtype is d and y.ndim > 1 and x.size and y.size:
        try:
            out = LOOPS.solve(x, y, signature="dd->d")
        except RuntimeWarning:
            return LINALG.solve(x, y)
        if not nonzeros(np.isnan(out)):
            return out if d is F64 else out.astype(F32)
    return LINALG.solve(x, y)


def eig(general: Callable[..., Any], loop: Any, signature: str) -> Callable[..., Any]:
    """f(x) of square matrices, with their values and vectors or their values alone: real ones where
    no value has an imaginary part.
    """
    several = len(signature) > 4

    def f(x: Any) -> Any:
        d = x.dtype
        if (d is F32 or d is F64) and x.size:
            try:
                out = loop(x, signature=signature)
            except RuntimeWarning:
                return general(x)
            values = out[0] if several else out
            if not nonzeros(np.isnan(values)):
                c = np.complex64 if d is F32 else np.complex128
                real = not nonzeros(values.imag)
                values = values.real.astype(d) if real else values.astype(c)
                if not several:
                    return values
                return values, out[1].real.astype(d) if real else out[1].astype(c)
        return general(x)

    f.__name__ = general.__name__
    return f


def quick() -> ModuleType:
    """numpy.linalg with these in the place of its functions, where this NumPy has the loops."""
    words = ModuleType("numpy.linalg", np.linalg.__doc__)
    words.__dict__.update(vars(np.linalg))
    names: tuple[str, ...] = ("svd", "svd_f", "svd_s", "solve", "inv", "det")
    names += ("eig", "eigvals", "eigh_lo", "eigh_up", "eigvalsh_lo", "eigvalsh_up")
    if LOOPS is not None and all([hasattr(LOOPS, name) for name in names]):
        words.__dict__.update(
            svd=svd,
            solve=solve,
            inv=one(np.linalg.inv, LOOPS.inv, "d->d"),
            det=one(np.linalg.det, LOOPS.det, "d->d"),
            eig=eig(np.linalg.eig, LOOPS.eig, "d->DD"),
            eigvals=eig(np.linalg.eigvals, LOOPS.eigvals, "d->D"),
            eigh=triangles(np.linalg.eigh, LOOPS.eigh_lo, LOOPS.eigh_up, "d->dd"),
            eigvalsh=triangles(np.linalg.eigvalsh, LOOPS.eigvalsh_lo, LOOPS.eigvalsh_up, "d->d"),
        )
    return words
