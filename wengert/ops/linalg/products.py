"""Products of matrices and vectors beyond matmul: the add-forms, outer, kron, tensordot.

Chains are in `chains.py`, products along a dimension in `cross.py`, einsum in `einsum.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...declare.binding import as_list
from ...declare.lines import line
from ...declare.registry import function, public
from ...engine.implementations import in_single
from ...engine.kinds import opaque
from ...engine.op import OPS, op
from ...engine.op_modes import runner
from ...engine.tensor import Tensor
from ..batching import front
from ..dims import wrap_dims
from ..math.arithmetic import mul
from ..shape.copies import diagonal_op
from ..shape.views import reshape_op, unsqueeze_op
from .matmul import as_second, matmul_batch, matmul_op
from .matmul import bmm as bmm_op
from .matmul import dot as dot_op
from .matmul import matmul as matmul_of
from .matmul import mv as mv_op
from .matrix import check_tensor

# ---- matrices and vectors


def _dims(name: str, **tensors: tuple[Any, int]) -> None:
    """Each tensor must have its number of dimensions."""
    for what, (t, n) in tensors.items():
        check_tensor(name, t, what)
        if t._a.ndim != n:
            kind = {1: "a vector (1-D)", 2: "a matrix (2-D)", 3: "a 3D tensor"}[n]
            raise RuntimeError(f"{name}: {what} must be {kind}, but it has shape {list(t.shape)}")


def adapted(name: str) -> bool:
    """Whether a mode such as autocast will bring the operands of an op together."""
    return name in OPS and runner(OPS[name]) is not None


def _same_type(name: str, x: Tensor, y: Tensor) -> None:
    if x.dtype is not y.dtype and not adapted(name):
        raise RuntimeError(
            f"{name}: expected both tensors to have the same dtype, but got {x.dtype} and "
            f"{y.dtype}: convert one with "
            ".to(dtype)"
        )


@public(
    "bmm(Tensor input, Tensor mat2, *, out)",
    "bmm(Tensor input, Tensor mat2, ScalarType out_dtype, *, out)",
    lines=(
        line(bmm_op, floating=True, when="a0.ndim == a1.ndim == 3 and a0.shape[0] == a1.shape[0]"),
        None,
    ),
    out="exact",
)
def bmm(input, mat2, out_dtype=None):
    """Products of batches of matrices: (b, n, m) with (b, m, p).

    >>> torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    for t, what in ((input, "batch1"), (mat2, "batch2")):
        check_tensor("bmm", t, what)
        if t._a.ndim != 3:
            raise RuntimeError(f"{what} must be a 3D tensor: bmm got shape {list(t.shape)}")
    s, t = tuple(input._a.shape), tuple(mat2._a.shape)
    if s[0] != t[0] or s[2] != t[1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{s[0]}, {s[2]}] but got: [{t[0]}, {t[1]}]."
        )
    if input.dtype is not mat2.dtype:
        input = as_second(input, mat2)
    _same_type("bmm", input, mat2)
    return bmm_op.entry(input, mat2)


@public(
    "mv(Tensor input, Tensor vec, *, out)",
    lines=(line(mv_op, floating=True, when="a0.ndim == 2 and a1.ndim == 1"),),
    out="exact",
)
def mv(input, vec):
    """Matrix (n, m) times vector (m).

    >>> torch.mv(torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    if input._a.ndim != 2 or vec._a.ndim != 1:
        raise (RuntimeError if input._a.ndim else IndexError)(
            f"vector + matrix @ vector expected, got 1, {input._a.ndim}, {vec._a.ndim}"
        )
    if input._a.shape[1] != vec._a.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input._a.shape[0]}), mat "
            f"({input._a.shape[0]}x{input._a.shape[1]}), vec "
            f"({vec._a.shape[0]})"
        )
    _same_type("mv", input, vec)
    return mv_op.entry(input, vec)


def _vectors(name: str, x: Tensor, y: Tensor) -> None:
    check_tensor(name, x, "input")
    check_tensor(name, y, "tensor", 2)
    if x._a.ndim != 1 or y._a.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {x._a.ndim}D and {y._a.ndim}D tensors")
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"{name} : expected both vectors to have same dtype, but found {x.dtype} and {y.dtype}"
        )
    if x._a.shape != y._a.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{x._a.shape[0]}] and src "
            f"[{y._a.shape[0]}] to have the same number "
            f"of elements, but got {x._a.shape[0]} and {y._a.shape[0]} elements respectively"
        )


@public(
    "dot(Tensor input, Tensor tensor, *, out)",
    lines=(line(dot_op, floating=True, when="a0.ndim == a1.ndim == 1"),),
    out="exact",
)
def dot(input, tensor):
    """Sum of the products of two vectors.

    >>> torch.dot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    _vectors("dot", input, tensor)
    return dot_op.entry(input, tensor)


