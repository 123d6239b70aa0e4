"""Householder reflections as LAPACK packs them: geqrf, their product, and its products with others.
The QR decomposition itself is in `decompositions.py`.
"""

from __future__ import annotations

from typing import Any

from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import declare, public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from .matrix import (
    adjoint,
    check_floating,
    check_matrix,
    check_same_dtype,
    check_tensor,
    conj,
    leading,
    lower,
    no_derivative,
)


@primitive(opaque, outputs="a tau")
def geqrf_factor(xp, x):
    """(R above Householder vectors, their factors)."""


leading(geqrf_factor.vjp(complex=True, x=no_derivative("geqrf")), 2)


@public("geqrf(Tensor input, *, out) -> (Tensor a, Tensor tau)", whole=True, out="converted")
def geqrf(input):
    """(a, tau): R above the Householder vectors of the QR decomposition, and their factors.

    Raises RuntimeError where there are less than two dimensions, NotImplementedError for integers
    and half precision.

    >>> torch.geqrf(torch.ones(3, 2)).tau.shape
    torch.Size([2])
    """
    check_matrix("torch.geqrf", input)
    return named("geqrf", *geqrf_factor.entry(input))


@primitive(opaque, name="householder_product", node="LinalgHouseholderProductBackward0")
def householder_op(xp, x, tau):
    """The first columns, as many as x has, of the product of the reflections in its columns."""


@primitive(opaque, node="OrmqrBackward0")
def reflected(xp, x, tau, y, inverse=False):
    """The product Q of the reflections in the columns of x, or its inverse, times y."""


def _reflected(xp: Any, g: Any, x: Any, tau: Any, y: Any, inverse: bool) -> tuple[Any, Any, Any]:
    """The gradients of x, tau and y: back through one reflection after the other."""
    k = tau.shape[-1]
    if not k:
        return xp.zeros_like(x), xp.zeros_like(tau), g
    low = lower(xp, xp.getitem(x, (Ellipsis, slice(None, k))), -1)
    every = low + xp.diag_matrix(xp.ones((k,), x.dtype), low.shape[-2], k)
    met = []
    for i in range(k) if inverse else range(k - 1, -1, -1):
        v = xp.getitem(every, (Ellipsis, slice(i, i + 1)))
        t = xp.unsqueeze(xp.getitem(tau, (Ellipsis, slice(i, i + 1))), tau.ndim)
        t = conj(xp, t) if inverse else t
        u = xp.matmul(adjoint(xp, v), y)
        met.append((i, v, t, u, y))
        y = y - t * xp.matmul(v, u)
    g_v: list[Any] = [None] * k
    g_tau: list[Any] = [None] * k
    for i, v, t, u, y in reversed(met):
        back = xp.matmul(adjoint(xp, v), g)
        g_t = -xp.sum(back * conj(xp, u), (-1,), True)
        g_tau[i] = xp.squeeze(conj(xp, g_t) if inverse else g_t, (g_t.ndim - 1,))
        g_u = -conj(xp, t) * back
        g_v[i] = xp.matmul(y, adjoint(xp, g_u)) - conj(xp, t) * xp.matmul(g, adjoint(xp, u))
        g = g + xp.matmul(v, g_u)
    g_low = lower(xp, xp.cat(*g_v, dim=x.ndim - 1), -1)
    if k < x.shape[-1]:
        g_low = xp.put_basic(g_low, tuple(x.shape), (Ellipsis, slice(None, k)))
    return g_low, xp.cat(*g_tau, dim=tau.ndim - 1), g


def _first_columns(xp: Any, x: Any) -> Any:
    m, n = x.shape[-2:]
    eye = xp.diag_matrix(xp.ones((n,), x.dtype), m, n)
    return xp.expand(eye, tuple(x.shape))


def _householder(xp: Any, g: Any, x: Any, tau: Any) -> Any:
    return _reflected(xp, g, x, tau, _first_columns(xp, x), False)[:2]


leading(householder_op.vjp_all(_householder, complex=True), 2, 1)
leading(reflected.vjp_all(_reflected, complex=True), 2, 1, 2)


