"""Linear equations solved from factors: Cholesky, LU and LDL. The factorisations themselves are in
`decompositions.py` and `lu.py`.
"""

from __future__ import annotations

from typing import Any

from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import op, primitive
from ...engine.tensor import Tensor
from .matrix import (
    adjoint,
    check_matrix,
    check_same_dtype,
    leading,
)
from .solve import check_sizes, solve_triangular


@op(opaque, name="cholesky_solve")
def factored(xp, x, y, upper=False):
    """The solution of A @ out = y, given the Cholesky factor x of A."""
    low, high = (adjoint(xp, x), x) if upper else (x, adjoint(xp, x))
    half = xp.solve_triangular(low, y, upper=False, unit=False)
    return xp.solve_triangular(high, half, upper=True, unit=False)


def _solved_factor(xp: Any, g: Any, x: Any, out: Any, upper: bool) -> Any:
    """Of all of the factor, also of the triangle that is not read."""
    one = xp.matmul(solved_again(xp, x, g, upper), adjoint(xp, out))
    both = one + adjoint(xp, one)
    return -xp.matmul(x, both) if upper else -xp.matmul(both, x)


def solved_again(xp: Any, x: Any, y: Any, upper: bool) -> Any:
    return xp.cholesky_solve(x, y, upper)


factored.vjp(
    complex=True, x=_solved_factor, y=lambda xp, g, x, upper: solved_again(xp, x, g, upper)
)


def _solved_tangent(xp: Any, tangents: Any, x: Any, y: Any, upper: bool = False) -> Any:
    out, (dx, dy) = solved_again(xp, x, y, upper), tangents
    if dx is None:
        return solved_again(xp, x, dy, upper)
    one = xp.matmul(adjoint(xp, dx), x) if upper else xp.matmul(dx, adjoint(xp, x))
    right = -xp.matmul(one + adjoint(xp, one), out)
    return solved_again(xp, x, right if dy is None else dy + right, upper)


leading(factored.jvp(_solved_tangent), 2, 2)


@public("cholesky_solve(Tensor input, Tensor input2, bool upper=False, *, out)")
def cholesky_solve(input, L, upper=False):
    """X with A X = input, given the Cholesky factor of A: L (or U with upper).

    >>> torch.cholesky_solve(torch.ones(2, 1), 2 * torch.eye(2))
    tensor([[0.2500],
            [0.2500]])
    """
    for t, what in ((input, "b"), (L, "u")):
        if t._a.ndim < 2:
            raise RuntimeError(
                f"{what} should have at least 2 dimensions, but has {t._a.ndim} dimensions instead"
            )
    check_matrix("cholesky_solve", L, square=True)
    check_same_dtype("cholesky_solve", L, input)
    check_sizes("cholesky_solve", L, input, True)
    return factored.entry(L, input, bool(upper))


@public("cholesky_inverse(Tensor input, bool upper=False, *, out)")
def cholesky_inverse(input, upper=False):
    """The inverse of A, given its Cholesky factor.

    >>> torch.cholesky_inverse(2 * torch.eye(2))
    tensor([[0.2500, 0.0000],
            [0.0000, 0.2500]])
    """
    check_matrix("cholesky_inverse", input, square=True)
    if not hasattr(input._a, "level") and not input.diagonal(dim1=-2, dim2=-1).all():
        raise RuntimeError(
            "cholesky_inverse: an element of the diagonal is zero, so the matrix is singular and "
            "has no inverse"
        )
    return cholesky_inverse_op.entry(input, upper)


@op(opaque, name="cholesky_inverse", node="CholeskyInverseBackward0")
def cholesky_inverse_op(xp, x, upper=False):
    """The inverse of L L^H (or U^H U)."""
    f = adjoint(xp, x) if upper else x
    eye = xp.diag_matrix(xp.ones(tuple(x.shape)[:-1], x.dtype))
    left = xp.solve_triangular(f, eye, upper=False)
    return xp.matmul(adjoint(xp, left), left)