@public(
    "vdot(Tensor input, Tensor other, *, out)",
    lines=(line(dot_op, floating=True, when="a0.ndim == a1.ndim == 1"),),
    out="exact",
)
def vdot(input, other):
    """Sum of conj(input) * other of two vectors.

    >>> torch.vdot(torch.tensor([1j]), torch.tensor([1j]))
    tensor(1.+0.j)
    """
    _vectors("vdot", input, other)
    return dot_op.entry(input.conj() if input.dtype.is_complex else input, other)


@public("inner(Tensor input, Tensor other, *, out)", out="exact")
def inner(input, other):
    """Products over the last dimension of both; of numbers, their product.

    >>> torch.inner(torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    if input._a.ndim == 0 or other._a.ndim == 0:
        return input * other
    if input._a.shape[-1] != other._a.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and "
            f"{list(other.shape)}"
        )
    _same_type("inner", input, other)
    s, t = tuple(input._a.shape), tuple(other._a.shape)
    x = reshape_op.entry(input, (math.prod(s[:-1]), s[-1]))
    y = reshape_op.entry(other, (math.prod(t[:-1]), t[-1]))
    if x._a.shape[0] == y._a.shape[0] == 1:  # a number, which autocast does not touch
        return reshape_op.entry(dot_op.entry(x.reshape(-1), y.reshape(-1)), s[:-1] + t[:-1])
    return reshape_op.entry(matmul_op.entry(x, y.mT), s[:-1] + t[:-1])


@public("outer(Tensor input, Tensor vec2, *, out)", aliases=("ger",), out="apart")
def outer(input, vec2):
    """All products of the elements of two vectors: (n, m).

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if input._a.ndim != 1 or vec2._a.ndim != 1:
        for t, what in ((input, "self"), (vec2, "vec2")):
            if t._a.ndim != 1:
                raise RuntimeError(f"outer: Expected 1-D argument {what}, but got {t._a.ndim}-D")
    return mul.entry(unsqueeze_op.entry(input, 1), vec2)


@public("kron(Tensor input, Tensor other, *, out)", out="apart")
def kron(input, other):
    """Kronecker product.

    >>> torch.kron(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([3, 4, 6, 8])
    """
    nd = max(input._a.ndim, other._a.ndim)
    a, b = (
        (1,) * (nd - input._a.ndim) + tuple(input._a.shape),
        (1,) * (nd - other._a.ndim) + tuple(other._a.shape),
    )
    x = input.reshape([n for pair in zip(a, (1,) * nd) for n in pair])
    y = other.reshape([n for pair in zip((1,) * nd, b) for n in pair])
    return (x * y).reshape([m * n for m, n in zip(a, b)])


# ---- the add-forms


def _number(name: str, input: Tensor, v: Any) -> Any:
    """A factor as a number of the input's category: floats are truncated for integers."""
    if isinstance(v, Tensor):
        v = v.item()
    if isinstance(v, complex) and not input.dtype.is_complex:
        raise RuntimeError(
            f"{name}: value cannot be converted to type {input.dtype.name} without overflow: {v}"
        )
    return dtypes.converted(int(v), input.dtype) if not input.dtype.is_inexact else v


def _same_types(name: str, *tensors: Tensor) -> None:
    for t in tensors[1:]:
        if t.dtype is not tensors[0].dtype and not adapted(name):
            raise RuntimeError(
                f"{name}: expected all tensors to have the same dtype, but got "
                f"{' and '.join(str(x.dtype) for x in tensors)}: convert with .to(dtype)"
            )


def expandable(name: str, input: Tensor, shape: tuple[int, ...]) -> None:
    s = tuple(input._a.shape)
    if len(s) > len(shape) or any(a not in (1, b) for a, b in zip(reversed(s), reversed(shape))):
        bad = next(
            (i for i, (a, b) in enumerate(zip(reversed(s), reversed(shape)), 1) if a not in (1, b)),
            len(s),
        )
        have, want = (s[-bad], shape[-bad]) if bad <= len(shape) else (len(s), len(shape))
        raise RuntimeError(
            f"The expanded size of the tensor ({want}) must match the existing size ({have}) at "
            "non-singleton dimension "
            f"{max(len(shape) - bad, 0)}.  Target sizes: {list(shape)}.  Tensor sizes: {list(s)} "
            f"({name})"
        )