def _check_factors(name: str, input: Tensor, tau: Tensor) -> None:
    """tau is one factor for each reflection."""
    if input._a.ndim - tau._a.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal "
            f"to {tau._a.ndim} and "
            f"input.ndim is equal to {input._a.ndim}"
        )


def _check_reflectors(name: str, input: Tensor, tau: Tensor) -> None:
    check_tensor(name, input, "input")
    check_tensor(name, tau, "tau", 2)
    if input._a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    m, n = input._a.shape[-2:]
    if m < n:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if tau._a.ndim == 0 or n < tau._a.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    _check_factors(name, input, tau)
    if tuple(tau._a.shape[:-1]) != tuple(input._a.shape[:-2]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )
    check_same_dtype(name, input, tau, "input", "tau")
    check_floating(name, input)


@public(
    "linalg.householder_product(Tensor input, Tensor tau, *, out)",
    lines=(
        line(
            householder_op,
            floating=True,
            when="a0.ndim == 2 and a1.ndim == 1 and a1.dtype is d"
            " and a0.shape[0] >= a0.shape[1] >= a1.shape[0]",
        ),
    ),
    whole=True,
)
def householder_product(input, tau):
    """The first n columns of the product of Householder reflections: Q from geqrf's results.

    input: (*, m, n), tau: (*, k), k <= n <= m.

    >>> torch.linalg.householder_product(*torch.geqrf(torch.ones(3, 2))).shape
    torch.Size([3, 2])
    """
    _check_reflectors("torch.linalg.householder_product", input, tau)
    return householder_op.entry(input, tau)


declare(householder_product, ("orgqr(Tensor input, Tensor input2, *, out)",), whole=True)


@public(
    "ormqr(Tensor input, Tensor input2, Tensor input3, bool left=True, "
    "bool transpose=False, *, out)",
    lines=(
        line(
            reflected,
            floating=True,
            given="left",
            let={"inverse": "transpose"},
            when="a0.ndim == a2.ndim == 2 and a1.ndim == 1 and a1.dtype is a2.dtype is d"
            " and a2.shape[0] == a0.shape[0] and a1.shape[0] == min(a0.shape)",
        ),
    ),
    whole=True,
    out="exact",
)
def ormqr(input, tau, other, left=True, transpose=False):
    """The square Q of Householder reflections (input (*, m, k), tau (*, k)) times other, from the
    left or right, perhaps Q^H.

    >>> a, tau = torch.geqrf(torch.eye(2))
    >>> torch.ormqr(a, tau, torch.eye(2)).shape
    torch.Size([2, 2])
    """
    name = "torch.ormqr"
    for t, what in ((input, "input"), (other, "other")):
        if t._a.ndim < 2:
            raise RuntimeError(f"{name}: {what} must have at least 2 dimensions.")
    side = -2 if left else -1
    if tau._a.ndim == 0 or other._a.shape[side] < tau._a.shape[-1]:
        raise RuntimeError(
            f"{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if other._a.shape[side] != input._a.shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    if tau._a.shape[-1] != min(other._a.shape[side], input._a.shape[-1]):
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    _check_factors(name, input, tau)
    if input._a.ndim != other._a.ndim:
        raise RuntimeError(
            f"{name}: Expected other to have the same number of dimensions as input, but got "
            "other.ndim equal to "
            f"{other._a.ndim} and input.ndim is equal to {input._a.ndim}"
        )
    for t, what in ((tau, "tau"), (other, "other")):
        lead = tuple(t._a.shape[: t._a.ndim - (1 if what == "tau" else 2)])
        if lead != tuple(input._a.shape[:-2]):
            raise RuntimeError(
                f"{name}: Expected batch dimensions of {what} to be equal to input.shape[:-2], but "
                f"got {list(lead)}"
            )
        check_same_dtype(name, input, t, "input", what)
    check_floating(name, input)
    if left:
        return reflected.entry(input, tau, other, bool(transpose))
    # (other Q)^H = Q^H other^H
    return reflected.entry(input, tau, other.mH, not transpose).mH
