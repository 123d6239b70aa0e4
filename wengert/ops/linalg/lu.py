"""LU and LDL factorisations of matrices. Solving with them is in `solve.py`."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.advice import advise
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from .matrix import (
    SQUARE,
    adjoint,
    check_info,
    check_matrix,
    leading,
    lower,
    no_derivative,
    singular,
    upper,
)

# ---- LU


@primitive(
    opaque, outputs="lu pivots info", integer="pivots info", node="LinalgLuFactorExBackward0"
)
def lu_factor(xp, x, checked=False):
    """(L and U in one matrix, pivots, info); checked: ValueError unless info is 0."""


def _lu_factor(xp: Any, g_lu: Any, lu: Any, pivots: Any) -> Any:
    m, n = lu.shape[-2:]
    k = min(m, n)
    square = xp.getitem(lu, (Ellipsis, slice(None, k), slice(None, k)))
    g1 = xp.getitem(g_lu, (Ellipsis, slice(None, k), slice(None, k)))
    low = lower(xp, square, -1)
    lh, uh = adjoint(xp, low), adjoint(xp, upper(xp, square))  # lh without its ones
    g_l, g_u = lower(xp, g1, -1), upper(xp, g1)
    a, b = g_l + xp.matmul(lh, g_l), xp.matmul(g_u, uh)
    if n > k:
        g_right = xp.getitem(g_lu, (Ellipsis, slice(k, None)))
        a = a - xp.matmul(g_right, adjoint(xp, xp.getitem(lu, (Ellipsis, slice(k, None)))))
    if m > k:
        g_below = xp.getitem(g_lu, (Ellipsis, slice(k, None), slice(None)))
        b = b - xp.matmul(
            adjoint(xp, xp.getitem(lu, (Ellipsis, slice(k, None), slice(None)))), g_below
        )
    inner = lower(xp, a, -1) + upper(xp, b)
    u = adjoint(xp, uh)
    # inner U^-H is the adjoint of U^-1 inner^H
    inner = adjoint(xp, xp.solve_triangular(u, adjoint(xp, inner), upper=True))
    out = xp.solve_triangular(lh, inner, upper=True, unit=True)
    if n > k:
        out = xp.cat(out, xp.solve_triangular(lh, g_right, upper=True, unit=True), dim=lu.ndim - 1)
    if m > k:
        out = xp.cat(
            out,
            adjoint(xp, xp.solve_triangular(u, adjoint(xp, g_below), upper=True)),
            dim=lu.ndim - 2,
        )
    return xp.matmul(xp.permutation_matrix(pivots, rows=m, dtype=lu.dtype), out)


leading(lu_factor.vjp(complex=True, x=_lu_factor), 2)


@primitive(opaque)
def permutation_matrix(xp, pivots, rows=0, dtype=None):
    """P of A = P L U from pivots."""


leading(permutation_matrix, 1)


def _pivoting(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


@public(
    "linalg.lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False, "
    "out) -> (Tensor LU, Tensor pivots, Tensor info)",
    lines=(
        line(
            lu_factor,
            floating=True,
            least=2,
            pair="linalg_lu_factor_ex",
            checked=False,
        ),
    ),
)
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    """(LU, pivots, info) of matrices A (*, m, n): both factors in one matrix, row swaps counted
    from 1.

    >>> torch.linalg.lu_factor_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    check_matrix("torch.linalg.lu_factor_ex", A)
    _pivoting("linalg.lu_factor", pivot)
    lu, pivots, info = lu_factor.entry(A)
    if check_errors:
        check_info("torch.linalg.lu_factor_ex", info, _zero_pivot)
    return named("linalg_lu_factor_ex", lu, pivots, info)


