"""Losses that are likelihoods: binary cross entropy, Kullback-Leibler, Poisson, Gaussian.

What lives here: binary cross entropy as ops with fused kernels (`arrays/loss.py`), and losses of
a few public functions. What does not: cross entropy of several classes (`cross_entropy.py`).
"""

from __future__ import annotations

import math
from typing import Any

from ...arrays.lookup import HOSTED
from ...base import dtypes
from ...base.advice import advise
from ...base.modes import no_grad, state
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import composite, elementwise, opaque
from ...engine.op import primitive
from ...engine.op_modes import needs_operands, runner
from ...engine.tensor import Tensor
from ..nn.embedding import readable
from ..node_facts import TO_TARGET
from ..shape.join import joint_dtype
from ..shape.views import expand
from .cross_entropy import KNOWN, REDUCTIONS, numbered, reduce_to, reduction_of
from .regression import arriving, broadcast, reduced


@primitive(
    opaque,
    types="any",
    inputs=3,
    optional="weight",
    node="BinaryCrossEntropyBackward0",
    name="bce_loss",
    keeps_order=True,
    told=TO_TARGET,
)
def bce_loss_op(xp, x, y, weight, reduction="mean"):
    """-(y log x + (1 - y) log(1 - x)), reduced; logarithms are at least -100."""


@primitive(composite)
def bce_loss_backward(xp, g, x, y, weight, reduction="mean"):
    """Gradient of bce_loss's x."""
    least = 0 if x.dtype == dtypes.float16.np else 1e-12  # which float16 does not hold
    gx = arriving(xp, g, x, reduction) * (x - y) / xp.clamp_scalar((1 - x) * x, least, None)
    return gx if weight is None else gx * weight


def _bce_loss_y(xp: Any, g: Any, x: Any, weight: Any, reduction: str) -> Any:
    gy = arriving(xp, g, x, reduction) * (xp.log1p(-x) - xp.log(x))
    return gy if weight is None else gy * weight


def _bce_loss_tangent(xp: Any, tangents: Any, x: Any, y: Any, weight: Any, reduction: str) -> Any:
    tx, ty = tangents[:2]
    parts = [] if tx is None else [xp.bce_loss_backward(tx, x, y, weight, "none")]
    parts += [] if ty is None else [_bce_loss_y(xp, ty, x, weight, "none")]
    return reduced(xp, sum(parts[1:], parts[0]), reduction)  # the mean of nothing is nan


bce_loss_op.vjp(
    x=lambda xp, g, x, y, weight, reduction: xp.bce_loss_backward(g, x, y, weight, reduction),
    y=_bce_loss_y,
).jvp(_bce_loss_tangent)


def refuse_recorded(name: str, **weights: Any) -> None:
    """RuntimeError for a weight that requires grad: there is no derivative by it."""
    for what, t in weights.items():
        if t is not None and t._n is not None and state.grad:
            raise RuntimeError(
                f"The function '{name}' is not differentiable with respect to argument '{what}'."
                f" This input cannot have requires_grad True: pass {what}.detach()"
            )


ALIKE = f"a2 is None and a1.dtype is d and a0.shape == a1.shape and {KNOWN}"