def _cholesky_inverse(xp: Any, g: Any, x: Any, out: Any, upper: bool) -> Any:
    both = -xp.matmul(out, xp.matmul(g + adjoint(xp, g), out))
    return xp.matmul(x, both) if upper else xp.matmul(both, x)


leading(cholesky_inverse_op.vjp(complex=True, x=_cholesky_inverse), 2)


def _lu_solve(
    name: str, LU: Tensor, pivots: Tensor, B: Tensor, left: bool, adjoint: bool
) -> Tensor:
    from .lu import permutation_matrix

    check_matrix(name, LU, "LU", square=True)
    check_matrix(name, B, "B")
    check_same_dtype(name, LU, B, "LU", "B")
    if pivots.dtype.name != "int32":
        raise RuntimeError(
            f"{name}: pivots should be a Tensor of scalar type torch.int32. Got {pivots.dtype}"
        )
    if pivots._a.ndim == 0 or pivots._a.shape[-1] != LU._a.shape[-1]:
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    if tuple(LU._a.shape[:-1]) != tuple(pivots._a.shape):
        raise RuntimeError(
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with "
            "shape "
            f"{list(pivots.shape)} instead"
        )
    check_sizes(name, LU, B, left)
    if not left:  # X A = B is A^H X^H = B^H
        return _lu_solve(name, LU, pivots, B.mH, True, not adjoint).mH
    n = LU._a.shape[-1]
    p = permutation_matrix.entry(pivots, n, LU._a.dtype)
    if adjoint:
        y = solve_triangular.entry(LU.mH, B, False, False)
        return p @ solve_triangular.entry(LU.mH, y, True, True)
    y = solve_triangular.entry(LU, p.mT @ B, False, True)
    return solve_triangular.entry(LU, y, True, False)


@public(
    "linalg.lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, "
    "bool adjoint=False, out)"
)
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with A X = B (left=False: X A = B; adjoint: with A^H), given lu_factor's results for A.

    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    return _lu_solve("linalg.lu_solve", LU, pivots, B, left, adjoint)


@public("lu_solve(Tensor input, Tensor LU_data, Tensor LU_pivots, *, out)")
def lu_solve(input, LU_data, LU_pivots):
    """X with A X = input, given lu_factor's results for A.

    >>> LU, pivots = torch.linalg.lu_factor(2 * torch.eye(2))
    >>> torch.lu_solve(torch.ones(2, 1), LU, pivots)
    tensor([[0.5000],
            [0.5000]])
    """
    return _lu_solve("linalg.lu_solve", LU_data, LU_pivots, input, True, False)


@primitive(opaque, node="LinalgLdlSolveBackward0")
def ldl_solve(xp, x, pivots, y, hermitian=False):
    """The solution from ldl_factor's results."""


def _ldl_y(xp: Any, g: Any, x: Any, pivots: Any, hermitian: bool) -> Any:
    from .matrix import conj, is_complex

    if is_complex(x) and not hermitian:  # a symmetric matrix's adjoint is its conjugate
        return conj(xp, xp.ldl_solve(x, pivots, conj(xp, g), hermitian=hermitian))
    return xp.ldl_solve(x, pivots, g, hermitian=hermitian)


leading(ldl_solve.vjp(complex=True, y=_ldl_y), 2, 1, 2)


@public("linalg.ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, out)")
def linalg_ldl_solve(LD, pivots, B, *, hermitian=False):
    """X with A X = B, given ldl_factor's results for A.

    >>> LD, pivots = torch.linalg.ldl_factor(2 * torch.eye(2))
    >>> torch.linalg.ldl_solve(LD, pivots, torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    name = "torch.linalg.ldl_solve"
    check_matrix(name, LD, "LD", square=True)
    check_matrix(name, B, "B")
    if pivots.dtype.category != 1:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {pivots.dtype}")
    if tuple(LD._a.shape[:-1]) != tuple(pivots._a.shape):
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with "
            "shape "
            f"{list(pivots.shape)} instead"
        )
    check_same_dtype(name, LD, B, "LD", "B")
    check_sizes(name, LD, B, True)
    return ldl_solve.entry(LD, pivots, B, hermitian)