def scaled(xp: Any, x: Any, v: Any) -> Any:
    """x times a number, in x's dtype."""
    if v == 1:
        return x
    out = x * v
    return out if out.dtype == x.dtype else xp.astype(out, dtypes.as_np(x.dtype))


def _affine(word: str, camel: str, told: Any = None) -> Any:
    """The op beta * x + alpha * (a @ b); its parts keep their own rules under interpreters."""
    from .matmul import _left, _right

    def sum_of(xp: Any, x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
        p = xp.matmul(a, b)
        if alpha != 1:
            p = scaled(xp, p, alpha)
        return p if beta == 0 else p + (x if beta == 1 else scaled(xp, x, beta))

    @op(opaque, name=word, types="same", node=camel + "Backward0", told=told)
    def f(xp, x, a, b, beta=1, alpha=1):
        return in_single(sum_of, xp, x, a, b, beta=beta, alpha=alpha)

    f.vjp(
        x=lambda xp, g, x_shape, beta: scaled(xp, g, beta) if beta else xp.zeros_like(g),
        a=lambda xp, g, b, a_shape, alpha: scaled(xp, _left(xp, g, b, a_shape), alpha),
        b=lambda xp, g, a, b_shape, alpha: scaled(xp, _right(xp, g, a, b_shape), alpha),
    )

    def tangent(xp: Any, tangents: Any, x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
        tx, ta, tb = tangents
        parts = [scaled(xp, tx, beta)] if tx is not None and beta else []
        if ta is not None:
            parts.append(scaled(xp, xp.matmul(ta, b), alpha))
        if tb is not None:
            parts.append(scaled(xp, xp.matmul(a, tb), alpha))
        shape = (
            (*tuple(a.shape)[:-1], *tuple(b.shape)[a.ndim - 1 :])
            if b.ndim > 1
            else tuple(a.shape)[:-1]
        )
        if not parts:
            return xp.zeros(shape, a.dtype)
        total = parts[0]
        for p in parts[1:]:
            total = total + p
        return xp.expand(total, shape)

    def batched(
        xp: Any, size: int, flags: Any, x: Any, a: Any, b: Any, beta: Any, alpha: Any
    ) -> Any:
        p = (
            matmul_batch(xp, size, flags[1:], a, b)
            if flags[1] or flags[2]
            else front(xp.matmul(a, b), False, size)
        )
        p = scaled(xp, p, alpha)
        if beta == 0:
            return p
        x = scaled(xp, x, beta)
        if flags[0]:
            s = tuple(x.shape)
            x = xp.reshape(x, (size, *(1,) * (p.ndim - len(s)), *s[1:]))
        return p + x

    return f.jvp(tangent).batch(batched)


FACTORS = "type_(beta) in REALS and type_(alpha) in REALS"
addmm_op = _affine(
    "addmm",
    "Addmm",
    {
        "mat1": "a",
        "mat2": "b",
        "mat1_sym_sizes": lambda a: tuple(a.shape),
        "mat2_sym_sizes": lambda b: tuple(b.shape),
    },
)
addmv_op = _affine("addmv", "Addmv", {"mat": "a", "vec": "b"})
baddbmm_op = _affine("baddbmm", "Baddbmm", {"batch1": "a", "batch2": "b"})


@public(
    "addmm(Tensor input, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, out)",
    "addmm(Tensor input, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, "
    "Scalar beta=1, Scalar alpha=1, out)",
    "old: addmm(Scalar beta, Tensor input, Scalar alpha, Tensor mat1, Tensor mat2, *, out)",
    "old: addmm(Scalar beta, Tensor input, Tensor mat1, Tensor mat2, *, out)",
    inplace=True,
    lines=(
        line(
            addmm_op,
            floating=True,
            given=FACTORS,
            when="a1.ndim == a2.ndim == 2 and"
            " a0.shape in ((a1.shape[0], a2.shape[1]), a2.shape[1:], (), (1,))",
        ),
    ),
    out="exact apart",
)
def addmm(input, mat1, mat2, out_dtype=None, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2), input broadcast to the product's shape; beta=0 ignores
    input.

    >>> torch.addmm(torch.ones(2, 2), torch.eye(2), torch.eye(2))
    tensor([[2., 1.],
            [1., 2.]])
    """
    for t, what in ((mat1, "mat1"), (mat2, "mat2")):
        check_tensor("addmm", t, what)
        if t._a.ndim != 2:
            raise RuntimeError(f"{what} must be a matrix, got {t._a.ndim}-D tensor")
    a, b = tuple(mat1._a.shape), tuple(mat2._a.shape)
    if a[1] != b[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})"
        )
    _same_types("addmm", input, mat1, mat2)
    expandable("addmm", input, (a[0], b[1]))
    beta, alpha = _number("addmm", input, beta), _number("addmm", input, alpha)
    return addmm_op.entry(input, mat1, mat2, beta, alpha)


@public(
    "addmv(Tensor input, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1, out)",
    "old: addmv(Scalar beta, Tensor input, Scalar alpha, Tensor mat, Tensor vec, *, out)",
    "old: addmv(Scalar beta, Tensor input, Tensor mat, Tensor vec, *, out)",
    inplace="function",
    lines=(
        line(
            addmv_op,
            floating=True,
            given=FACTORS,
            when="a1.ndim == 2 and a2.ndim == 1 and a1.size"
            " and a0.shape in (a1.shape[:1], (), (1,))",
        ),
    ),
    out="exact apart",
)
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec).

    >>> torch.addmv(torch.ones(2), torch.ones(2, 3), torch.ones(3))
    tensor([4., 4.])
    """
    check_tensor("addmv", mat, "mat")
    check_tensor("addmv", vec, "vec")
    if mat._a.ndim != 2 or vec._a.ndim != 1 or input._a.ndim > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input._a.ndim}, {mat._a.ndim}, {vec._a.ndim}"
        )
    n, m = mat._a.shape
    if m != vec._a.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({n}), mat ({n}x{m}), vec ({vec._a.shape[0]})"
        )
    _same_types("addmv", input, mat, vec)
    expandable("addmv", input, (n,))
    counts = bool(beta)  # of integers a fraction does too
    beta, alpha = _number("addmv", input, beta), _number("addmv", input, alpha)
    if counts and not n * m and input._a.shape != (n,):
        return input * beta  # as PyTorch's, which does not broadcast to an empty product
    return addmv_op.entry(input, mat, vec, beta, alpha)