def _zero_pivot(i: int) -> str:
    return (
        f"U[{i},{i}] is zero and using it on lu_solve would result in a division by zero. If you "
        "still want to perform the "
        "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    )


@public(
    "linalg.lu_factor(Tensor A, *, bool pivot=True, out) -> (Tensor LU, Tensor pivots)",
    lines=(
        line(
            lu_factor,
            floating=True,
            least=2,
            pair="linalg_lu_factor",
            only=2,
            checked=True,
        ),
    ),
)
def linalg_lu_factor(A, *, pivot=True):
    """(LU, pivots) of matrices A (*, m, n); LinAlgError where U has a zero on its diagonal.

    >>> torch.linalg.lu_factor(torch.tensor([[0., 2.], [1., 0.]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    check_matrix("torch.linalg.lu_factor", A)
    _pivoting("linalg.lu_factor", pivot)
    lu, pivots, info = lu_factor.entry(A)
    check_info("torch.linalg.lu_factor", info, _zero_pivot)
    return named("linalg_lu_factor", lu, pivots)


@public("linalg.lu(Tensor A, *, bool pivot=True, out) -> (Tensor P, Tensor L, Tensor U)")
def linalg_lu(A, *, pivot=True):
    """(P, L, U) with A = P L U.

    >>> torch.linalg.lu(torch.tensor([[0., 2.], [1., 0.]])).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    check_matrix("linalg.lu", A)
    _pivoting("linalg.lu", pivot)
    lu, pivots, _ = lu_factor.entry(A)
    return named("linalg_lu", *unpacked.entry(lu, pivots))


@primitive(opaque, name="lu_unpack", outputs="p low up", integer="p", node="LuUnpackBackward0")
def unpacked(xp, x, pivots):
    """(P, L, U) of a matrix that holds L and U."""


def _unpacked(xp: Any, g_low: Any, g_up: Any, x: Any) -> Any:
    m, n = x.shape[-2:]
    k = min(m, n)
    shape = tuple(x.shape)
    g_low, g_up = lower(xp, g_low, -1), upper(xp, g_up)
    if k < n:
        g_low = xp.put_basic(g_low, shape, (Ellipsis, slice(None, k)))
    if k < m:
        g_up = xp.put_basic(g_up, shape, (Ellipsis, slice(None, k), slice(None)))
    return g_low + g_up


leading(unpacked.vjp(complex=True, x=_unpacked), 2, 1)


def usable_pivots(lu: Tensor, pivots: Tensor) -> Tensor:
    """As many pivots as the factor has columns or rows. RuntimeError for fewer."""
    k = min(lu.shape[-2:])
    n = pivots.shape[-1]
    if n < k:
        raise RuntimeError(
            f"lu_unpack: {n} pivots for a factor of shape {list(lu.shape)}, which has {k}: pass"
            " those that torch.linalg.lu_factor returns with it"
        )
    return pivots.narrow(-1, 0, k) if n > k else pivots


@public(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, "
    "bool unpack_pivots=True, *, out) -> (Tensor P, Tensor L, Tensor U)",
    method=False,
    lines=(
        line(
            unpacked,
            floating=True,
            when="a0.ndim == 2 and a1.dtype is INT32 and a1.shape == (min(a0.shape),)"
            " and (not a1.size or 0 < a1.min() and a1.max() <= a0.shape[0])",
            pair="lu_unpack",
            using={"INT32": dtypes.int32.np},
        ),
    ),
)
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """(P, L, U) from lu_factor's results; what is not asked for is empty.

    >>> P, L, U = torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[1., 2.], [3., 4.]])))
    >>> torch.allclose(P @ L @ U, torch.tensor([[1., 2.], [3., 4.]]))
    True
    """
    if unpack_pivots and LU_pivots.dtype.name != "int32":
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype. Note: this function is "
            "intended to be used with the output produced by torch.linalg.lu_factor"
        )
    if not unpack_pivots:
        n = min(LU_data.shape[-2:])
        LU_pivots = LU_data.new_ones((*LU_data.shape[:-2], n), dtype=dtypes.int32)
    elif LU_pivots._a.ndim:
        LU_pivots = usable_pivots(LU_data, LU_pivots)
    p, low, up = unpacked.entry(LU_data, LU_pivots)
    empty = LU_data.new_empty(0)
    return named(
        "lu_unpack",
        p if unpack_pivots else empty,
        low if unpack_data else empty,
        up if unpack_data else empty,
    )


@public(
    "lu(Tensor A, bool pivot=True, bool get_infos=False, *, out) -> (Tensor, Tensor)",
    "Tensor.lu(Tensor self, bool pivot=True, bool get_infos=False) -> (Tensor, Tensor)",
    foreign=False,
    whole=True,
)
def lu(A, pivot=True, get_infos=False):
    """(LU, pivots) of matrices A, with get_infos also info; see torch.linalg.lu_factor.

    >>> torch.lu(2 * torch.eye(2))[1]
    tensor([1, 2], dtype=torch.int32)
    """
    advise(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and"
        " will be removed in a future PyTorch release.",
        once=True,
    )
    check_matrix("lu", A)
    _pivoting("lu", pivot)
    data, pivots, info = lu_factor.entry(A)
    return (data, pivots, info) if get_infos else (data, pivots)


# ---- LDL


@primitive(opaque, outputs="ld pivots info", integer="pivots info")
def ldl_factor(xp, x, hermitian=False, checked=False):
    """(L and D in one matrix, pivots, info) of symmetric matrices; checked: as above."""


leading(ldl_factor.vjp(complex=True, x=no_derivative("linalg.ldl_factor_ex")), 2)


@public(
    "linalg.ldl_factor_ex(Tensor input, *, bool hermitian=False, "
    "bool check_errors=False, out) -> (Tensor LD, Tensor pivots, Tensor info)",
    lines=(
        line(
            ldl_factor,
            floating=True,
            least=2,
            when=SQUARE,
            pair="linalg_ldl_factor_ex",
            checked=False,
        ),
    ),
)
def ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """(LD, pivots, info): LAPACK's factors of symmetric (or Hermitian) matrices A, of which the
    lower triangle is read.

    >>> torch.linalg.ldl_factor_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    check_matrix("torch.linalg.ldl_factor_ex", A, square=True)
    ld, pivots, info = ldl_factor.entry(A, hermitian)
    if check_errors:
        check_info("torch.linalg.ldl_factor_ex", info, singular("factorization"))
    return named("linalg_ldl_factor_ex", ld, pivots, info)


@public(
    "linalg.ldl_factor(Tensor input, *, bool hermitian=False, out) -> (Tensor LD, Tensor pivots)",
    lines=(
        line(
            ldl_factor,
            floating=True,
            least=2,
            when=SQUARE,
            pair="linalg_ldl_factor",
            only=2,
            checked=True,
        ),
    ),
)
def linalg_ldl_factor(A, *, hermitian=False):
    """(LD, pivots) of symmetric (or Hermitian) matrices A; LinAlgError where D has a zero block.

    >>> torch.linalg.ldl_factor(torch.eye(2)).pivots
    tensor([1, 2], dtype=torch.int32)
    """
    check_matrix("torch.linalg.ldl_factor", A, square=True)
    ld, pivots, info = ldl_factor.entry(A, hermitian)
    check_info("torch.linalg.ldl_factor", info, singular("factorization"))
    return named("linalg_ldl_factor", ld, pivots)
