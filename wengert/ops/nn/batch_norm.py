"""Batch norm and instance norm, with running statistics.

What lives here: batch norm as one op that gives its statistics, with one backward word. That is a
composite: libraries run the fused kernel (`arrays/normalization.py`); where a backward pass is
recorded, the body computes the statistics again, so that it can be differentiated again. What does
not: norms over dimensions of a sample (`layer_norm.py`).
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.capabilities import writeable
from ...arrays.lookup import LIBRARY, PER_DEVICE, RANK
from ...base.modes import no_grad, state
from ...declare.fast_paths import F32, F64
from ...declare.lines import line
from ...declare.registry import public
from ...engine import views
from ...engine.kinds import composite, opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..shape.views import expand_op, reshape_op
from .layer_norm import check_parameters, spread, statistics, unless


@primitive(
    opaque,
    types="any",
    outputs="out mean var",
    integer="mean var",
    hidden="rstd",
    inputs=5,
    optional="weight bias running_mean running_var",
    node="NativeBatchNormBackward0",
    name="batch_norm",
    channels_last=(4, 5),
)
def batch_norm_op(xp, x, weight, bias, running_mean, running_var, training=True, eps=1e-5):
    """x (N, C, ...) with mean 0 and variance 1 in each channel, scaled and shifted."""


@primitive(composite, channels_last=(4, 5))
def batch_norm_backward(
    xp, g, x, weight, mean, rstd, training=True, eps=1e-5, needs=(True, True, True)
):
    """Gradients of batch_norm's x, weight and bias."""
    nd = x.ndim
    dims = (0, *range(2, nd))
    if training:
        d = x - xp.mean(x, dims, True)
        r = xp.rsqrt(xp.mean(d * d, dims, True) + eps)
    else:
        d, r = x - spread(xp, mean, nd), spread(xp, rstd, nd)
    h = d * r
    gx = None
    if needs[0]:
        gh = g if weight is None else g * spread(xp, weight, nd)
        gx = (
            r * (gh - xp.mean(gh, dims, True) - h * xp.mean(gh * h, dims, True))
            if training
            else r * gh
        )
    return (
        gx,
        unless(needs[1], lambda: xp.sum(g * h, dims)),
        unless(needs[2], lambda: xp.sum(g, dims)),
    )


def _batch_norm(
    xp: Any,
    g_out: Any,
    x: Any,
    weight: Any,
    mean: Any,
    rstd: Any,
    training: bool,
    eps: float,
    needs: Any,
) -> Any:
    return (
        *xp.batch_norm_backward(g_out, x, weight, mean, rstd, training, eps, needs[:3]),
        None,
        None,
    )


batch_norm_op.vjp_all(_batch_norm)


def usual(shape: tuple[int, ...], weight: Any, bias: Any) -> bool:
    """Whether a training call is plainly right: several values in each channel, and arrays of as
    many numbers as there are channels.
    """
    n = (shape[1],) if len(shape) > 1 else ()
    right = weight is None or weight.shape == n
    return right and (bias is None or bias.shape == n) and math.prod(shape) > shape[1] > 0


def moves(running: Any, a: Any) -> bool:
    """Whether a running statistic of the channels of a can be moved where it lies."""
    if type(running) is not Tensor or running._n is not None:
        return False
    b = running._a
    return type(b) is type(a) and b.dtype is a.dtype and b.shape == a.shape[1:2]


