"""Losses between arrays, element by element: squares, absolute values, huber, soft margin.

What lives here: each as one op with its reduction, in the vocabulary or with a kernel of its own
(`arrays/loss.py`). What does not: losses that are likelihoods (`likelihood.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...base import dtypes
from ...base.advice import advise
from ...base.modes import state
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import composite, opaque
from ...engine.op import op, primitive
from ...engine.op_modes import needs_operands
from ...engine.tensor import Tensor
from ..node_facts import TO_TARGET
from ..predicates import broadcast_shapes
from ..shape.views import expand
from .cross_entropy import KNOWN, REDUCTIONS, reduce_to, reduction_of


def arriving(xp: Any, g: Any, x: Any, reduction: str) -> Any:
    """What arrives at each element of a reduced loss."""
    if reduction != "mean":
        return g
    n = 1
    for s in x.shape:
        n *= s
    return g / (n or 1)  # of nothing nothing arrives


@primitive(
    opaque,
    types="promote",
    hidden="d",
    name="mse_loss",
    real=True,
    told=TO_TARGET,
    keeps_order=True,
)
def mse_loss_op(xp, x, y, reduction="mean"):
    """(x - y) ** 2, reduced."""


@primitive(composite)
def mse_loss_backward(xp, g, x, y, d, reduction="mean"):
    """Gradient of mse_loss's x."""
    return (x - y) * (2 * arriving(xp, g, x, reduction))


def _mse_loss(xp: Any, g: Any, x: Any, y: Any, d: Any, reduction: str, needs: Any) -> Any:
    gx = xp.mse_loss_backward(g, x, y, d, reduction)
    return gx, -gx if needs[1] else None


def reduced(xp: Any, losses: Any, reduction: str) -> Any:
    """Losses of elements, reduced, in the vocabulary."""
    return (
        losses
        if reduction == "none"
        else xp.mean(losses, None)
        if reduction == "mean"
        else xp.sum(losses, None)
    )


def moving_apart(slope: Callable[..., Any]) -> Callable[..., Any]:
    """The jvp rule of a loss of x - y: slope(xp, x - y, ...) times its tangent, reduced."""

    def rule(xp: Any, tangents: Any, x: Any, y: Any, reduction: str, **static: Any) -> Any:
        tx, ty = tangents
        t = -ty if tx is None else tx if ty is None else tx - ty
        return reduced(xp, slope(xp, x - y, **static) * t, reduction)

    return rule


_mse_tangent = moving_apart(lambda xp, d: d * 2)
mse_loss_op.vjp_all(_mse_loss).jvp(lambda *args, **static: (_mse_tangent(*args, **static), None))


