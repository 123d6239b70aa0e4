"""Words for the orthogonal polynomials: the recurrences of three terms, in the dtype of x, so that
what overflows there is an infinity or nan as it is in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]
Step = Callable[[int, Any, Any, Any], Any]
HERMITE_LIMIT = {4: 128, 8: 512}  # bytes of the dtype -> degree beyond which PyTorch gives nan
CLOSED_FORM = 6  # degree beyond which Chebyshev's polynomials are trigonometric inside (-1, 1)
CHECKED = 64  # every so many degrees it is asked whether anything is left to compute


def recurrence(lib: Any, x: Any, n: Any, first: Any, step: Step) -> Any:
    """Degree n of the polynomials 1, first, step(1, x, first, 1), step(2, x, ...): each from the
    two before it. Negative degrees give 0.
    """
    p, q = lib.ones_like(x), first
    zero, one = x.dtype.type(0), x.dtype.type(1)
    out = lib.where(lib.less(n, 0), zero, lib.where(lib.equal(n, 0), one, q))
    for k in range(1, int(n.max()) if n.size else 0):
        p, q = q, step(k, x, q, p)
        out = lib.where(lib.greater(n, k), q, out)
        if k % CHECKED == 0 and lib.isnan(q).all():
            break
    return out


def prepared(lib: Any, x: Any, n: Any) -> tuple[Any, Any]:
    """x in its dtype, and the degrees truncated to integers; either may be a number."""
    d = x.dtype if hasattr(x, "dtype") else n.dtype
    return lib.asarray(x, d), lib.asarray(n).astype(np.int64)


def twice(k: int, x: Any, q: Any, p: Any) -> Any:
    """Chebyshev's recurrence."""
    return (x + x) * q - p


def _chebyshev(first: Any, closed: Any, shifted: bool) -> Any:
    def f(lib: Any, x: Any, n: Any) -> Any:
        x, n = prepared(lib, x, n)
        y = x + x - 1 if shifted else x
        if not (n > CLOSED_FORM).any():
            return recurrence(lib, y, n, first(y), twice)
        inside = lib.logical_and(lib.less(lib.abs(y), 1), lib.greater(n, CLOSED_FORM))
        by_angle = closed(lib, lib.arccos(lib.where(inside, y, y.dtype.type(0.5))), n)
        rest = lib.where(inside, y.dtype.type(np.nan), y)
        n_rest = lib.broadcast_to(n, inside.shape)
        by_steps = recurrence(lib, rest, n_rest, first(rest), twice)
        return lib.where(inside, by_angle.astype(y.dtype), by_steps)

    return f


def _by_cosines(lib: Any, a: Any, n: Any) -> Any:
    return lib.cos(n * a)


def _by_sines(lib: Any, a: Any, n: Any) -> Any:
    return lib.sin((n + 1) * a) / lib.sin(a)


def _by_half_cosines(lib: Any, a: Any, n: Any) -> Any:
    return lib.cos((n + 0.5) * a) / lib.cos(a / 2)


def _by_half_sines(lib: Any, a: Any, n: Any) -> Any:
    return lib.sin((n + 0.5) * a) / lib.sin(a / 2)


FIRST_KIND = (lambda y: y), _by_cosines
SECOND_KIND = (lambda y: y + y), _by_sines
THIRD_KIND = (lambda y: y + y - 1), _by_half_cosines
FOURTH_KIND = (lambda y: y + y + 1), _by_half_sines
chebyshev_polynomial_t, shifted_chebyshev_polynomial_t = (
    _chebyshev(*FIRST_KIND, False),
    _chebyshev(*FIRST_KIND, True),
)
chebyshev_polynomial_u, shifted_chebyshev_polynomial_u = (
    _chebyshev(*SECOND_KIND, False),
    _chebyshev(*SECOND_KIND, True),
)
chebyshev_polynomial_v, shifted_chebyshev_polynomial_v = (
    _chebyshev(*THIRD_KIND, False),
    _chebyshev(*THIRD_KIND, True),
)
chebyshev_polynomial_w, shifted_chebyshev_polynomial_w = (
    _chebyshev(*FOURTH_KIND, False),
    _chebyshev(*FOURTH_KIND, True),
)


def _hermite(scale: int) -> Any:
    def f(lib: Any, x: Any, n: Any) -> Any:
        x, n = prepared(lib, x, n)
        limit = HERMITE_LIMIT[x.dtype.itemsize]
        out = recurrence(
            lib,
            x,
            lib.minimum(n, limit),
            scale * x,
            lambda k, x, q, p: scale * (x * q - k * p),
        )
        return lib.where(lib.greater(n, limit), x.dtype.type(np.nan), out)

    return f


hermite_polynomial_h, hermite_polynomial_he = _hermite(2), _hermite(1)


def laguerre_polynomial_l(lib: Any, x: Any, n: Any) -> Any:
    """Laguerre polynomials."""
    x, n = prepared(lib, x, n)
    return recurrence(lib, x, n, 1 - x, lambda k, x, q, p: ((2 * k + 1 - x) * q - k * p) / (k + 1))


def legendre_polynomial_p(lib: Any, x: Any, n: Any) -> Any:
    """Legendre polynomials."""
    x, n = prepared(lib, x, n)
    return recurrence(lib, x, n, x, lambda k, x, q, p: ((2 * k + 1) * x * q - k * p) / (k + 1))