def _batches(name: str, x: Tensor, y: Tensor) -> tuple[int, int, int]:
    known = x._a.ndim > 1 and y._a.ndim > 2  # PyTorch first tells the result's shape
    for t, what in ((x, "batch1"), (y, "batch2")):
        if t._a.ndim != 3:
            raise (RuntimeError if known else IndexError)(
                f"{what} must be a 3D tensor ({name} got shape {list(t.shape)})"
            )
    (b, n, m), (c, k, p) = tuple(x._a.shape), tuple(y._a.shape)
    if b != c or m != k:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{b}, {m}] but "
            f"got: [{c}, {k}]."
        )
    return b, n, p


@public(
    "baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1, out)",
    "baddbmm(Tensor input, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, "
    "Scalar beta=1, Scalar alpha=1, out)",
    "old: baddbmm(Scalar beta, Tensor input, Scalar alpha, Tensor batch1, Tensor batch2, *, out)",
    "old: baddbmm(Scalar beta, Tensor input, Tensor batch1, Tensor batch2, *, out)",
    inplace=True,
    lines=(
        line(
            baddbmm_op,
            floating=True,
            given=FACTORS,
            when="a1.ndim == a2.ndim == 3 and a1.shape[0] == a2.shape[0] and a0.shape in"
            " ((*a1.shape[:2], a2.shape[2]), (a1.shape[1], a2.shape[2]), a2.shape[2:], (), (1,))",
        ),
    ),
    out="exact apart",
)
def baddbmm(input, batch1, batch2, out_dtype=None, *, beta=1, alpha=1):
    """beta * input + alpha * bmm(batch1, batch2).

    >>> torch.baddbmm(torch.zeros(2), torch.ones(1, 2, 3), torch.ones(1, 3, 2))
    tensor([[[3., 3.],
             [3., 3.]]])
    """
    shape = _batches("baddbmm", batch1, batch2)
    if 0 in shape and input.dtype is batch1.dtype:
        input, batch1 = as_second(input, batch2), as_second(batch1, batch2)
    _same_types("baddbmm", input, batch1, batch2)
    expandable("baddbmm", input, shape)
    beta, alpha = _number("baddbmm", input, beta), _number("baddbmm", input, alpha)
    return baddbmm_op.entry(input, batch1, batch2, beta, alpha)


