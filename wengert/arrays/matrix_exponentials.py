"""Exponentials of many matrices at once. Not here: those of one (`linalg.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import small_matrices as small


def pade_coefficients(degree: int) -> tuple[float, ...]:
    """Of the numerator of the diagonal Pade approximant of exp, from the constant on."""
    c = [1.0]
    for i in range(1, degree + 1):
        c.append(c[-1] * (degree - i + 1) / (i * (2 * degree - i + 1)))
    return tuple(c)


FEW = 8  # matrices, fewer are as well taken one by one
# Up to which norm a Pade approximant is exact, and its coefficients, of 1, x, x**2, ...
PADE: dict[Any, tuple[float, tuple[float, ...]]] = {
    np.dtype(np.float32): (3.9, pade_coefficients(7)),
    np.dtype(np.float64): (5.3, pade_coefficients(13)),
}


def exponentials(x: Any) -> Any:
    """Exponentials of many matrices (or None): all are halved until the approximant is exact.

    Reference: Higham, The scaling and squaring method for the matrix exponential revisited (2005).
    """
    if x.dtype not in PADE or x.ndim < 3 or x[..., 0, 0].size < FEW:
        return None
    limit, c = PADE[x.dtype]
    size = np.abs(x).sum(-2).max(-1)
    known = np.isfinite(size)
    halvings = np.zeros(size.shape, np.int64)
    halvings[known] = np.ceil(np.log2(np.maximum(size[known] / limit, 1)))
    x = np.ldexp(x, -halvings[..., None, None])
    eye = np.eye(x.shape[-1], dtype=x.dtype)
    square = x @ x
    odd, even = c[-1] * eye, c[-2] * eye
    for i in range(len(c) - 3, 0, -2):  # Horner's rule in the square
        odd, even = odd @ square + c[i] * eye, even @ square + c[i - 1] * eye
    odd = x @ odd
    low, high = even - odd, even + odd
    found = small.solve(low, high)
    out = np.linalg.solve(low, high) if found is None else found[0]
    for i in range(int(halvings.max(initial=0))):
        more = halvings > i
        part = out[more]
        out[more] = part @ part
    return out