@public(
    "nn.functional.batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, "
    "Tensor? weight=None, Tensor? bias=None, bool training=False, float momentum=0.1, "
    "float eps=1e-05)",
    lines=(
        line(
            batch_norm_op,
            floating=True,
            least=2,
            operands=("input", "weight", "bias", "None", "None"),
            given="training and running_mean is None and running_var is None and eps > 0",
            facts="usual(a0.shape, a1, a2)",
            using={"usual": usual},
            when="facts",
            let={"training": "True"},
            only=1,
        ),
    ),
)
def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """input (N, C, ...) normalised in each channel, times weight (C,) plus bias (C,).

    training: with the statistics of the batch, which also move running_mean and running_var (C,) by
    momentum; else with the running statistics.

    >>> F.batch_norm(torch.tensor([[1.], [3.]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    a = input._a
    if (
        training
        and eps > 0
        and running_mean is not None
        and running_var is not None
        and (a.dtype is F32 or a.dtype is F64)
        and moves(running_mean, a)
        and moves(running_var, a)
        and (weight is None or weight._a.dtype is a.dtype)
        and (bias is None or bias._a.dtype is a.dtype)
        and usual(a.shape, getattr(weight, "_a", None), getattr(bias, "_a", None))
    ):
        out, mean, var = batch_norm_op.entry(input, weight, bias, None, None, True, eps)
        n = a.size // a.shape[1]
        move(running_mean, mean, momentum)
        move(running_var, var, momentum, n / (n - 1))
        return out
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive, but got {eps}")
    if training:
        enough_values(tuple(input._a.shape))
        refuse_half(running_mean, running_var)
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "batch_norm: Expected running_mean and running_var to be defined when training=False"
        )
    half = input.dtype.is_floating_point and input.dtype.itemsize == 2
    for t in (weight, bias, running_mean, running_var):
        other = isinstance(t, Tensor) and t.dtype is not input.dtype
        if other and not (half and t.dtype.name == "float32"):
            raise RuntimeError(
                "mixed dtype (CPU): all inputs must share same datatype: batch_norm got an input"
                f" of {input.dtype} and {t.dtype} beside it; convert one with .to(dtype)"
            )
    return normalised(input, running_mean, running_var, weight, bias, training, momentum, eps)


def refuse_half(mean: Any, var: Any) -> None:
    """ValueError for one running statistic without the other."""
    if (mean is None) != (var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")


def refuse_recorded(name: str, **running: Any) -> None:
    """RuntimeError for a running statistic that requires grad."""
    for what, t in running.items():
        if t is not None and t._n is not None and state.grad:
            raise RuntimeError(
                f"{name}: not differentiable with respect to {what}, which requires grad: pass"
                f" {what}.detach()"
            )


def normalised(
    input: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """batch_norm after its check of the size."""
    shape = input._a.shape
    if input._a.size == 0:  # nothing to normalise
        r = input.clone() if weight is None else input * weight[0]
        return r if bias is None else r + bias[0]
    refuse_recorded("batch_norm", running_mean=running_mean, running_var=running_var)
    if len(shape) < 2:
        raise IndexError(
            "batch_norm: Dimension out of range: expected input of at least 2 dimensions (N, C, "
            "...), got shape "
            f"{tuple(shape)}"
        )
    for what, t in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if t is not None and tuple(t._a.shape) != (shape[1],):
            raise RuntimeError(
                f"batch_norm: {what} should contain {shape[1]} elements not {t._a.size}: the input "
                "of shape "
                f"{tuple(shape)} has {shape[1]} channels in dimension 1"
            )
    if training:
        out, mean, var = batch_norm_op.entry(input, weight, bias, None, None, True, eps)
        n = input._a.size // max(shape[1], 1)
        if n and running_mean is not None:
            move(running_mean, mean, momentum)
        if n and running_var is not None:
            move(running_var, var, momentum, n / max(n - 1, 1))
        return out
    return batch_norm_op.entry(input, weight, bias, running_mean, running_var, False, eps)[0]


def enough_values(shape: tuple[int, ...]) -> None:
    if math.prod(shape[:1] + shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}: "
            "use a larger "
            "batch, or .eval()"
        )


def move(running: Tensor, new: Tensor, momentum: float, factor: float = 1.0) -> None:
    """running = (1 - momentum) * running + momentum * factor * new, in place."""
    a, b = running._a, new._a
    if (
        type(a) is type(b)
        and RANK.get(type(a), LIBRARY) == LIBRARY
        and type(a) not in PER_DEVICE
        and a.dtype is b.dtype
        and writeable(a)
    ):
        # not announced as a change: nothing that was recorded keeps these arrays (evaluation saves
        # copies)
        a *= 1 - momentum
        a += b * b.dtype.type(momentum * factor)
        return
    with no_grad():
        moved = running * (1 - momentum) + new.to(running.dtype) * (momentum * factor)
        views.inplace(running, "batch_norm", moved)


@public(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
    "Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled)",
    method=False,
)
def torch_batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True
):
    """F.batch_norm with the arguments in another order and without its check of the batch size.

    >>> torch.batch_norm(torch.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError(
            "batch_norm: Expected running_mean and running_var to be defined when training=False"
        )
    return normalised(input, running_mean, running_var, weight, bias, training, momentum, eps)


@public(
    "nn.functional.instance_norm(Tensor input, Tensor? running_mean=None, "
    "Tensor? running_var=None, Tensor? weight=None, Tensor? bias=None, "
    "bool use_input_stats=True, float momentum=0.1, float eps=1e-05)"
)
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """input (N, C, ...) normalised in each channel of each sample.

    weight, bias: (C,), a factor and a term for each channel.

    >>> F.instance_norm(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if use_input_stats:
        shape = tuple(input._a.shape)
        if math.prod(shape[2:]) == 1:
            raise ValueError(
                f"Expected more than 1 spatial element when training, got input size {list(shape)}"
            )
        refuse_half(running_mean, running_var)
    return torch_instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )


@public(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, "
    "Tensor? running_var, bool use_input_stats, float momentum, float eps, "
    "bool cudnn_enabled)",
    method=False,
)
def torch_instance_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    use_input_stats,
    momentum,
    eps,
    cudnn_enabled=True,
):
    """F.instance_norm with the arguments in another order and without its check of the size.

    >>> x = torch.tensor([[[1., 3.]]])
    >>> torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    tensor([[[-1.0000,  1.0000]]])
    """
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    shape = tuple(input._a.shape)
    n, c = shape[:2]
    for what, t in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if t is not None and tuple(t._a.shape) != (c,):
            raise RuntimeError(
                f"instance_norm: {what} should contain {c} elements, as many as input has"
                f" channels, but has shape {list(t._a.shape)}"
            )
    refuse_recorded("instance_norm", running_mean=running_mean, running_var=running_var)
    check_parameters(batch_norm_op, input, weight, bias)
    if not n * c and not (weight is bias is None):
        raise IndexError(f"instance_norm: there is no channel to scale in shape {list(shape)}")
    flat = reshape_op.entry(input, (1, n * c, *shape[2:]))
    each = [repeated(t, n) for t in (weight, bias)]
    if not use_input_stats:
        out = batch_norm_op.entry(
            flat, *each, repeated(running_mean, n), repeated(running_var, n), False, eps
        )[0]
        return reshape_op.entry(out, shape)
    out, mean, var = batch_norm_op.entry(flat, *each, None, None, True, eps)
    if running_mean is not None:
        move(running_mean, mean.reshape(n, c).mean(0), momentum)
    if running_var is not None:
        m = math.prod(shape[2:])
        move(running_var, var.reshape(n, c).mean(0), momentum, m / max(m - 1, 1))
    return reshape_op.entry(out, shape)


def repeated(t: Any, n: int) -> Any:
    """A vector n times over."""
    if t is None:
        return None
    return reshape_op.entry(
        expand_op.entry(reshape_op.entry(t, (1, -1)), (n, t._a.shape[0])), (-1,)
    )


@public(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, "
    "Tensor? running_mean, Tensor? running_var, bool training, float momentum, "
    "float eps, *, out) -> (Tensor, Tensor, Tensor)",
    method=False,
)
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm, means, 1 / deviations); without training the statistics are empty.

    >>> x = torch.tensor([[1.], [3.]])
    >>> torch.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)[0]
    tensor([[-1.],
            [ 1.]])
    """
    out = torch_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    if not training:
        return out, input.new_empty((0,)), input.new_empty((0,))
    with no_grad():
        mean, rstd = statistics(input, (0, *range(2, input._a.ndim)), eps)
    return out, mean.reshape(-1), rstd.reshape(-1)
