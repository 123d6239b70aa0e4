"""Matrix products: matmul and its forms, linear layers."""

from __future__ import annotations

import math
from typing import Any

from ...declare.lines import line
from ...declare.registry import public
from ...engine.implementations import in_single
from ...engine.kinds import bilinear
from ...engine.op import op, primitive
from ...engine.op_modes import ACTIVE, runner
from ...engine.tensor import Tensor
from ..batching import front
from ..node_facts import PRODUCT


@primitive(bilinear, types="same", node="MmBackward0", name="matmul", out="exact", told=PRODUCT)
def matmul_op(xp, x, y):
    """Matrix product with NumPy's rules for vectors and batches."""


def _left(xp: Any, g: Any, y: Any, x_shape: Any) -> Any:
    """Gradient of the left operand, batch dimensions not yet summed."""
    if y.ndim == 1:
        return g * y if len(x_shape) == 1 else xp.unsqueeze(g, g.ndim) * y
    if len(x_shape) == 1:
        if y.ndim == 2:
            return xp.matmul(y, g)
        return _reduce_to(xp, xp.matmul(y, xp.unsqueeze(g, g.ndim)), (x_shape[0], 1), (x_shape[0],))
    return xp.matmul(g, xp.transpose(y, -2, -1))


def _right(xp: Any, g: Any, x: Any, y_shape: Any) -> Any:
    """Gradient of the right operand, batch dimensions not yet summed."""
    if x.ndim == 1:
        if len(y_shape) == 1:
            return g * x
        return xp.unsqueeze(x, 1) * xp.unsqueeze(g, g.ndim - 1)
    if len(y_shape) == 1:
        if x.ndim == 2:
            return xp.matmul(xp.transpose(x, 0, 1), g)
        return _reduce_to(
            xp,
            xp.matmul(xp.transpose(x, -2, -1), xp.unsqueeze(g, g.ndim)),
            (y_shape[0], 1),
            (y_shape[0],),
        )
    if (
        x.ndim > 2 and len(y_shape) == 2
    ):  # one product over the flattened batch instead of a batch of products to sum
        return xp.matmul(xp.transpose(flat(xp, x), 0, 1), flat(xp, g))
    return xp.matmul(xp.transpose(x, -2, -1), g)


def _reduce_to(xp: Any, g: Any, shape: tuple[int, ...], final: tuple[int, ...]) -> Any:
    from ...engine.backward import unbroadcast

    return xp.reshape(unbroadcast(xp, g, shape), final)


matmul_op.vjp(x=_left, y=_right)


def _named(name: str, node: str, second: str = "") -> Any:
    @op(
        bilinear,
        name=name,
        types="same",
        node=node,
        out="exact",
        told={second: "y"} if second else PRODUCT,
    )
    def f(xp, x, y):
        return xp.matmul(x, y)

    f.vjp(x=_left, y=_right)
    return f


bmm = _named("bmm", "BmmBackward0")
mv = _named("mv", "MvBackward0", "vec")
dot = _named("dot", "DotBackward0", "tensor")
batched = _named("batched_matmul", "UnsafeViewBackward0")


def flat(xp: Any, x: Any) -> Any:
    """All dimensions but the last as one (there may be nothing in the last)."""
    s = tuple(x.shape)
    return xp.reshape(x, (math.prod(s[:-1]), s[-1]))


@op(
    bilinear, types="same", optional="bias", node="AddmmBackward0", name="linear", out="exact",
    told={"mat1": "x", "alpha": lambda: 1, "beta": lambda: 1},
)  # fmt: skip
def linear_op(xp, x, w, bias=None):
    """x @ w.T + bias."""
    return _rows(xp, x, w) if bias is None else in_single(_rows, xp, x, w, bias)


def _rows(xp: Any, x: Any, w: Any, bias: Any = None) -> Any:
    if x.ndim > 2:  # one large product instead of a batch of small ones
        out = (
            xp.matmul(flat(xp, x), xp.transpose(w, 0, 1))
            if w.ndim == 2
            else xp.matmul(flat(xp, x), w)
        )
        if bias is not None:
            out = out + bias
        return xp.reshape(out, (*tuple(x.shape)[:-1], *tuple(w.shape)[:-1]))
    out = xp.matmul(x, xp.transpose(w, 0, 1) if w.ndim == 2 else w)
    return out if bias is None else out + bias


def _linear_w(xp: Any, g: Any, x: Any, w_shape: Any) -> Any:
    if len(w_shape) == 1:
        return _right(xp, g, x, w_shape)
    if x.ndim == 1:
        return xp.unsqueeze(g, 1) * x
    if x.ndim > 2:
        x, g = flat(xp, x), flat(xp, g)
    return xp.matmul(xp.transpose(g, 0, 1), x)


def _linear_x(xp: Any, g: Any, w: Any, x_shape: Any) -> Any:
    if w.ndim == 1:
        return xp.unsqueeze(g, g.ndim) * w
    if g.ndim > 2:
        return xp.reshape(xp.matmul(flat(xp, g), w), tuple(x_shape))
    return xp.matmul(g, w)