@public(
    "nn.functional.binary_cross_entropy(Tensor input, Tensor target, "
    "Tensor? weight=None, any size_average=None, any reduce=None, "
    "str|any reduction='mean')",
    lines=(line(bce_loss_op, floating=True, when=ALIKE),),
)
def bce_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities; weight broadcasts.

    >>> F.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if tuple(target._a.shape) != tuple(input._a.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if target.dtype is not input.dtype and not runner(bce_loss_op):
        raise RuntimeError(
            f"Found dtype {target.dtype} but expected {input.dtype}: convert the target with "
            ".to(input.dtype)"
        )
    if weight is not None:
        weight = expand(weight, *input._a.shape)
        refuse_recorded("binary_cross_entropy", weight=weight)
    return bce_loss_op.entry(input, target, weight, reduction)


@primitive(
    opaque,
    types="any",
    inputs=4,
    optional="weight pos_weight",
    node="BinaryCrossEntropyWithLogitsBackward0",
    name="bce_logits",
    keeps_order=True,
    told=TO_TARGET,
)
def bce_logits_op(xp, x, y, weight, pos_weight, reduction="mean"):
    """bce_loss of sigmoid(x), reduced; pos_weight multiplies the term of y."""


@primitive(composite)
def bce_logits_backward(xp, g, x, y, weight, pos_weight, reduction="mean"):
    """Gradient of bce_logits's x."""
    s = xp.sigmoid(x)
    slope = s - y if pos_weight is None else (pos_weight * y + 1 - y) * s - pos_weight * y
    slope = slope if weight is None else slope * weight
    return arriving(xp, g, x, reduction) * slope


def _bce_logits_y(xp: Any, g: Any, x: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = -x if pos_weight is None else (pos_weight - 1) * xp.softplus(-x) - x
    slope = slope if weight is None else slope * weight
    return arriving(xp, g, x, reduction) * slope


def _bce_logits_tangent(
    xp: Any, tangents: Any, x: Any, y: Any, weight: Any, pos_weight: Any, reduction: str
) -> Any:
    tx, ty = tangents[:2]
    of = (weight, pos_weight, "none")
    parts = [] if tx is None else [xp.bce_logits_backward(tx, x, y, *of)]
    parts += [] if ty is None else [_bce_logits_y(xp, ty, x, *of)]
    return reduced(xp, sum(parts[1:], parts[0]), reduction)


bce_logits_op.vjp(
    x=lambda xp, g, x, y, weight, pos_weight, reduction: xp.bce_logits_backward(
        g, x, y, weight, pos_weight, reduction
    ),
    y=_bce_logits_y,
).jvp(_bce_logits_tangent)


@public(
    "nn.functional.binary_cross_entropy_with_logits(Tensor input, Tensor target, "
    "Tensor? weight=None, any size_average=None, any reduce=None, "
    "str|any reduction='mean', Tensor? pos_weight=None)",
    lines=(line(bce_logits_op, floating=True, when=f"{ALIKE} and a3 is None"),),
)
def bce_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Binary cross entropy of sigmoid(input), without its rounding.

    weight broadcasts; pos_weight multiplies the term of the positives.

    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if tuple(target._a.shape) != tuple(input._a.shape):
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    if not input.dtype.is_inexact:
        raise NotImplementedError(
            f'"log_sigmoid_cpu" not implemented for {input.dtype}: convert the logits with .float()'
        )
    if target.dtype is not input.dtype:
        if target.dtype.category != input.dtype.category:
            raise RuntimeError(
                f"result type {input.dtype} can't be cast to the desired output type"
                f" {target.dtype}: convert the target with .to(input.dtype)"
            )
        kind, d = target.dtype, joint_dtype([input, target])
        input, target = input.to(d), target.to(d)
        r = bce_logits(input, target, weight, reduction=reduction, pos_weight=pos_weight)
        return r if r.dtype is kind or needs_operands(bce_logits_op) else r.to(kind)
    if weight is not None or pos_weight is not None:
        broadcast(*[t for t in (input, weight, pos_weight) if t is not None])
        refuse_recorded("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    return bce_logits_op.entry(input, target, weight, pos_weight, reduction)


@public(
    "binary_cross_entropy_with_logits(Tensor input, Tensor target, "
    "Tensor? weight=None, Tensor? pos_weight=None, int reduction=0)",
    method=False,
)
def torch_bce_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """F.binary_cross_entropy_with_logits with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> torch.binary_cross_entropy_with_logits(torch.tensor([0.]), torch.tensor([1.]), reduction=1)
    tensor(0.6931)
    """
    return bce_logits(input, target, weight, reduction=numbered(reduction), pos_weight=pos_weight)


# --------------------------------------------------------------------------- distributions


@primitive(elementwise, types="float")
def x_log_x(xp, x):
    """x log x, and 0 at 0."""
    return x * xp.log(x + xp.astype(xp.eq(x, 0), x.dtype))


def _x_log_x(xp: Any, g: Any, x: Any) -> Any:
    """Without a slope below 0, where there is no logarithm, and at 0 (as PyTorch has it)."""
    return g * xp.where(xp.gt(x, 0), xp.log(x) + x / x, math.nan)


x_log_x.vjp(x=_x_log_x)


def divergence(input: Tensor, target: Tensor, log_target: bool) -> Tensor:
    """The terms of kl_div."""
    if not input.dtype.is_inexact or not target.dtype.is_inexact:
        raise RuntimeError(
            f"kl_div: Integral inputs not supported: got {input.dtype} and {target.dtype}, convert "
            "with .float()"
        )
    if input.dtype.is_complex or target.dtype.is_complex:
        raise RuntimeError("kl_div: Complex inputs not supported: it compares probabilities")
    if log_target:
        return target.exp() * (target - input)
    return x_log_x.entry(target) - target * input


@public(
    "nn.functional.kl_div(Tensor input, Tensor target, any size_average=None, "
    "any reduce=None, str|any reduction='mean', bool log_target=False)",
    whole=True,
)
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log(target) - input): the Kullback-Leibler divergence from log-probabilities input.

    log_target: target holds log-probabilities too. reduction: also 'batchmean', the sum over the
    first dimension's size.

    >>> F.kl_div(torch.tensor([0.5]).log(), torch.tensor([1.0]), reduction="sum")
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    elif reduction == "mean":
        advise(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.'mean' will be "
            "changed to behave the "
            "same as 'batchmean' in the next major release.",
        )
    batch = reduction == "batchmean"
    losses = reduce_to(
        divergence(input, target, log_target), "sum" if batch else reduction_of(reduction)
    )
    return losses / input._a.shape[0] if batch and input._a.ndim else losses


@public(
    "kl_div(Tensor input, Tensor target, int reduction=0, *, bool log_target=False)",
    method=False,
    whole=True,
)
def torch_kl_div(input, target, reduction=0, *, log_target=False):
    """F.kl_div with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> torch.kl_div(torch.tensor([0.5]).log(), torch.tensor([1.]), reduction=2)
    tensor(0.6931)
    """
    return reduce_to(divergence(input, target, log_target), numbered(reduction))


@public(
    "nn.functional.poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, "
    "bool full=False, any size_average=None, float eps=1e-08, any reduce=None, "
    "str reduction='mean')",
    whole=True,
)
def poisson_nll_loss(
    input,
    target,
    log_input=True,
    full=False,
    size_average=None,
    eps=1e-8,
    reduce=None,
    reduction="mean",
):
    """Minus the log-likelihood of counts target under Poisson rates.

    The rates are exp(input), or input if not log_input.

    full: with Stirling's approximation of the constant of targets above 1.

    >>> F.poisson_nll_loss(torch.tensor([0.0]), torch.tensor([3.0]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        t = target if target.dtype.is_inexact else target.to(loss.dtype)
        large = t > 1
        safe = t.where(large, t.new_ones(()))
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + stirling * large.to(stirling.dtype)
    return reduce_to(loss, reduction)


@public(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, "
    "float eps, int reduction)",
    method=False,
    whole=True,
)
def torch_poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """F.poisson_nll_loss with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> torch.poisson_nll_loss(torch.tensor([0.]), torch.tensor([1.]), True, False, 1e-8, 1)
    tensor(1.)
    """
    return poisson_nll_loss(input, target, log_input, full, None, eps, None, numbered(reduction))


@public(
    "nn.functional.gaussian_nll_loss(Tensor input, Tensor|Scalar target, any var, "
    "bool|any full=False, float eps=1e-06, str reduction='mean')"
)
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Minus the log-likelihood of target under normal distributions.

    Their mean is input, their variance var, but at least eps.

    var: a number, or of input's shape, possibly without or with 1 for its last dimension. full:
    with the constant.

    >>> F.gaussian_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), torch.ones(1))
    tensor(2.)
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError(f"var has negative entry/entries: {var}")
        var = var + input.detach() * 0
    elif not isinstance(var, Tensor):
        raise TypeError(f"gaussian_nll_loss(): var must be a float or a Tensor, not {var!r}")
    elif not var.dtype.is_inexact and isinstance(eps, float):
        raise RuntimeError(
            f"gaussian_nll_loss: var of {var.dtype} cannot be limited to at least {eps}: convert it"
            " with .float()"
        )
    elif var.dtype.is_complex:
        raise NotImplementedError(f"gaussian_nll_loss: not implemented for var of {var.dtype}")
    low = True
    if readable(var) and var._a.size:
        if type(var._a) in HOSTED:
            flat = var._a.reshape(-1)
            least = float(flat[flat.argmin()])
        else:
            least = float(var.detach().min().item())
        if least != least:  # what stands beside a NaN counts
            least = float(var.detach().nan_to_num(eps).min().item())
        if least < 0:
            raise ValueError("var has negative entry/entries")
        low = least < eps
    s, v = tuple(input._a.shape), tuple(var._a.shape)
    if v != s:
        if s[:-1] == v:
            var = var.unsqueeze(-1)
        elif len(s) != len(v) or sum(b for a, b in zip(s, v) if a != b) != 1:
            raise ValueError(f"var is of incorrect size: {list(v)} for an input of {list(s)}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not valid: use 'mean', 'sum' or 'none'")
    if low:
        with no_grad():  # the limit is no part of the derivative
            lift = (eps - var).clamp(min=0)
        var = var + lift
    loss = 0.5 * (var.log() + (input - target).square() / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_to(loss, reduction)
