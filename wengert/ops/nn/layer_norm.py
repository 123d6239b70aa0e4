"""Normalisation over dimensions of each sample: layers, groups, root mean squares.

What lives here: each norm as one op that keeps its statistics as residuals, with one backward word.
Backward words are composites: libraries run the fused kernel (`arrays/normalization.py`); where a
backward pass is recorded, the body computes the statistics again, so that it can be differentiated
again. What does not: norms over the batch (`batch_norm.py`).
"""

from __future__ import annotations

import math
from typing import Any

from ...base import dtypes
from ...base.modes import no_grad
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import composite, opaque
from ...engine.op import primitive
from ...engine.op_modes import runner
from ...engine.tensor import Tensor
from ..dims import wrap_dim


def spread(xp: Any, a: Any, ndim: int) -> Any:
    """A vector of channels, shaped to meet (N, C, ...)."""
    return xp.reshape(a, (-1, *(1,) * (ndim - 2)))


def unless(wanted: Any, value: Any) -> Any:
    return value() if wanted else None


# ------------------------------------------------------------------------------------- layer norm


@primitive(
    opaque,
    types="any",
    hidden="mean rstd",
    optional="weight bias",
    node="NativeLayerNormBackward0",
    name="layer_norm",
    told={"input": "x", "result1": "mean", "result2": "rstd"},
)
def layer_norm_op(xp, x, weight, bias, dims=1, eps=1e-5):
    """x with mean 0 and variance 1 over its last dims dimensions, scaled and shifted."""


@primitive(composite)
def layer_norm_backward(xp, g, x, weight, mean, rstd, dims=1, eps=1e-5, needs=(True, True, True)):
    """Gradients of layer_norm's x, weight and bias."""
    nd = x.ndim
    inner, outer = tuple(range(nd - dims, nd)), tuple(range(nd - dims))
    d = x - xp.mean(x, inner, True)
    r = xp.rsqrt(xp.mean(d * d, inner, True) + eps)
    h = d * r
    gx = None
    if needs[0]:
        gh = g if weight is None else g * weight
        gx = r * (gh - xp.mean(gh, inner, True) - h * xp.mean(gh * h, inner, True))
    return (
        gx,
        unless(needs[1], lambda: added(xp, g * h, outer)),
        unless(needs[2], lambda: added(xp, g, outer)),
    )


def added(xp: Any, x: Any, dims: Any) -> Any:
    """Sum over dims, which may be empty."""
    return xp.sum(x, dims) if dims else x


layer_norm_op.vjp_all(
    lambda xp, g, x, weight, mean, rstd, dims, eps, needs: xp.layer_norm_backward(
        g, x, weight, mean, rstd, dims, eps, needs
    )
)


def _leading(op: Any) -> Any:
    """vmap rule of norms over trailing dimensions: the batch is one more leading dimension."""

    def rule(xp: Any, size: int, flags: list[bool], *values: Any, **static: Any) -> Any:
        if any(flags[1:]):
            return NotImplemented
        from ...engine.interp import run_op

        return run_op(op, values, static)

    return op.batch(rule)


_leading(layer_norm_op)


def fitting(shape: str) -> str:
    """The test of a line that weight and bias have a shape, and the dtype of what is normalised."""
    right = [f"(a{i} is None or a{i}.dtype is d and a{i}.shape == {shape})" for i in (1, 2)]
    return " and ".join(right)


def check_parameters(op: Any, input: Tensor, weight: Any, bias: Any) -> None:
    """RuntimeError unless parameters have input's dtype, or all float32 beside halves."""
    d = input._a.dtype
    kinds = [t._a.dtype for t in (weight, bias) if t is not None]
    if kinds.count(d) == len(kinds) or runner(op):
        return
    if d.itemsize == 2 and kinds.count(dtypes.float32.np) == len(kinds):
        return
    raise RuntimeError(
        f"mixed dtype (CPU): expect parameter to have scalar type of Float: {op.name} got an input"
        f" of {input.dtype} and parameters of {', '.join(str(dtypes.as_dtype(k)) for k in kinds)}"
    )


def shape_of(name: str, input: Tensor, normalized_shape: Any, **others: Any) -> int:
    """How many dimensions are normalised; checks the shapes."""
    if isinstance(normalized_shape, int) or not hasattr(normalized_shape, "__iter__"):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        )
    want = tuple(normalized_shape)
    k = len(want)
    shape = tuple(input._a.shape)
    if k < 1:
        raise RuntimeError(
            f"{name}: Expected normalized_shape to be at least 1-dimensional, i.e., containing at "
            "least one "
            f"element, but got normalized_shape = {list(want)}"
        )
    for what, t in others.items():
        if t is not None and tuple(t._a.shape) != want:
            raise RuntimeError(
                f"{name}: Expected {what} to be of same shape as normalized_shape, but got {what} "
                "of shape "
                f"{list(t._a.shape)} and normalized_shape = {list(want)}"
            )
    if len(shape) < k or shape[len(shape) - k :] != want:
        few = len(shape) < k and name == "rms_norm"
        raise (ValueError if few else RuntimeError)(
            f"{name}: Given normalized_shape={list(want)}, expected input with shape "
            f"[*, {', '.join(map(str, want))}], but got input of size{list(shape)}"
        )
    return k