linear_op.vjp(x=_linear_x, w=_linear_w, bias=lambda g: g)


def matmul_batch(xp, size, flags, x, y):
    fx, fy = flags
    nx, ny = x.ndim - fx, y.ndim - fy
    if not fy and ny <= 2:  # one large product
        return xp.matmul(x, y)
    if not fx and nx == 2 and (ny == 1 or ny == 2 and y.shape[-1] == 1):  # likewise, transposed
        if ny == 1:
            return xp.matmul(y, xp.transpose(x, 0, 1))
        rows = xp.matmul(xp.reshape(y, (size, x.shape[1])), xp.transpose(x, 0, 1))
        return xp.reshape(rows, (size, x.shape[0], 1))
    if not fx and (nx == 2 or nx == ny == 1):
        return xp.matmul(x, y) if nx == 2 else xp.matmul(y, x)
    x, y = front(x, fx, size) if fx or nx > 1 else x, front(y, fy, size) if fy or ny > 1 else y
    if nx == 1 and ny == 1:
        return xp.sum(x * y, 1, False)
    if nx == 1:
        x = xp.unsqueeze(front(x, fx, size) if not fx else x, 1)
    if ny == 1:
        y = xp.unsqueeze(y, 2)
    batch = max(nx, ny) - 2
    x, y = spread(xp, x, batch), spread(xp, y, batch)
    out = xp.matmul(x, y)
    if nx == 1:
        return xp.select(out, out.ndim - 2, 0)
    return xp.select(out, out.ndim - 1, 0) if ny == 1 else out


def spread(xp: Any, x: Any, batch: int) -> Any:
    """A batch of matrices with ones put in after the batch, so that it has `batch` further
    dimensions.
    """
    missing = batch - (x.ndim - 3)
    s = tuple(x.shape)
    return xp.reshape(x, (s[0], *(1,) * missing, *s[1:])) if missing > 0 else x


for _op in (matmul_op, bmm, mv, dot, batched):
    _op.batch(matmul_batch)


def _linear(xp, size, flags, x, w, bias):
    fx, fw, fb = flags
    if not fw and not fb:
        return xp.linear(x, w, bias)
    nx = x.ndim - fx
    w2 = front(w, fw, size)
    out = matmul_batch(xp, size, (fx, True), x, xp.transpose(w2, 1, 2) if w2.ndim == 3 else w2)
    if bias is None:
        return out
    if fb:
        s = tuple(bias.shape)
        bias = (
            xp.reshape(bias, (s[0], *(1,) * (nx - 1), *s[1:]))
            if len(s) > 1
            else xp.reshape(bias, (s[0], *(1,) * (out.ndim - 1)))
        )
    return out + bias


linear_op.batch(_linear)


@public(
    "matmul(Tensor input, Tensor other, *, out)",
    lines=(
        (
            line(matmul_op, floating=True, given="input._a.ndim == other._a.ndim == 2"),
            line(mv, True, given="input._a.ndim == 2 and other._a.ndim == 1", when="not ACTIVE"),
            line(dot, True, given="input._a.ndim == other._a.ndim == 1", when="not ACTIVE"),
            line(
                bmm,
                floating=True,
                given="input._a.ndim == other._a.ndim == 3",
                when="not ACTIVE and a0.shape[0] == a1.shape[0]",
            ),
        ),
    ),
    out="exact",
)
def matmul(input, other, *, out=None):
    """Matrix product; vectors and batches as in NumPy.

    >>> torch.matmul(torch.eye(2), torch.tensor([1., 2.]))
    tensor([1., 2.])
    """
    if not isinstance(input, Tensor) or not isinstance(other, Tensor):
        bad = "other" if isinstance(input, Tensor) else "input"
        raise TypeError(
            f"matmul(): argument '{bad}' must be Tensor, not "
            f"{type(other if isinstance(input, Tensor) else input).__name__}"
        )
    a, b = input._a, other._a
    na, nb = a.ndim, b.ndim
    if na == 0 or nb == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {na}D and {nb}D"
        )
    k, m = a.shape[-1], b.shape[-2] if nb > 1 else b.shape[0]
    if k != m:
        raise mismatch(input, other, na, nb)
    if na == 2 and nb == 2:
        return matmul_op.entry(input, other, out=out)
    if nb == 1:
        if ACTIVE and runner(matmul_op):  # a mode that knows products by this name
            return matmul_op.entry(input, other, out=out)
        return (dot if na == 1 else mv if na == 2 else batched).entry(input, other, out=out)
    if na > 2 < nb and a.dtype != b.dtype:
        input = as_second(input, other)
    if na == nb == 3 and a.shape[0] == b.shape[0]:
        return bmm.entry(input, other, out=out)
    check_batch(tuple(a.shape[:-2]), tuple(b.shape[:-2]), input, other)
    return batched.entry(input, other, out=out)


