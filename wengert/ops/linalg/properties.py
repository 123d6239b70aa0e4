"""Numbers that describe matrices (determinants, norms, condition, rank), their powers and
exponentials.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...base.returns import named
from ...declare.lines import line
from ...declare.registry import declare, function, public
from ...engine.kinds import linear, opaque
from ...engine.op import op, primitive
from ...engine.tensor import Tensor
from ..dims import wrap_dim
from ..reduce.statistics import WHOLE_NORM, vector_norm
from .decompositions import linalg_svdvals, svd_op
from .matrix import (
    NAMES,
    adjoint,
    anywhere,
    bottom,
    check_floating,
    check_matrix,
    check_tensor,
    column,
    conj,
    diag_matrix,
    differentiable,
    is_complex,
    leading,
)
from .solve import tolerances


@primitive(opaque, node="LinalgDetBackward0", name="det")
def det_op(xp, x):
    """Determinants of invertible matrices (for the derivative)."""


def _scaled_eye(xp: Any, v: Any, n: int) -> Any:
    """v times the identity, for batches of numbers v."""
    return xp.diag_matrix(xp.expand(column(xp, v), (*tuple(v.shape), n)))


det_op.vjp(
    complex=True,
    x=lambda xp, g, x, out: xp.solve(
        adjoint(xp, x), _scaled_eye(xp, g * conj(xp, out), x.shape[-1])
    )[0],
)
leading(det_op, 2)


@public("det(Tensor input)")
def det(input):
    """The determinants of square matrices (*, n, n).

    Raises RuntimeError where the matrices are not square or hold integers.

    >>> torch.det(torch.tensor([[1., 2.], [3., 4.]]))
    tensor(-2.)
    """
    check_matrix("linalg.det", input, square=True)
    if differentiable(input) and near_singular(input):
        return singular_det(input)
    return det_op.entry(input)


declare(det, ("linalg.det(Tensor A, *, out)",), out="exact")


def near_singular(x: Tensor) -> bool:
    """Whether solving with one of the matrices may lose everything."""
    a = bottom(x)
    if a is None or a.size == 0:
        return False
    from ...arrays.lookup import namespace

    values = namespace(a).det(a)
    return bool(anywhere(values, lambda v: abs(v) < 100 * dtypes.finfo(x.dtype).eps))


def singular_det(x: Tensor) -> Tensor:
    """The determinant by singular values: its gradient, the cofactors, exists where the inverse
    does not.
    """
    u, s, vh = svd_op.entry(x, True)
    turn = det_op.entry(u) * det_op.entry(vh)
    return turn * s.prod(-1)


@primitive(opaque, outputs="sign out", node="LinalgSlogdetBackward0", name="slogdet")
def slogdet_op(xp, x):
    """(sign, logarithm of the absolute value) of determinants."""


def _slogdet(xp: Any, g_sign: Any, g_out: Any, sign: Any, x: Any) -> Any:
    g = g_out
    if is_complex(x):
        g = g_out - xp.imag(xp.conj(g_sign) * sign) * 1j
    return xp.solve(adjoint(xp, x), _scaled_eye(xp, g, x.shape[-1]))[0]


leading(slogdet_op.vjp(complex=True, x=_slogdet), 2)


@public("linalg.slogdet(Tensor A, *, out) -> (Tensor sign, Tensor logabsdet)")
def linalg_slogdet(A):
    """(sign, logabsdet) of square matrices A (*, n, n).

    >>> torch.linalg.slogdet(-torch.eye(3)).sign
    tensor(-1.)
    """
    check_matrix("linalg.slogdet", A, square=True)
    return named("linalg_slogdet", *slogdet_op.entry(A))


@public("slogdet(Tensor input, *, out) -> (Tensor sign, Tensor logabsdet)")
def slogdet(input):
    """(sign, logabsdet) of square matrices.

    Raises RuntimeError where the matrices are not square or hold integers.

    >>> torch.slogdet(torch.eye(2) * 2).sign
    tensor(1.)
    """
    check_matrix("linalg.slogdet", input, square=True)
    return named("slogdet", *slogdet_op.entry(input))


@public("logdet(Tensor input)")
def logdet(input):
    """The logarithms of the determinants; nan where one is negative.

    Raises RuntimeError where the matrices are not square or hold integers.

    >>> torch.logdet(torch.eye(3))
    tensor(0.)
    """
    check_matrix("logdet", input, square=True)
    sign, logarithm = slogdet_op.entry(input)
    if input.dtype.is_complex:
        return sign.log() + logarithm
    return logarithm.masked_fill(sign == -1, math.nan)


# ---- norms


def extreme(x: Tensor, dim: int, keepdim: bool, ord: float) -> Tensor:
    """The largest (for a negative ord smallest) of norms along dim; of none, 0 is the largest."""
    if x._a.shape[dim] == 0 and ord > 0:
        return x.sum(dim, keepdim)
    return x.amax(dim, keepdim) if ord > 0 else x.amin(dim, keepdim)


def _to_last(A: Tensor, dim: Any, name: str) -> tuple[Tensor, tuple[int, int]]:
    d = tuple(dim)
    if len(d) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {list(d)}")
    i, j = wrap_dim(d[0], A._a.ndim, name), wrap_dim(d[1], A._a.ndim, name)
    if i == j:
        raise RuntimeError(f"{name}: dims must be different. Got ({d[0]}, {d[1]})")
    return A, (i, j)


@public(
    "linalg.matrix_norm(Tensor input, Scalar ord, int[] dim=[-2,-1], "
    "bool keepdim=False, *, ScalarType? dtype=None, out)",
    "linalg.matrix_norm(Tensor input, str ord='fro', int[] dim=[-2,-1], "
    "bool keepdim=False, *, ScalarType? dtype=None, out)",
    out="exact",
)
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """Norm of matrices in the two dimensions dim: ord is 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2.

    >>> torch.linalg.matrix_norm(torch.eye(2), 'nuc')
    tensor(2.)
    """
    name = "linalg.matrix_norm"
    check_matrix(name, A, floating=False)
    check_floating(name, A, low=True)
    A, (i, j) = _to_last(A, dim, name)
    if dtype is not None:
        if not dtype.is_inexact or (dtype.is_complex) != (A.dtype.is_complex):
            raise RuntimeError(
                f"{name}: dtype should be floating point or complex as the input {A.dtype}, but "
                f"got {dtype}"
            )
        A = A.to(dtype)
    if isinstance(ord, str):
        if ord == "fro":
            return vector_norm(A, 2, (i, j), keepdim)
        if ord != "nuc":
            raise RuntimeError(f"{name}: Order {ord} not supported.")
        r = linalg_svdvals(A.movedim((i, j), (-2, -1))).sum(-1)
        return _kept(r, i, j) if keepdim else r
    size = abs(ord)
    if size not in (1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if size == 2:
        s = linalg_svdvals(A.movedim((i, j), (-2, -1)))
        r = extreme(s, -1, False, ord)
        return _kept(r, i, j) if keepdim else r
    summed, left = (i, j) if size == 1 else (j, i)
    v = A.abs().sum(summed, True) if A.dtype.is_complex else vector_norm(A, 1, summed, True)
    r = extreme(v, left, True, ord)
    return r if keepdim else r.squeeze((i, j))


@public("frobenius_norm(Tensor input, int[1] dim, bool keepdim=False, *, out)", method=False)
def frobenius_norm(input, dim, keepdim=False):
    """The root of the sum of squares over dim, or over everything where dim is empty.

    input: floating or complex. dim: dimensions. keepdim: keep them, of size 1.

    >>> torch.frobenius_norm(torch.tensor([[3., 4.]]), dim=(0, 1))
    tensor(5.)
    """
    return vector_norm(input, 2, dim or None, keepdim)


@public(
    "nuclear_norm(Tensor input, bool keepdim=False, *, out)",
    "nuclear_norm(Tensor input, int[2] dim, bool keepdim=False, *, out)",
    method=False,
)
def nuclear_norm(input, dim=(-2, -1), keepdim=False):
    """The sum of the singular values of the matrices in the two dimensions dim.

    input: floating or complex. dim: by default the last two. keepdim: keep them, of size 1.

    >>> torch.nuclear_norm(torch.eye(2))
    tensor(2.)
    """
    return matrix_norm(input, "nuc", dim, keepdim)


def _kept(r: Tensor, i: int, j: int) -> Tensor:
    for d in sorted((i, j)):
        r = r.unsqueeze(d)
    return r


@public(
    "linalg.norm(Tensor input, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, "
    "*, ScalarType? dtype=None, out)",
    "linalg.norm(Tensor input, str ord, int[1]? dim=None, bool keepdim=False, *, "
    "ScalarType? dtype=None, out)",
    lines=(WHOLE_NORM._replace(given="ord is None and dim is None and dtype is None"),),
    out="exact",
)
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """Vector norm, or matrix norm where dim has two dimensions (or A has two and ord is given).

    ord None: the 2-norm of all elements along dim.

    >>> torch.linalg.norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    check_tensor("linalg.norm", A, "input")
    check_floating("linalg.norm", A, low=True)
    if dim is not None:
        d = (dim,) if isinstance(dim, int) else tuple(dim)
        if len(d) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(d)}"
            )
    elif ord is not None and A._a.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{A._a.ndim}D."
        )
    if (
        isinstance(ord, str)
        or ord is not None
        and (len(d) == 2 if dim is not None else A._a.ndim == 2)
    ):
        return matrix_norm(A, ord, (0, 1) if dim is None else d, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@public(
    "linalg.cond(Tensor input, Scalar? p=None, *, out)",
    "linalg.cond(Tensor input, str p, *, out)",
    whole=True,
)
def cond(A, p=None):
    """Condition number of matrices A: the norm of A times that of its inverse; p as in matrix_norm,
    None for 2.

    >>> torch.linalg.cond(torch.tensor([[2., 0.], [0., 4.]]))
    tensor(2.)
    """
    name = "linalg.cond"
    if A._a.ndim > 1 and A._a.size == 0 and p is None:  # of whatever dtype
        return A.new_zeros(tuple(A.shape[:-2]), dtype=A.dtype.to_real())
    if p is None or not isinstance(p, str) and p in (2, -2):
        check_matrix(name, A)
        s = linalg_svdvals(A)
        if s._a.shape[-1] == 0:
            return s.new_zeros(tuple(s.shape[:-1]))
        first, last = s.select(-1, 0), s.select(-1, -1)
        return last / first if p == -2 else first / last
    check_matrix(name, A, square=True)
    if (
        isinstance(p, str)
        and p not in ("fro", "nuc")
        or not isinstance(p, str)
        and abs(p) not in (1, math.inf)
    ):
        raise RuntimeError(f"{name} got an invalid norm type: {p}")
    if A._a.size == 0:
        return A.new_zeros(tuple(A.shape[:-2]), dtype=A.dtype.to_real())
    if p == "nuc":
        s = linalg_svdvals(A)
        return s.sum(-1) * s.reciprocal().sum(-1)
    out, info = function("inv_ex", "linalg")(A)
    r = matrix_norm(A, p) * matrix_norm(out, p)
    return r.masked_fill(info != 0, math.inf) if anywhere(info) else r


@primitive(opaque, name="matrix_rank")
def matrix_rank_op(xp, x, atol, rtol, hermitian=False):
    """How many singular values exceed max(atol, rtol * the largest)."""


leading(matrix_rank_op, 2, 0, 0)


@public(
    "linalg.matrix_rank(Tensor input, *, Tensor|float? atol=None, "
    "Tensor|float? rtol=None, bool hermitian=False, out)",
    "linalg.matrix_rank(Tensor input, Tensor|float tol, bool hermitian=False, *, out)",
    whole=True,
)
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values of A exceed max(atol, rtol * the largest).

    rtol is max(m, n) * eps by default. tol: the older name of atol.

    >>> torch.linalg.matrix_rank(torch.ones(3, 3))
    tensor(1)
    """
    check_matrix("linalg.matrix_rank", A, square=hermitian and A._a.size > 0)
    if not A._a.size:
        return A.new_zeros(tuple(A._a.shape[:-2]), dtype=dtypes.int64)
    a, r = tolerances(
        "torch.linalg.matrix_rank",
        A,
        tol if atol is None else atol,
        0.0 if tol is not None and rtol is None else rtol,
    )
    return matrix_rank_op.entry(A, a, r, hermitian)


# ---- powers, exponentials


@public("linalg.matrix_power(Tensor input, int n, *, out)")
def linalg_matrix_power(A, n):
    """Square matrices A to an integer power; negative powers invert.

    >>> torch.linalg.matrix_power(torch.tensor([[1., 1.], [0., 1.]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    check_matrix("linalg.matrix_power", A, square=True, floating=False)
    if n == 0:
        k = A._a.shape[-1]
        eye = diag_matrix.entry(A.new_ones(k), None, None).expand(tuple(A.shape))
        return eye.where(A.new_ones((), dtype=dtypes.bool), A)  # recorded, with a gradient of zeros
    if n < 0:
        A, n = function("inv", "linalg")(A), -n
    if n == 1:
        return A.clone()
    result = None
    while n:
        if n & 1:
            result = A if result is None else result @ A
        n >>= 1
        if n:
            A = A @ A
    return result


@public("matrix_power(Tensor input, int n, *, out)")
def matrix_power(input, n):
    """Square matrices to an integer power.

    >>> torch.matrix_power(torch.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    return linalg_matrix_power(input, n)


@primitive(opaque, name="matrix_exp", node="LinalgMatrixExpBackward0")
def matrix_exp_op(xp, x):
    """Exponentials of matrices."""


def _matrix_exp(xp: Any, g: Any, x: Any) -> Any:
    """The derivative is the upper right block of the exponential of a block matrix."""
    xh = adjoint(xp, x)
    n = x.shape[-1]
    top = xp.cat(xh, g, dim=x.ndim - 1)
    low = xp.cat(xp.zeros_like(xh), xh, dim=x.ndim - 1)
    big = xp.matrix_exp(xp.cat(top, low, dim=x.ndim - 2))
    return xp.getitem(big, (Ellipsis, slice(None, n), slice(n, None)))


leading(matrix_exp_op.vjp(complex=True, x=_matrix_exp), 2)


@public("matrix_exp(Tensor input)")
def matrix_exp(input):
    """The exponential of square matrices (*, n, n).

    Raises RuntimeError where they are not square or hold integers.

    >>> torch.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_matrix("linalg.matrix_exp", input, square=True, floating=False)
    check_floating("linalg.matrix_exp", input, low=True)
    return matrix_exp_op.entry(input)


declare(matrix_exp, ("linalg.matrix_exp(Tensor input)",))


@op(linear, name="trace", node="TraceBackward0", keeps_order=True)
def trace_op(xp, x):
    """The sum of the diagonal of a matrix."""
    return xp.sum_all(xp.diag_vector(x))


trace_op.vjp(
    x=lambda xp, g, x_shape: xp.diag_matrix(
        xp.expand(g, (min(x_shape),)), tuple(x_shape)[0], tuple(x_shape)[1]
    )
)
trace_op.batch(lambda xp, size, flags, x: xp.sum(xp.diag_vector(x), 1, False))


@public("trace(Tensor input)", lines=(line(trace_op, when="a0.ndim == 2"),), whole=True)
def trace(input):
    """The sum of the diagonal of a matrix.

    Raises RuntimeError where it is no matrix.

    >>> torch.trace(torch.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input._a.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._a.ndim}")
    return trace_op.entry(input)


@public("linalg.vander(Tensor x, *, int? N=None)")
def linalg_vander(x, N=None):
    """Rows of powers 0, 1, ..., N - 1 of the elements of x (*, n); N is n by default.

    >>> torch.linalg.vander(torch.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    check_tensor("linalg.vander", x, "x")
    if x.dtype.name in ("bool", "float16", "bfloat16"):
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got "
            f"{NAMES[x.dtype.name]}"
        )
    x = x.unsqueeze(-1) if x._a.ndim == 0 else x
    n = x._a.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    more = x.unsqueeze(-1).expand((*x.shape, n - 1)).cumprod(-1)
    return function("cat")([more.new_ones((*x.shape, 1)), more], -1)


def _vander_type(x: Tensor) -> Any:
    return dtypes.int64 if not x.dtype.is_inexact else x.dtype


@public("vander(Tensor x, int? N=None, bool increasing=False)", method=False)
def vander(x, N=None, increasing=False):
    """Columns of powers of the elements of a vector x, falling unless increasing.

    >>> torch.vander(torch.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    if x._a.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x._a.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    parts = [x.new_ones(tuple(x.shape), dtype=_vander_type(x))]
    while len(parts) < n:
        parts.append(parts[-1] * x)
    parts = parts[:n]
    if not parts:
        return x.new_empty((x._a.shape[0], 0), dtype=_vander_type(x))
    return function("stack")(parts if increasing else parts[::-1], 1)