@public(
    "nn.functional.layer_norm(Tensor input, int[] normalized_shape, "
    "Tensor? weight=None, Tensor? bias=None, float eps=1e-05)",
    lines=(
        line(
            layer_norm_op,
            floating=True,
            operands=("input", "weight", "bias"),
            facts="tuple(normalized_shape)",
            let={"dims": "len(facts)"},
            when="facts and a0.shape[-len(facts):] == facts and " + fitting("facts"),
        ),
    ),
)
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """input normalised over its last dimensions, whose sizes are normalized_shape.

    weight, bias: of that shape.

    >>> F.layer_norm(torch.tensor([[1., 3.]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = normalized_shape
    if (
        isinstance(shape, tuple)
        and shape
        and input._a.shape[-len(shape) :] == shape
        and (weight is None or weight._a.shape == shape)
        and (bias is None or bias._a.shape == shape)
    ):
        dims = len(shape)
    else:
        dims = shape_of("layer_norm", input, shape, weight=weight, bias=bias)
    if weight is not None or bias is not None:
        check_parameters(layer_norm_op, input, weight, bias)
    return layer_norm_op.entry(input, weight, bias, dims, eps)


@public(
    "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, "
    "Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True)",
    method=False,
)
def torch_layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """input normalised over its last dimensions, whose sizes are normalized_shape.

    >>> torch.layer_norm(torch.tensor([[1., 3.]]), [2])
    tensor([[-1.0000,  1.0000]])
    """
    return layer_norm(input, normalized_shape, weight, bias, eps)


# ------------------------------------------------------------------------------------- group norm


@primitive(
    opaque,
    types="any",
    hidden="mean rstd",
    optional="weight bias",
    node="NativeGroupNormBackward0",
    name="group_norm",
    channels_last=(4, 5),
)
def group_norm_op(xp, x, weight, bias, groups=1, eps=1e-5):
    """x (N, C, ...) with mean 0 and variance 1 in each group of channels."""


@primitive(composite, channels_last=(4, 5))
def group_norm_backward(xp, g, x, weight, mean, rstd, groups=1, eps=1e-5, needs=(True, True, True)):
    """Gradients of group_norm's x, weight and bias."""
    shape = tuple(x.shape)
    n, c = shape[:2]
    m = math.prod(shape[2:])
    rows = (n, groups, c // groups * m)
    x = xp.reshape(x, rows)
    d = x - xp.mean(x, 2, True)
    r = xp.rsqrt(xp.mean(d * d, 2, True) + eps)
    h = d * r
    g = xp.reshape(g, (n, c, m))
    gx = None
    if needs[0]:
        gh = xp.reshape(g if weight is None else g * spread(xp, weight, 3), rows)
        gx = xp.reshape(r * (gh - xp.mean(gh, 2, True) - h * xp.mean(gh * h, 2, True)), shape)
    return (
        gx,
        unless(needs[1], lambda: xp.sum(g * xp.reshape(h, (n, c, m)), (0, 2))),
        unless(needs[2], lambda: xp.sum(g, (0, 2))),
    )


group_norm_op.vjp_all(
    lambda xp, g, x, weight, mean, rstd, groups, eps, needs: xp.group_norm_backward(
        g, x, weight, mean, rstd, groups, eps, needs
    )
)


@public(
    "nn.functional.group_norm(Tensor input, int num_groups, Tensor? weight=None, "
    "Tensor? bias=None, float eps=1e-05)",
    lines=(
        line(
            group_norm_op,
            floating=True,
            least=2,
            operands=("input", "weight", "bias"),
            when="a0.size > num_groups > 0 and not a0.shape[1] % num_groups and "
            + fitting("a0.shape[1:2]"),
        ),
    ),
)
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """input (N, C, ...) normalised in num_groups groups of channels.

    weight, bias: (C,), a factor and a term for each channel.

    >>> F.group_norm(torch.tensor([[1.0, 3.0]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    shape = input._a.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    c = shape[1]
    if c % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            "shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    if input._a.size == num_groups and math.prod((shape[0] * c // num_groups, *shape[2:])) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}"
        )
    for what, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._a.shape != (c,):
            raise RuntimeError(
                f"Expected {what} to be a vector of size equal to the number of channels in input, "
                f"but got {what} "
                f"of shape {list(t._a.shape)} and input of shape {list(shape)}"
            )
    if weight is not None or bias is not None:
        check_parameters(group_norm_op, input, weight, bias)
    return group_norm_op.entry(input, weight, bias, num_groups, eps)


@public(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, "
    "float eps=1e-05, bool cudnn_enabled=True)",
    method=False,
)
def torch_group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """input (N, C, ...) normalised in num_groups groups of channels.

    >>> torch.group_norm(torch.tensor([[1., 3.]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    return group_norm(input, num_groups, weight, bias, eps)


# ------------------------------------------------------------------------------------- the others


@primitive(opaque, types="any", hidden="r", optional="weight", node="MulBackward0", name="rms_norm")
def rms_norm_op(xp, x, weight, dims=1, eps=1e-5):
    """x divided by the root of its mean square over the last dims dimensions, times weight."""


@primitive(composite)
def rms_norm_backward(xp, g, x, weight, r, dims=1, eps=1e-5, needs=(True, True)):
    """Gradients of rms_norm's x and weight."""
    nd = x.ndim
    inner = tuple(range(nd - dims, nd))
    r = xp.rsqrt(xp.mean(x * x, inner, True) + eps)
    h = x * r
    gx = None
    if needs[0]:
        gh = g if weight is None else g * weight
        gx = r * (gh - h * xp.mean(gh * h, inner, True))
    return gx, unless(needs[1], lambda: added(xp, g * h, tuple(range(nd - dims))))


rms_norm_op.vjp_all(
    lambda xp, g, x, weight, r, dims, eps, needs: xp.rms_norm_backward(
        g, x, weight, r, dims, eps, needs
    )
)
_leading(rms_norm_op)


@public(
    "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None)",
    method=False,
)
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """input divided by the root of its mean square over the last dimensions, times weight.

    normalized_shape: their sizes; weight has that shape. eps: default the dtype's.

    >>> torch.rms_norm(torch.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    dims = shape_of("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = dtypes.finfo(input.dtype if input.dtype.itemsize > 2 else dtypes.float32).eps
    if input.dtype.is_complex:
        inner = tuple(range(input._a.ndim - dims, input._a.ndim))
        out = input * ((input * input).mean(inner, True) + eps).rsqrt()
        return out if weight is None else out * weight
    if weight is not None and weight.dtype.is_complex:
        weight = weight.real  # as far as the result can hold it
    return rms_norm_op.entry(input, weight, dims, eps)


@public(
    "nn.functional.rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, "
    "float? eps=None)"
)
def functional_rms_norm(input, normalized_shape, weight=None, eps=None):
    """input divided by the root of its mean square over the last dimensions, times weight.

    >>> F.rms_norm(torch.tensor([[3., 4.]]), [2])
    tensor([[0.8485, 1.1314]])
    """
    return rms_norm(input, normalized_shape, weight, eps)


# --------------------------------------------------------------------------- with statistics


@public(
    "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, "
    "Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
    method=False,
)
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """(layer_norm, means, 1 / deviations); the statistics have no gradient.

    >>> torch.native_layer_norm(torch.tensor([[1., 3.]]), [2], None, None, 0.0)[0]
    tensor([[-1.,  1.]])
    """
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    dims = len(tuple(normalized_shape))
    with no_grad():
        return (out, *statistics(input, tuple(range(input._a.ndim - dims, input._a.ndim)), eps))


def statistics(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor]:
    """(means, 1 / deviations) over dims, which stay as 1; of half precision in float32."""
    x = x.detach().float() if x.dtype.itemsize == 2 else x.detach()
    mean = x.mean(dims, True)
    return mean, (((x - mean) ** 2).mean(dims, True) + eps).rsqrt()


@public(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, "
    "int HxW, int group, float eps) -> (Tensor, Tensor, Tensor)",
    method=False,
)
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """(group_norm, means (N, group), 1 / deviations); the statistics have no gradient.

    >>> torch.native_group_norm(torch.tensor([[1., 3.]]), None, None, 1, 2, 1, 1, 0.0)[0]
    tensor([[-1.,  1.]])
    """
    out = group_norm_op.entry(input, weight, bias, group, eps)
    with no_grad():
        mean, rstd = statistics(input.reshape(N, group, C // group * HxW), (2,), eps)
    return out, mean.squeeze(2), rstd.squeeze(2)


@public("norm_except_dim(Tensor v, int pow=2, int dim=0)", method=False)
def norm_except_dim(v, pow=2, dim=0):
    """The p-norm (p = pow) of v over all dimensions but dim, or over all for dim -1.

    >>> torch.norm_except_dim(torch.tensor([[3., 4.], [6., 8.]]))
    tensor([[ 5.],
            [10.]])
    """
    from .distance import norm

    if dim == -1:
        return norm(v, pow, None, False)
    if not v._a.ndim:
        raise IndexError(f"norm_except_dim(): dim {dim} of a tensor without dimensions")
    d = wrap_dim(dim, v._a.ndim, "norm_except_dim")
    rest = tuple([i for i in range(v._a.ndim) if i != d])
    return norm(v, pow, rest, True) if rest else norm(v.unsqueeze(0), pow, 0, False)