def same_size(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """input and target in one shape; a warning if they had to be broadcast."""
    if input._a.shape == target._a.shape:
        return input, target
    advise(
        f"{name}: Using a target size ({target.shape}) that is different to the input size "
        f"({input.shape}). This will "
        "likely lead to incorrect results due to broadcasting. Please ensure they have the same "
        "size.",
    )
    input, target = broadcast(input, target)
    return input, target


def broadcast(*ts: Tensor) -> tuple[Tensor, ...]:
    """Tensors expanded to their common shape."""
    shape: list[int] = []
    for t in ts:
        s = tuple(t._a.shape)
        shape = [1] * (len(s) - len(shape)) + shape
        for i in range(1, len(s) + 1):
            if shape[-i] == 1:
                shape[-i] = s[-i]
            elif s[-i] not in (1, shape[-i]):
                raise RuntimeError(
                    f"The size of tensor a ({shape[-i]}) must match the size of tensor b ({s[-i]}) "
                    "at non-singleton "
                    f"dimension {len(shape) - i}: the shapes are {[list(x._a.shape) for x in ts]}"
                )
    return tuple([t if tuple(t._a.shape) == tuple(shape) else expand(t, *shape) for t in ts])


def weighted(input: Tensor, losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses times weights, reduced; their mean is divided by the sum of the weights."""
    if tuple(weight._a.shape) != tuple(input._a.shape):
        raise ValueError(
            f"Weights and input must have the same size: got {list(weight._a.shape)} and "
            f"{list(input._a.shape)}"
        )
    losses = losses * weight
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / weight.sum()


@public(
    "nn.functional.mse_loss(Tensor input, Tensor target, any size_average=None, "
    "any reduce=None, str|any reduction='mean', Tensor? weight=None)",
    lines=(line(mse_loss_op, floating=True, when=f"a0.shape == a1.shape and {KNOWN}"),),
)
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target) ** 2: the mean, the sum, or of each element.

    >>> F.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    if input._a.shape != target._a.shape:
        input, target = same_size("mse_loss", input, target)
    if weight is not None:
        return weighted(input, mse_loss_op.entry(input, target, "none"), weight, reduction)
    return mse_loss_op.entry(input, target, reduction)


@public(
    "nn.functional.l1_loss(Tensor input, Tensor target, any size_average=None, "
    "any reduce=None, str|any reduction='mean', Tensor? weight=None)",
    whole=True,
)
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|: the mean, the sum, or of each element.

    >>> F.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    input, target = same_size("l1_loss", input, target)
    losses = (input - target).abs()
    if weight is not None:
        return weighted(input, losses, weight, reduction)
    return reduce_to(losses, reduction)


# --------------------------------------------------------------------------- huber and margins


def in_single(xp: Any, *arrays: Any) -> tuple[Any, ...]:
    """(dtype to return to, arrays with half precision as float32)."""
    d = dtypes.as_dtype(arrays[0].dtype)
    if d.itemsize == 2 and d.is_floating_point:
        return (arrays[0].dtype, *[xp.astype(a, dtypes.float32) for a in arrays])
    return (None, *arrays)


def narrowed(xp: Any, x: Any, dtype: Any) -> Any:
    return x if dtype is None else xp.astype(x, dtype)


@op(opaque, types="promote", name="huber_loss", real=True, told=TO_TARGET, keeps_order=True)
def huber_loss_op(xp, x, y, reduction="mean", delta=1.0):
    """Half the square of x - y up to delta, then a line."""
    low, x, y = in_single(xp, x, y)
    d = xp.abs(x - y)
    m = xp.clamp_scalar(d, None, delta)
    return narrowed(xp, reduced(xp, m * (d - 0.5 * m), reduction), low)


def _huber(xp: Any, g: Any, x: Any, y: Any, reduction: str, delta: float, needs: Any) -> Any:
    gx = xp.clamp_scalar(x - y, -delta, delta) * arriving(xp, g, x, reduction)
    return gx, -gx if needs[1] else None


huber_loss_op.vjp_all(_huber).jvp(
    moving_apart(lambda xp, d, delta: xp.clamp_scalar(d, -delta, delta))
)


@op(opaque, types="promote", name="smooth_l1_loss", real=True, told=TO_TARGET, keeps_order=True)
def smooth_l1_loss_op(xp, x, y, reduction="mean", beta=1.0):
    """huber_loss over beta: slopes of 1 beyond it."""
    low, x, y = in_single(xp, x, y)
    d = xp.abs(x - y)
    m = xp.clamp_scalar(d, None, beta)
    return narrowed(xp, reduced(xp, m * (d - 0.5 * m) / beta, reduction), low)


smooth_l1_loss_op.vjp_all(
    lambda xp, g, x, y, reduction, beta, needs: _huber(xp, g / beta, x, y, reduction, beta, needs)
).jvp(moving_apart(lambda xp, d, beta: xp.clamp_scalar(d, -beta, beta) / beta))


@op(opaque, types="any", name="soft_margin_loss", told=TO_TARGET, keeps_order=True)
def soft_margin_loss_op(xp, x, y, reduction="mean"):
    """log(1 + exp(-y x))."""
    return reduced(xp, xp.log1p(xp.exp(-(x * y))), reduction)


def _soft_margin_slope(xp: Any, x: Any, y: Any) -> Any:
    """By z / (1 + z), which is nan where exp overflows, as the loss is infinite there."""
    z = xp.exp(-(x * y))
    return -y * (z / (z + 1))


soft_margin_loss_op.vjp(
    x=lambda xp, g, x, y, reduction: _soft_margin_slope(xp, x, y) * arriving(xp, g, x, reduction)
).jvp(
    lambda xp, tangents, x, y, reduction: (
        None
        if tangents[0] is None
        else reduced(xp, _soft_margin_slope(xp, x, y) * tangents[0], reduction)
    )
)


def refuse_integers(name: str, input: Tensor, target: Tensor) -> None:
    if not input.dtype.is_inexact and not target.dtype.is_inexact:
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{input.dtype}': convert with .float()"
        )


@public(
    "nn.functional.smooth_l1_loss(Tensor input, Tensor target, "
    "any size_average=None, any reduce=None, str|any reduction='mean', float beta=1.0)",
    lines=(
        line(
            smooth_l1_loss_op, floating=True, when=f"beta > 0 and a0.shape == a1.shape and {KNOWN}"
        ),
    ),
    whole=True,
)
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Half the square of the difference over beta, from beta on a line of slope 1.

    >>> F.smooth_l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
    tensor(0.8125)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    refuse_integers("smooth_l1_loss", input, target)
    input, target = same_size("smooth_l1_loss", input, target)
    if beta == 0.0:
        return reduce_to((input - target).abs(), reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta: got {beta}")
    return smooth_l1_loss_op.entry(input, target, reduction, beta)


def refuse_mixed(target: Tensor, input: Tensor) -> None:
    """The error of huber_loss's gradient, which PyTorch has for one dtype only."""
    raise RuntimeError(f"Found dtype {target.dtype} but expected {input.dtype}: huber_loss")


@public(
    "nn.functional.huber_loss(Tensor input, Tensor target, str|any reduction='mean', "
    "float delta=1.0, Tensor? weight=None)",
    lines=(
        line(huber_loss_op, floating=True, when=f"delta > 0 and a0.shape == a1.shape and {KNOWN}"),
    ),
    whole=True,
)
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Half the square of the difference, from delta on a line of slope delta.

    >>> F.huber_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
    tensor(0.8125)
    """
    reduction = reduction_of(reduction)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta: got {delta}"
        )
    shape, dtype = tuple(input._a.shape), input.dtype
    if target.dtype.category > dtype.category:
        raise RuntimeError(
            f"result type {target.dtype} can't be cast to the desired output type {dtype}:"
            " huber_loss gives the dtype of input"
        )
    refuse_integers("huber_loss", input, target)
    input, target = same_size("huber_loss", input, target)
    if weight is None and target.dtype is not dtype:  # the input's dtype is the result's
        r = huber_loss_op.entry(input, target, reduction, delta)
        if r.requires_grad:
            r.register_hook(lambda g: refuse_mixed(target, input))
        return r if needs_operands(huber_loss_op) else r.to(dtype)  # autocast's stays
    if weight is None:
        return huber_loss_op.entry(input, target, reduction, delta)
    if tuple(weight._a.shape) != shape:
        raise ValueError(
            f"Weights and input must have the same size: got {list(weight._a.shape)} and "
            f"{list(shape)}"
        )
    return reduce_to(huber_loss_op.entry(input, target, "none", delta) * weight, reduction)


@public(
    "nn.functional.soft_margin_loss(Tensor input, Tensor target, "
    "any size_average=None, any reduce=None, str|any reduction='mean')",
    lines=(
        line(
            soft_margin_loss_op,
            floating=True,
            when=f"a1.dtype is d and a0.shape == a1.shape and n1 is None and {KNOWN}",
        ),
    ),
)
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), for targets 1 and -1.

    >>> F.soft_margin_loss(torch.zeros(2), torch.tensor([1.0, -1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if not input.dtype.is_inexact:
        raise RuntimeError(
            "soft_margin_loss: result type Float can't be cast to the desired output type"
            f" {input.dtype}: convert the input with .float()"
        )
    if target._n is not None and state.grad:
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument"
            " 'target'. This input cannot have requires_grad True: pass target.detach()"
        )
    if target.dtype is not input.dtype:
        target = target.to(input.dtype)
    shape = broadcast_shapes(input._a.shape, target._a.shape)
    if tuple(shape) != tuple(input._a.shape):
        raise RuntimeError(
            f"soft_margin_loss: output with shape {list(input._a.shape)} doesn't match the"
            f" broadcast shape {list(shape)}"
        )
    return soft_margin_loss_op.entry(*broadcast(input, target), reduction)
