"""Linear equations solved from factors: Cholesky, LU and LDL. The factorisations themselves are in
`decompositions.py` and `lu.py`.
"""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from .matrix import SQUARE, check_matrix, check_same_dtype, leading, lower, upper
from .matrix import adjoint as _adjoint
from .solve import check_sizes


@primitive(opaque, name="cholesky_solve")
def factored(xp, x, y, upper=False):
    """The solution of A @ out = y, given the Cholesky factor x of A."""


def _solved_factor(xp: Any, g: Any, x: Any, out: Any, upper: bool) -> Any:
    """Of all of the factor, also of the triangle that is not read."""
    one = xp.matmul(solved_again(xp, x, g, upper), _adjoint(xp, out))
    both = one + _adjoint(xp, one)
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
    one = xp.matmul(_adjoint(xp, dx), x) if upper else xp.matmul(dx, _adjoint(xp, x))
    right = -xp.matmul(one + _adjoint(xp, one), out)
    return solved_again(xp, x, right if dy is None else dy + right, upper)


leading(factored.jvp(_solved_tangent), 2, 2)


@public(
    "cholesky_solve(Tensor input, Tensor input2, bool upper=False, *, out)",
    lines=(
        line(
            factored,
            floating=True,
            operands=("input2", "input"),
            when=f"a0.ndim == a1.ndim == 2 and {SQUARE} and a1.dtype is d"
            " and a1.shape[0] == a0.shape[0]",
        ),
    ),
    whole=True,
)
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


@primitive(opaque, name="cholesky_inverse", node="CholeskyInverseBackward0")
def cholesky_inverse_op(xp, x, upper=False):
    """The inverse of L L^H (or U^H U)."""


def _cholesky_inverse(xp: Any, g: Any, x: Any, out: Any, upper: bool) -> Any:
    both = -xp.matmul(out, xp.matmul(g + _adjoint(xp, g), out))
    return xp.matmul(x, both) if upper else xp.matmul(both, x)


leading(cholesky_inverse_op.vjp(complex=True, x=_cholesky_inverse), 2)


@public(
    "cholesky_inverse(Tensor input, bool upper=False, *, out)",
    lines=(
        line(
            cholesky_inverse_op,
            floating=True,
            least=2,
            when=f"{SQUARE} and a0.diagonal(0, -2, -1).all()",
        ),
    ),
    whole=True,
)
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


@primitive(opaque, name="lu_solve", node="LinalgLuSolveBackward0")
def lu_solved(xp, x, pivots, y, left=True, adjoint=False):
    """The solution of A @ out = y (left=False: out @ A = y; adjoint: with A^H), given A's LU."""


def _lu_y(xp: Any, g: Any, x: Any, pivots: Any, left: bool, adjoint: bool) -> Any:
    return xp.lu_solve(x, pivots, g, left, not adjoint)


def _lu_x(xp: Any, g: Any, x: Any, pivots: Any, out: Any, left: bool, adjoint: bool) -> Any:
    g_y = xp.lu_solve(x, pivots, g, left, not adjoint)
    if not left:
        g_y, out, adjoint = _adjoint(xp, g_y), _adjoint(xp, out), not adjoint
    g_a = -(xp.matmul(out, _adjoint(xp, g_y)) if adjoint else xp.matmul(g_y, _adjoint(xp, out)))
    p = xp.permutation_matrix(pivots, rows=x.shape[-1], dtype=x.dtype)
    g_a = xp.matmul(xp.transpose(p, -2, -1), g_a)
    low, up = lower(xp, x, -1), upper(xp, x)
    g_low = lower(xp, xp.matmul(g_a, _adjoint(xp, up)), -1)
    return g_low + upper(xp, g_a + xp.matmul(_adjoint(xp, low), g_a))  # low without its ones


leading(lu_solved.vjp(complex=True, x=_lu_x, y=_lu_y), 2, 1, 2)


def _lu_solve(
    name: str, LU: Tensor, pivots: Tensor, B: Tensor, left: bool, adjoint: bool
) -> Tensor:
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
    return lu_solved.entry(LU, pivots, B, bool(left), bool(adjoint))


PACKED = (
    "a0.ndim == a2.ndim == 2 and a1.ndim == 1 and a1.dtype is INT32 and a2.dtype is d"
    " and a0.shape[0] == a0.shape[1] == a1.shape[0] == a2.shape"
)
INT32 = {"INT32": dtypes.int32.np}


@public(
    "linalg.lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, "
    "bool adjoint=False, out)",
    lines=(line(lu_solved, floating=True, when=f"{PACKED}[0 if left else 1]", using=INT32),),
    whole=True,
    out="exact",
)
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with A X = B (left=False: X A = B; adjoint: with A^H), given lu_factor's results for A.

    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    return _lu_solve("linalg.lu_solve", LU, pivots, B, left, adjoint)


@public(
    "lu_solve(Tensor input, Tensor LU_data, Tensor LU_pivots, *, out)",
    lines=(
        line(
            lu_solved,
            floating=True,
            operands=("LU_data", "LU_pivots", "input"),
            when=f"{PACKED}[0]",
            using=INT32,
            left=True,
            adjoint=False,
        ),
    ),
    whole=True,
    out="exact",
)
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


@public(
    "linalg.ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, out)",
    out="exact",
)
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
    if pivots.dtype.category != dtypes.INTEGRAL:
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