@public(
    "addbmm(Tensor input, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1, out)",
    "old: addbmm(Scalar beta, Tensor input, Scalar alpha, Tensor batch1, Tensor batch2, *, out)",
    "old: addbmm(Scalar beta, Tensor input, Tensor batch1, Tensor batch2, *, out)",
    inplace=True,
    whole=True,
    out="exact apart",
)
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum of bmm(batch1, batch2) over the batch.

    >>> torch.addbmm(torch.zeros(2), torch.ones(4, 1, 3), torch.ones(4, 3, 2))
    tensor([[12., 12.]])
    """
    b, n, p = _batches("addbmm", batch1, batch2)
    if not b:
        batch1, batch2 = as_second(batch1, input), as_second(batch2, input)
    _same_types("addbmm", input, batch1, batch2)
    expandable("addbmm", input, (n, p))
    beta, alpha = _number("addbmm", input, beta), _number("addbmm", input, alpha)
    m = batch1._a.shape[2]
    left, right = batch1.permute(1, 0, 2).reshape(n, b * m), batch2.reshape(b * m, p)
    return addmm_op.entry(input, left, right, beta, alpha)


# ---- sums over chosen dimensions


@public(
    "tensordot(Tensor a, Tensor b, any dims=2, Tensor? out=None)",
    method=False,
    foreign=False,
    out="exact",
)
def tensordot(a, b, dims=2):
    """Products summed over the last dims dimensions of a and first of b, or over the dimensions
    listed for each.

    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = dims.item() if dims.numel() == 1 else dims.tolist()
    if not isinstance(dims, (int, tuple, list)):
        raise RuntimeError(f"tensordot expects dims to be int or two lists of ints, got {dims!r}")
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a._a.ndim, b._a.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        da, db = list(range(a._a.ndim - dims, a._a.ndim)), list(range(dims))
    else:
        if len(dims) != 2:
            raise ValueError(f"tensordot expects dims to be int or two lists of ints, got {dims!r}")
        da, db = ([d] if isinstance(d, int) else list(as_list(d, "int[]")) for d in dims)
    if len(da) != len(db):
        raise RuntimeError(f"both dimension lists should have same length, got {da} and {db}")
    da, db = (
        list(wrap_dims(da, a._a.ndim, "tensordot")),
        list(wrap_dims(db, b._a.ndim, "tensordot")),
    )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"tensordot: expected both inputs to have same dtype, but got {a.dtype} and {b.dtype}"
        )
    s, t = list(a._a.shape), list(b._a.shape)
    for i, j in zip(da, db):
        if s[i] != t[j]:
            if s[i] == 1:
                b = b.sum(j, True, dtype=b.dtype)
            elif t[j] == 1:
                a = a.sum(i, True, dtype=a.dtype)
            else:
                raise RuntimeError(
                    f"contracted dimensions need to match, but first has size {s[i]} in dim {i} "
                    f"and second has size {t[j]} in "
                    f"dim {j}"
                )
    s, t = list(a._a.shape), list(b._a.shape)
    fa, fb = [i for i in range(len(s)) if i not in da], [i for i in range(len(t)) if i not in db]
    k = math.prod(s[i] for i in da)
    left = a.permute((*fa, *da)).reshape(math.prod(s[i] for i in fa), k)
    right = b.permute((*db, *fb)).reshape(k, math.prod(t[i] for i in fb))
    shape = [s[i] for i in fa] + [t[i] for i in fb]
    if left._a.shape[0] == right._a.shape[1] == 1:  # a number, which autocast does not touch
        return dot_op.entry(left.reshape(k), right.reshape(k)).reshape(shape)
    return matmul_op.entry(left, right).reshape(shape)


@public("linalg.matmul(Tensor input, Tensor other, *, out)", out="exact")
def linalg_matmul(input, other):
    """torch.matmul.

    >>> torch.linalg.matmul(torch.tensor([[1., 2.]]), torch.tensor([3., 4.]))
    tensor([11.])
    """
    return matmul_of(input, other)


@public(
    "linalg.diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1)",
    lines=(line(diagonal_op),),
)
def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices: torch.diagonal with the last two dimensions by default.

    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return function("diagonal")(A, offset, dim1, dim2)
