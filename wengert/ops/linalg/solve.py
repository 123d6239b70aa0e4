"""Linear equations: inverses, solving (general, triangular), least squares,
pseudo-inverse.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from ...arrays.lookup import HOSTED, NS
from ...base import dtypes
from ...base.advice import advise
from ...base.formats import sparse_csr, strided
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import opaque
from ...engine.op import op, primitive
from ...engine.tensor import Tensor, wrap
from ..dims import wrap_dim
from ..predicates import broadcast_shapes
from .matrix import (
    SQUARE,
    adjoint,
    anywhere,
    check_floating,
    check_info,
    check_matrix,
    check_same_dtype,
    check_tensor,
    leading,
    singular,
)


@primitive(opaque, outputs="out info", integer="info", node="LinalgInvExBackward0")
def inv(xp, x, checked=False):
    """(inverse, info); checked: ValueError unless info is 0."""


def _inv(xp: Any, g_out: Any, out: Any) -> Any:
    oh = adjoint(xp, out)
    return -xp.matmul(oh, xp.matmul(g_out, oh))


leading(inv.vjp(complex=True, x=_inv), 2)


@public(
    "linalg.inv_ex(Tensor A, *, bool check_errors=False, out) -> (Tensor inverse, Tensor info)",
    lines=(
        line(
            inv,
            floating=True,
            least=2,
            when=SQUARE,
            pair="linalg_inv_ex",
            checked=False,
        ),
    ),
    whole=True,
)
def inv_ex(A, *, check_errors=False):
    """(inverse, info) of A (*, n, n); info is the order of the first zero pivot, or 0.

    >>> torch.linalg.inv_ex(2 * torch.eye(2)).inverse
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    check_matrix("linalg.inv_ex", A, square=True)
    out, info = inv.entry(A)
    if check_errors:
        check_info("linalg.inv_ex", info, singular("inversion"))
    return named("linalg_inv_ex", out, info)


@public(
    "linalg.inv(Tensor A, *, out)",
    lines=(line(inv, floating=True, least=2, when=SQUARE, only=1, checked=True),),
    whole=True,
    out="exact",
)
def linalg_inv(A):
    """The inverse of square matrices A (*, n, n); LinAlgError where one is singular.

    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_matrix("linalg.inv", A, square=True)
    out, info = inv.entry(A)
    check_info("linalg.inv", info, singular("inversion"))
    return out


@public(
    "inverse(Tensor input, *, out)",
    lines=(line(inv, floating=True, least=2, when=SQUARE, only=1, checked=True),),
    whole=True,
)
def inverse(input):
    """The inverse of square matrices: torch.linalg.inv.

    Raises linalg.LinAlgError where one is singular, RuntimeError where they are not square or hold
    integers.

    >>> torch.inverse(2 * torch.eye(2))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    return linalg_inv(input)


# ---- general systems

SYSTEM = f"a0.ndim == a1.ndim == 2 and {SQUARE} and a1.dtype is d and a1.shape[0] == a0.shape[0]"


@primitive(opaque, outputs="out info", integer="info", node="LinalgSolveExBackward0")
def solve(xp, x, y, checked=False):
    """(solution of x @ out = y, info); checked: ValueError unless info is 0."""


def _solve_y(xp: Any, g_out: Any, x: Any) -> Any:
    return xp.solve(adjoint(xp, x), g_out)[0]


solve.vjp(
    complex=True,
    x=lambda xp, g_out, x, out: -xp.matmul(_solve_y(xp, g_out, x), adjoint(xp, out)),
    y=_solve_y,
)
leading(solve, 2, 2)