def as_second(x: Tensor, y: Tensor) -> Tensor:
    """x in y's dtype, if there is nothing to multiply: PyTorch asks for equal dtypes of batches of
    matrices only where there is.
    """
    return x if x._a.size and y._a.size else x.to(y.dtype)


def mismatch(x: Tensor, y: Tensor, na: int, nb: int) -> RuntimeError:
    s, t = list(x._a.shape), list(y._a.shape)
    if na == 1 and nb == 1:
        return RuntimeError(
            f"inconsistent tensor size, expected tensor {s} and src {t} to have the same number of"
            f" elements, but got {s[0]} and {t[0]} elements respectively"
        )
    rows = 1
    for n in s[:-1]:
        rows *= n
    left = f"{rows}x{s[-1]}"
    right = f"{t[-2]}x{t[-1]}" if nb > 1 else f"{t[0]}"
    return RuntimeError(
        f"mat1 and mat2 shapes cannot be multiplied ({left} and {right}): matmul of {s} and {t}"
        f" needs the last dimension of the first ({s[-1]}) to equal the"
        f" {'second to last' if nb > 1 else 'only'} dimension of the second"
        f" ({t[-2] if nb > 1 else t[0]})"
    )


def check_batch(s: tuple[int, ...], t: tuple[int, ...], x: Tensor, y: Tensor) -> None:
    for i in range(1, min(len(s), len(t)) + 1):
        if s[-i] != t[-i] and 1 not in (s[-i], t[-i]):
            raise RuntimeError(
                f"The size of tensor a ({s[-i]}) must match the size of tensor b ({t[-i]}) at"
                f" non-singleton dimension {max(len(s), len(t)) - i} (matmul of {list(x._a.shape)}"
                f" and {list(y._a.shape)})"
            )


@public(
    "mm(Tensor input, Tensor mat2, *, out)",
    "mm(Tensor input, Tensor mat2, ScalarType out_dtype, *, out)",
    lines=(line(matmul_op, floating=True, when="a0.ndim == a1.ndim == 2"), None),
    out="exact",
)
def mm(input, mat2, *, out=None):
    """Product of two matrices.

    >>> torch.mm(torch.tensor([[1., 2.]]), torch.tensor([[3.], [4.]]))
    tensor([[11.]])
    """
    for t, what in ((input, "self"), (mat2, "mat2")):
        if t._a.ndim != 2:
            raise RuntimeError(
                f"{what} must be a matrix: mm got {t._a.ndim}D of shape {list(t._a.shape)}"
            )
    return matmul(input, mat2, out=out)


@public(
    "nn.functional.linear(Tensor input, Tensor weight, Tensor? bias=None, *, out)",
    foreign=True,
    lines=(
        line(
            linear_op,
            floating=True,
            least=1,
            when="a1.ndim == 2 and (a2 is None or a2.shape == a1.shape[:1])",
            asked=True,
        ),
    ),
    out="exact",
)
def linear(input, weight, bias=None, *, out=None):
    """input @ weight.T + bias. input: (*, in), weight: (out, in) or (in,), bias: (out,) or ().

    >>> F.linear(torch.ones(1, 2), torch.ones(3, 2)).shape
    torch.Size([1, 3])
    """
    try:
        a, w = input._a, weight._a
    except AttributeError:
        k = 0 if not hasattr(input, "_a") else 1
        raise TypeError(
            f"linear(): argument '{('input', 'weight')[k]}' (position {k + 1}) must be Tensor, not "
            f"{type((input, weight)[k]).__name__}: torch.as_tensor(...) makes one"
        ) from None
    if not a.ndim or not w.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {a.ndim}D and {w.ndim}D"
        )
    if w.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D: linear got a"
            f" weight of shape {tuple(w.shape)}"
        )
    if a.shape[-1] != w.shape[-1]:
        s = list(a.shape)
        rows = a.size // s[-1] if s and s[-1] else 0
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{s[-1] if s else 0} and"
            f" {w.shape[-1]}x{w.shape[0]}): linear got input of shape {tuple(s)}; its last"
            f" dimension must be {w.shape[-1]}"
        )
    if bias is not None and (
        bias._a.shape not in ((w.shape[0],), (1,), ()) if w.ndim == 2 else bias._a.ndim
    ):
        if bias._a.ndim == 2 and w.ndim == 2 and bias._a.shape[1] in (1, w.shape[0]):
            rows = input.unsqueeze(0) if a.ndim == 1 else input
            if bias._a.shape[0] in (1, rows._a.shape[-2]):  # added as it is, by broadcasting
                r = matmul(rows, weight.t()) + bias
                return r.squeeze(0) if a.ndim == 1 else r
        raise RuntimeError(
            f"linear: the bias has shape {tuple(bias._a.shape)}, the weight {tuple(w.shape)}: the"
            f" bias needs shape {(w.shape[0],) if w.ndim == 2 else ()}"
        )
    return linear_op.entry(input, weight, bias, out=out)