def is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether B is a (batch of) vectors rather than matrices."""
    return (
        B._a.ndim == 1 or A._a.ndim - 1 == B._a.ndim and tuple(A._a.shape[:-1]) == tuple(B._a.shape)
    )


def solved(name: str, A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    """(solution, info) with the checks of solve and solve_ex."""
    check_matrix(name, A, square=True)
    check_tensor(name, B, "B", 2)
    check_same_dtype(name, A, B)
    vector = is_vector(A, B)
    if B._a.ndim < (1 if vector else 2):
        raise RuntimeError(f"{name}: The input tensor B must have at least 2 dimensions.")
    if vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. "
            "In this case linalg.solve "
            "is equivalent to B / A.squeeze(-1)"
        )
    b = B.unsqueeze(-1) if vector else B
    check_sizes(name, A, b, left)
    if vector:
        out, info = solve.entry(A, b)
        return out.squeeze(-1), info
    if left:
        return solve.entry(A, b)
    out, info = solve.entry(A.mT, b.mT)
    return out.mT, info


def check_sizes(name: str, A: Tensor, B: Tensor, left: bool) -> None:
    """RuntimeError unless A X = B (or X A = B) makes sense."""
    side = -2 if left else -1
    if A._a.shape[-2] != B._a.shape[side]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} "
            f"({A._a.shape[-2]}x{A._a.shape[-1]} and {B._a.shape[-2]}x{B._a.shape[-1]})"
        )
    a, b = tuple(A._a.shape[:-2]), tuple(B._a.shape[:-2])
    if a != b:
        broadcast_shapes(a, b)


@public(
    "linalg.solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, "
    "out) -> (Tensor result, Tensor info)",
    lines=(
        line(
            solve,
            floating=True,
            when=SYSTEM,
            pair="linalg_solve_ex",
            checked=False,
        ),
    ),
)
def solve_ex(A, B, *, left=True, check_errors=False):
    """(X, info) with A X = B (or X A = B); see solve.

    >>> torch.linalg.solve_ex(2 * torch.eye(2), torch.ones(2)).result
    tensor([0.5000, 0.5000])
    """
    out, info = solved("linalg.solve", A, B, left)
    if check_errors:
        check_info("torch.linalg.solve_ex", info, singular("solve"))
    return named("linalg_solve_ex", out, info)


@public(
    "linalg.solve(Tensor A, Tensor B, *, bool left=True, out)",
    lines=(line(solve, floating=True, when=SYSTEM, only=1, checked=True),),
    whole=True,
    out="exact",
)
def linalg_solve(A, B, *, left=True):
    """X with A X = B (left=False: X A = B); LinAlgError where A is singular.

    A: (*, n, n). B: (*, n, k), or vectors: (n,), or (*, n) where * are A's batch dimensions.

    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.ones(2))
    tensor([0.5000, 0.2500])
    """
    out, info = solved("linalg.solve", A, B, left)
    check_info("torch.linalg.solve", info, singular("solve"))
    return out


# ---- triangular systems


@primitive(opaque, node="LinalgSolveTriangularBackward0")
def solve_triangular(xp, x, y, upper=False, unit=False):
    """The solution of x @ out = y, reading one triangle of x."""


def _triangular_y(xp: Any, g: Any, x: Any, upper: bool, unit: bool) -> Any:
    return xp.solve_triangular(adjoint(xp, x), g, upper=not upper, unit=unit)


def _triangular_x(xp: Any, g: Any, x: Any, out: Any, upper: bool, unit: bool) -> Any:
    full = -xp.matmul(_triangular_y(xp, g, x, upper, unit), adjoint(xp, out))
    return xp.triangle(full, (1 if upper else -1) if unit else 0, upper)


leading(solve_triangular.vjp(complex=True, x=_triangular_x, y=_triangular_y), 2, 2)


@op(opaque, outputs="out copy", name="triangular_solve", node="TriangularSolveBackward0")
def triangular_solve_op(xp, x, y, upper=False, unit=False):
    """(the solution of x @ out = y, x)."""
    return xp.solve_triangular(x, y, upper, unit), xp.copy(x)


leading(
    triangular_solve_op.vjp(
        complex=True,
        x=lambda xp, g_out, g_copy, x, out, upper, unit: (
            _triangular_x(xp, g_out, x, out, upper, unit) + g_copy
        ),
        y=lambda xp, g_out, x, upper, unit: _triangular_y(xp, g_out, x, upper, unit),
    ),
    2,
    2,
)


@public(
    "linalg.solve_triangular(Tensor input, Tensor B, *, bool upper, bool left=True, "
    "bool unitriangular=False, out)",
    lines=(line(solve_triangular, floating=True, let={"unit": "unitriangular"}, when=SYSTEM),),
    out="exact",
)
def linalg_solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X with A X = B (left=False: X A = B), A triangular: only one triangle is read, with
    unitriangular not the diagonal.

    A: (*, n, n), B: (*, n, k). Zeros on the diagonal give infinities.

    >>> A = torch.tensor([[2., 1.], [0., 4.]])
    >>> torch.linalg.solve_triangular(A, torch.tensor([[3.], [4.]]), upper=True)
    tensor([[1.],
            [1.]])
    """
    name = "linalg.solve_triangular"
    check_matrix(name, A, square=True)
    check_matrix(name, B, "B", floating=False)
    B = B if B.dtype is A.dtype else B.to(A.dtype)
    check_sizes(name, A, B, left)
    if left:
        return solve_triangular.entry(A, B, upper, unitriangular)
    return solve_triangular.entry(A.mT, B.mT, not upper, unitriangular).mT


@public(
    "triangular_solve(Tensor input, Tensor A, bool upper=True, bool transpose=False, "
    "bool unitriangular=False, *, out) -> (Tensor solution, Tensor cloned_coefficient)",
    whole=True,
)
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False):
    """(solution, A) of A X = input (transpose: A^T X = input), A triangular.

    >>> A = torch.tensor([[2., 0.], [0., 4.]])
    >>> torch.triangular_solve(torch.tensor([[2.], [4.]]), A).solution
    tensor([[1.],
            [1.]])
    """
    advise(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular and will be"
        " removed in a future PyTorch release.",
        once=True,
    )
    if A.layout is sparse_csr and input.layout is strided:
        full = triangular_solve(input, A.to_dense(), upper, transpose, unitriangular)
        return named("triangular_solve", full[0], full[0].new_zeros(0))
    for t, what in ((input, "b"), (A, "A")):
        if t._a.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {what} to have at least 2 dimensions, but it "
                f"has {t._a.ndim} dimensions "
                "instead"
            )
    check_matrix("triangular_solve", A, square=True)
    check_same_dtype("triangular_solve", A, input)
    check_sizes("triangular_solve", A, input, True)
    batch = broadcast_shapes(tuple(A._a.shape[:-2]), tuple(input._a.shape[:-2]))
    A = A.expand((*batch, *A.shape[-2:]))
    out, copy = triangular_solve_op.entry(
        A.mT if transpose else A, input, upper != transpose, unitriangular
    )
    return named("triangular_solve", out, copy.mT if transpose else copy)


# -------------------------------------------------------------------------------------
# pseudo-inverse, least squares


@primitive(opaque, node="LinalgPinvBackward0")
def pinv(xp, x, atol, rtol, hermitian=False):
    """Pseudo-inverse without the singular values up to max(atol, rtol * the largest)."""


def _pinv(xp: Any, g: Any, x: Any, out: Any) -> Any:
    gh, ph = adjoint(xp, g), adjoint(xp, out)
    mm = xp.matmul
    if x.shape[-2] <= x.shape[-1]:
        k = mm(gh, out)
        kp = mm(k, ph)
        return -adjoint(xp, mm(out, k)) + kp - mm(mm(x, out), kp) + mm(mm(ph, out), gh - mm(k, x))
    k = mm(out, gh)
    pk = mm(ph, k)
    return -adjoint(xp, mm(k, out)) + mm(mm(gh - mm(x, k), out), ph) + pk - mm(mm(pk, out), x)


leading(pinv.vjp(complex=True, x=_pinv), 2, 0, 0)


@functools.cache
def eps_of(d: Any) -> float:
    """The distance from 1 to the next number of a dtype."""
    return dtypes.finfo(dtypes.as_dtype(d)).eps


def tolerances(name: str, A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """(atol, rtol) as tensors; by default rtol is max(m, n) * eps unless atol is given."""

    def as_tensor(t: Any, what: str) -> Any:
        if isinstance(t, Tensor):
            if t.dtype.is_complex:
                raise RuntimeError(f"{name}: {what} tensor of complex type is not supported.")
            return t.detach()
        if type(A._a) in HOSTED:
            return wrap(NS[type(A._a)].full((), float(t), dtypes.float64.np))
        return A.new_full((), float(t), dtype=dtypes.float64)

    if rtol is None:
        if atol is None or not isinstance(atol, Tensor) and atol <= 0:
            rtol = max(A._a.shape[-2:]) * eps_of(A._a.dtype)
        elif isinstance(atol, Tensor):
            rtol = (atol <= 0).to(A.dtype.to_real()) * (max(A._a.shape[-2:]) * eps_of(A._a.dtype))
        else:
            rtol = 0.0
    if type(A._a) in HOSTED and not (isinstance(atol, Tensor) or isinstance(rtol, Tensor)):
        full = NS[type(A._a)].full
        least = full((), 0.0 if atol is None else float(atol), dtypes.float64.np)
        return wrap(least), wrap(full((), float(rtol), dtypes.float64.np))
    return as_tensor(0.0 if atol is None else atol, "atol"), as_tensor(rtol, "rtol")


@public(
    "linalg.pinv(Tensor input, *, Tensor|float? atol=None, Tensor|float? rtol=None, "
    "bool hermitian=False, out)",
    "linalg.pinv(Tensor input, Tensor|float rcond, bool hermitian=False, *, out)",
)
def linalg_pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """The pseudo-inverse of A (*, m, n), leaving out singular values up to max(atol, rtol * the
    largest).

    atol, rtol: numbers or tensors of the batch's shape; rtol is max(m, n) * eps by default.
    hermitian: A is, and only one triangle is read.

    >>> torch.linalg.pinv(torch.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    check_matrix("linalg.pinv", A, square=hermitian and A._a.size > 0)
    hermitian = hermitian and A._a.size > 0
    if isinstance(hermitian, float) or isinstance(rcond, bool):
        raise TypeError("linalg.pinv(): rcond is a number and hermitian a bool")
    a, r = tolerances("torch.linalg.pinv", A, atol, rcond if rtol is None else rtol)
    return pinv.entry(A, a, r, hermitian)


@public("pinverse(Tensor input, float rcond=1e-15)", whole=True)
def pinverse(input, rcond=1e-15):
    """The pseudo-inverse of matrices.

    >>> torch.pinverse(torch.diag(torch.tensor([2., 4.])))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_matrix("linalg.pinv", input)
    return linalg_pinv(input, rtol=rcond)


@primitive(opaque, outputs="out rank values", integer="rank values", node="LinalgLstsqBackward0")
def lstsq(xp, x, y, rcond=0.0, driver="gelsy"):
    """(least squares solution, rank, singular values)."""


def _lstsq_y(xp: Any, g_out: Any, x: Any) -> Any:
    return xp.matmul(adjoint(xp, _full_pinv(xp, x)), g_out)


def _lstsq_x(xp: Any, g_out: Any, x: Any, y: Any) -> Any:
    return _pinv(xp, xp.matmul(g_out, adjoint(xp, y)), x, _full_pinv(xp, x))


def _full_pinv(xp: Any, x: Any) -> Any:
    eps = max(x.shape[-2:]) * dtypes.finfo(dtypes.as_dtype(x.dtype)).eps
    real = dtypes.as_dtype(x.dtype).to_real().np
    return xp.pinv(x, xp.zeros((), real), xp.full((), eps, real), False)


leading(lstsq.vjp(complex=True, x=_lstsq_x, y=_lstsq_y), 2, 2)


@public(
    "linalg.lstsq(Tensor input, Tensor b, float? rcond=None, *, str? driver=None, "
    "out) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    whole=True,
    out="converted",
)
def linalg_lstsq(A, B, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular_values) of the least squares problem min |A X - B|.

    A: (*, m, n), B: (*, m, k) or (*, m). driver: 'gelsy' (default), 'gels', 'gelsd' or 'gelss'.
    residuals: the squared distances, where m > n and A has full rank.

    >>> torch.linalg.lstsq(torch.tensor([[1.], [1.]]), torch.tensor([[1.], [3.]])).solution
    tensor([[2.0000]])
    """
    name = "torch.linalg.lstsq"
    check_matrix(name, A)
    check_tensor(name, B, "B", 2)
    if B._a.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    check_same_dtype(name, A, B, "input", "other")
    vector = is_vector(A, B)
    if not vector and B._a.ndim < 2 or A._a.ndim - B._a.ndim not in (0, 1):
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
            "other.dim()) <= 1"
        )
    b = B.unsqueeze(-1) if vector else B
    m, n = A._a.shape[-2:]
    if b._a.shape[-2] != m:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size({'-1' if vector else '-2'})"
        )
    broadcast_shapes(tuple(A._a.shape[:-2]), tuple(b._a.shape[:-2]))
    driver = driver or "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    tol = dtypes.finfo(A.dtype).eps * max(m, n) if rcond is None else float(rcond)
    out, rank, values = lstsq.entry(A, b, tol, driver)
    values = values.to(A.dtype.to_real())
    if driver not in ("gelsd", "gelss"):
        values = values.new_empty(0)
    residuals = _residuals(A, b, out, rank, m, n, driver)
    if driver == "gels":
        rank = rank.new_empty(0)
    return named(
        "linalg_lstsq",
        out.squeeze(-1) if vector else out,
        residuals,
        rank,
        values,
    )


def _residuals(
    A: Tensor, b: Tensor, x: Tensor, rank: Tensor, m: int, n: int, driver: str
) -> Tensor:
    if m > n and (
        driver == "gels" or driver != "gelsy" and anywhere(rank, lambda r: r != n) is False
    ):
        d = A @ x - b
        return d.abs().square().sum(-2)
    return x.reshape(-1)[:0].abs()


# ---- tensors as matrices


@public("linalg.tensorinv(Tensor input, int ind=2, *, out)", whole=True)
def tensorinv(A, ind=2):
    """The inverse for tensordot: A's first ind dimensions are the rows, the others the columns.

    >>> torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    check_floating("tensorinv", A)
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    s = tuple(A._a.shape)
    rows, columns = math.prod(s[:ind]), math.prod(s[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} "
            f"!= {rows}"
        )
    out, info = inv.entry(A.reshape(rows, columns))
    check_info("inv", info, singular("inversion"))
    return out.reshape((*s[ind:], *s[:ind]))


@public("linalg.tensorsolve(Tensor input, Tensor other, int[]? dims=None, *, out)", whole=True)
def tensorsolve(A, B, dims=None):
    """X with tensordot(A, X, X.ndim) = B; dims of A are moved to its end first.

    >>> torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    check_floating("tensorsolve", A)
    if dims is not None and A._a.ndim:
        d = tuple(
            [
                wrap_dim(i, A._a.ndim, "tensorsolve")
                for i in ((dims,) if isinstance(dims, int) else dims)
            ]
        )
        A = A.movedim(d, tuple(range(-len(d), 0)))
    s = tuple(A._a.shape)
    lead = B._a.ndim
    rows, columns = math.prod(s[:lead]), math.prod(s[lead:])
    if B._a.size != columns or rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            "prod(self.shape[:other.ndim]), but "
            f"got {columns} != {rows}"
        )
    return linalg_solve(A.reshape(rows, columns), B.reshape(-1)).reshape(tuple(s[lead:]))
