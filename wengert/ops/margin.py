"""Losses with margins and between distributions: huber, hinge, triplet, Poisson, labels.

What lives here: losses that are a few public functions, and those with an op of their own for
speed. What does not: cross entropy and its kin and the reductions (`loss.py`), distances
(`distance.py`).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..arrays.lookup import RANK
from ..base import dtypes
from ..base.modes import no_grad
from ..engine.kinds import elementwise, opaque
from ..engine.op import op, primitive, public
from ..engine.tensor import Tensor
from .activation import F
from .distance import pairwise_distance
from .loss import (
    REDUCTIONS,
    arriving,
    broadcast,
    numbered,
    one_hot_of,
    reduce_to,
    reduction_of,
    same_size,
    tensors,
)


def at_least(x: Tensor, low: float) -> Tensor:
    """x, or low where x is below it."""
    return x.clamp(min=low)


# --------------------------------------------------------------------------- element by element


def reduced(xp: Any, losses: Any, reduction: str) -> Any:
    """Losses of elements, reduced, in the vocabulary."""
    return (
        losses
        if reduction == "none"
        else xp.mean(losses, None)
        if reduction == "mean"
        else xp.sum(losses, None)
    )


def in_single(xp: Any, *arrays: Any) -> tuple[Any, ...]:
    """(dtype to return to, arrays with half precision as float32)."""
    d = dtypes.as_dtype(arrays[0].dtype)
    if d.itemsize == 2 and d.category == 2:
        return (arrays[0].dtype, *[xp.astype(a, dtypes.float32) for a in arrays])
    return (None, *arrays)


def narrowed(xp: Any, x: Any, dtype: Any) -> Any:
    return x if dtype is None else xp.astype(x, dtype)


@op(opaque, types="promote", public=False, method=False)
def huber_loss(xp, x, y, reduction="mean", delta=1.0):
    """Half the square of x - y up to delta, then a line."""
    low, x, y = in_single(xp, x, y)
    d = xp.abs(x - y)
    m = xp.clamp_scalar(d, None, delta)
    return narrowed(xp, reduced(xp, m * (d - 0.5 * m), reduction), low)


def _huber(xp: Any, g: Any, x: Any, y: Any, reduction: str, delta: float, needs: Any) -> Any:
    gx = xp.clamp_scalar(x - y, -delta, delta) * arriving(xp, g, x, reduction)
    return gx, -gx if needs[1] else None


huber_loss.vjp_all(_huber)


@op(opaque, types="promote", public=False, method=False)
def smooth_l1_loss(xp, x, y, reduction="mean", beta=1.0):
    """huber_loss over beta: slopes of 1 beyond it."""
    low, x, y = in_single(xp, x, y)
    d = xp.abs(x - y)
    m = xp.clamp_scalar(d, None, beta)
    return narrowed(xp, reduced(xp, m * (d - 0.5 * m) / beta, reduction), low)


smooth_l1_loss.vjp_all(
    lambda xp, g, x, y, reduction, beta, needs: _huber(xp, g / beta, x, y, reduction, beta, needs)
)


@op(opaque, types="any", public=False, method=False)
def soft_margin_loss(xp, x, y, reduction="mean"):
    """log(1 + exp(-y x))."""
    return reduced(xp, xp.log1p(xp.exp(-(x * y))), reduction)


soft_margin_loss.vjp(
    x=lambda xp, g, x, y, reduction: -y * xp.sigmoid(-(x * y)) * arriving(xp, g, x, reduction)
)


@F(name="smooth_l1_loss")
def smooth_l1_loss_(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Half the square of the difference over beta, from beta on a line of slope 1."""
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("smooth_l1_loss", input=input, target=target)
    input, target = same_size("smooth_l1_loss", input, target)
    if beta == 0.0:
        return reduce_to((input - target).abs(), reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta: got {beta}")
    return smooth_l1_loss.entry(input, target, reduction, beta)


@F(name="huber_loss")
def huber_loss_(input, target, reduction="mean", delta=1.0, weight=None):
    """Half the square of the difference, from delta on a line of slope delta."""
    reduction = reduction_of(reduction)
    tensors("huber_loss", input=input, target=target)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta: got {delta}"
        )
    shape = tuple(input._a.shape)
    input, target = same_size("huber_loss", input, target)
    if weight is None:
        return huber_loss.entry(input, target, reduction, delta)
    if tuple(weight._a.shape) != shape:
        raise ValueError(
            f"Weights and input must have the same size: got {list(weight._a.shape)} and "
            f"{list(shape)}"
        )
    return reduce_to(huber_loss.entry(input, target, "none", delta) * weight, reduction)


@F(name="soft_margin_loss")
def soft_margin_loss_(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)), for targets 1 and -1."""
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("soft_margin_loss", input=input, target=target)
    if target.dtype is not input.dtype:
        target = target.to(input.dtype)
    return soft_margin_loss.entry(*broadcast(input, target), reduction)


# --------------------------------------------------------------------------- distributions


@primitive(elementwise, types="float", public=False, method=False)
def x_log_x(xp, x):
    """x log x, and 0 at 0."""
    return x * xp.log(x + xp.astype(xp.eq(x, 0), x.dtype))


x_log_x.vjp(x=lambda xp, g, x: g * (xp.log(x) + 1))


def divergence(input: Tensor, target: Tensor, log_target: bool) -> Tensor:
    """The terms of kl_div."""
    tensors("kl_div", input=input, target=target)
    if input.dtype.category < 2 or target.dtype.category < 2:
        raise RuntimeError(
            f"kl_div: Integral inputs not supported: got {input.dtype} and {target.dtype}, convert "
            "with .float()"
        )
    if log_target:
        return target.exp() * (target - input)
    return x_log_x.entry(target) - target * input


@F(name="kl_div")
def kl_div_(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log(target) - input): the Kullback-Leibler divergence from log-probabilities input.

    log_target: target holds log-probabilities too. reduction: also 'batchmean', the sum over the
    first dimension's size.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.'mean' will be "
            "changed to behave the "
            "same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    batch = reduction == "batchmean"
    losses = reduce_to(
        divergence(input, target, log_target), "sum" if batch else reduction_of(reduction)
    )
    return losses / input._a.shape[0] if batch and input._a.ndim else losses


@public(name="kl_div", method=False)
def torch_kl_div(input, target, reduction=1, *, log_target=False):
    """F.kl_div with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return reduce_to(divergence(input, target, log_target), numbered(reduction))


@F(name="poisson_nll_loss")
def poisson_nll_loss_(
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
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("poisson_nll_loss", input=input, target=target)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        one = target.new_ones(()) if target.dtype.category >= 2 else None
        t = target if one is not None else target.to(loss.dtype)
        large = t > 1
        safe = t.where(large, t.new_ones(()))
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + stirling * large.to(stirling.dtype)
    return reduce_to(loss, reduction)


@public(name="poisson_nll_loss", method=False)
def torch_poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """F.poisson_nll_loss with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return poisson_nll_loss_(input, target, log_input, full, None, eps, None, numbered(reduction))


@F(name="gaussian_nll_loss")
def gaussian_nll_loss_(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Minus the log-likelihood of target under normal distributions.

    Their mean is input, their variance var, but at least eps.

    var: a number, or of input's shape, possibly without or with 1 for its last dimension. full:
    with the constant.
    """
    tensors("gaussian_nll_loss", input=input, target=target)
    if isinstance(var, float):
        if var < 0:
            raise ValueError(f"var has negative entry/entries: {var}")
        var = var + input.detach() * 0
    elif not RANK.get(type(var._a), 0) and (var._a < 0).any():
        raise ValueError("var has negative entry/entries")
    s, v = tuple(input._a.shape), tuple(var._a.shape)
    if v != s:
        if s[:-1] == v:
            var = var.unsqueeze(-1)
        elif len(s) != len(v) or sum(b for a, b in zip(s, v) if a != b) != 1:
            raise ValueError(f"var is of incorrect size: {list(v)} for an input of {list(s)}")
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not valid: use 'mean', 'sum' or 'none'")
    with no_grad():  # the limit is no part of the derivative
        lift = at_least(var, eps) - var
    var = var + lift
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_to(loss, reduction)


# ------------------------------------------------------------------------------------- hinges


@F(name="hinge_embedding_loss")
def hinge_embedding_loss_(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("hinge_embedding_loss", input=input, target=target)
    hinge = at_least(margin - input, 0)
    zero = input.new_zeros(())
    return reduce_to(hinge.where(target != 1, zero) + input.where(target != -1, zero), reduction)


@public(name="hinge_embedding_loss", method=False)
def torch_hinge_embedding_loss(input, target, margin=1.0, reduction=1):
    """F.hinge_embedding_loss with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return hinge_embedding_loss_(input, target, margin, reduction=numbered(reduction))


@F(name="margin_ranking_loss")
def margin_ranking_loss_(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """max(0, margin - target * (input1 - input2)): target 1 wants input1 larger, -1 input2."""
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    if not input1._a.ndim == input2._a.ndim == target._a.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            "input1: "
            f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduce_to(at_least(-target * (input1 - input2) + margin, 0), reduction)


@public(name="margin_ranking_loss", method=False)
def torch_margin_ranking_loss(input1, input2, target, margin=0.0, reduction=1):
    """F.margin_ranking_loss with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return margin_ranking_loss_(input1, input2, target, margin, reduction=numbered(reduction))


@F(name="cosine_embedding_loss")
def cosine_embedding_loss_(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """1 - cosine where target is 1, max(0, cosine - margin) where it is -1.

    Inputs are (N, D) with a target (N,), or (D,) with ().
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    nd, n1, n2 = target._a.ndim, input1._a.ndim, input2._a.ndim
    if nd > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not n1 == n2 == nd + 1:
        raise RuntimeError(
            f"{nd}D target tensor expects {nd + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} "
            f"and {list(input2.shape)}."
        )
    if input1.dtype.category < 2:
        input1 = input1.float()
    if input2.dtype.category < 2:
        input2 = input2.float()
    # smoothed norms, unlike cosine_similarity: a zero vector gives no nan
    dot = (input1 * input2).sum(nd)
    m1, m2 = ((x * x).sum(nd) + 1e-12 for x in (input1, input2))
    cosine = dot / (m1 * m2).sqrt()
    zero = cosine.new_zeros(())
    loss = (1 - cosine).where(target == 1, zero) + at_least(cosine - margin, 0).where(
        target == -1, zero
    )
    return reduce_to(loss, reduction)


@public(name="cosine_embedding_loss", method=False)
def torch_cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=1):
    """F.cosine_embedding_loss with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return cosine_embedding_loss_(input1, input2, target, margin, reduction=numbered(reduction))


def triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Any,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    """The loss of triplets under a distance function."""
    dims = (anchor._a.ndim, positive._a.ndim, negative._a.ndim)
    if len(set(dims)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            "dimensions, but "
            f"got: anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduce_to(at_least(margin + near - far, 0), reduction)


@F(name="triplet_margin_loss")
def triplet_margin_loss_(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, margin + distance to positive - distance to negative).

    Distances are p-norms over the last dimension.

    swap: the negative's distance is the smaller of those from anchor and from positive.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return triplet(
        anchor,
        positive,
        negative,
        lambda a, b: pairwise_distance(a, b, p, eps),
        margin,
        swap,
        reduction,
    )


@public(name="triplet_margin_loss", method=False)
def torch_triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, reduction=1
):
    """F.triplet_margin_loss with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return triplet_margin_loss_(
        anchor, positive, negative, margin, p, eps, swap, reduction=numbered(reduction)
    )


@F(name="triplet_margin_with_distance_loss")
def triplet_margin_with_distance_loss_(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """max(0, margin + distance to positive - distance to negative), with any distance."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return triplet(
        anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction
    )


# ------------------------------------------------------------------------------------- classes


@op(opaque, types="any", inputs=3, optional="weight", public=False, method=False)
def multi_margin_loss(xp, x, target, weight, p=1, margin=1.0, reduction="mean"):
    """Hinge losses of the other classes against the target's, averaged over classes."""
    low, x = in_single(xp, x)
    q, _ = one_hot_of(xp, x, target)
    h = xp.clamp_scalar(margin - xp.sum(x * q, 1, True) + x, 0, None) * (1 - q)
    h = h if p == 1 else h * h
    if weight is not None:
        h = h * xp.sum(q * in_single(xp, weight)[1], 1, True)
    return narrowed(xp, reduced(xp, xp.sum(h, 1) / x.shape[1], reduction), low)


def _multi_margin(
    xp: Any, g: Any, x: Any, target: Any, weight: Any, p: int, margin: float, reduction: str
) -> Any:
    low, x = in_single(xp, x)
    q, _ = one_hot_of(xp, x, target)
    z = margin - xp.sum(x * q, 1, True) + x
    slope = xp.astype(xp.gt(z, 0), x.dtype) * (1 - q)
    slope = slope if p == 1 else slope * z * 2
    if weight is not None:
        slope = slope * xp.sum(q * in_single(xp, weight)[1], 1, True)
    slope = slope - q * xp.sum(slope, 1, True)
    n, c = x.shape
    return slope * (
        g / (n * c)
        if reduction == "mean"
        else g / c
        if reduction == "sum"
        else xp.unsqueeze(g, 1) / c
    )


multi_margin_loss.vjp(x=_multi_margin)


@F(name="multi_margin_loss")
def multi_margin_loss_(
    input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Hinge losses of the other classes against the target's, averaged over classes.

    Each goes to the power p, 1 or 2.

    input: (N, C) or (C,), target: (N,) or (), weight: of each class (C,).
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("multi_margin_loss", input=input, target=target)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported: got {p}")
    if weight is not None and weight._a.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    s, t = tuple(input._a.shape), tuple(target._a.shape)
    if len(s) > 2 or 0 in s[1:] or (len(s) == 1 and s[0] == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            + str(list(s))
        )
    n, c = (1, s[0] if s else 1) if len(s) < 2 else s
    if len(t) > 1 or (t[0] if t else 1) != n:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            "samples (batch "
            f"size). Expected target size [{n}], but got {list(t)}. Input has shape {list(s)}"
        )
    if weight is not None and tuple(weight._a.shape) != (c,):
        raise RuntimeError(
            f"inconsistent weight size, expected {c} but got {list(weight._a.shape)}"
        )
    if target.dtype.name != "int64":
        raise RuntimeError(
            f"expected scalar type Long but found {target.dtype}: convert the target with .long()"
        )
    a = target._a
    if not RANK.get(type(a), 0) and a.size and not (int(a.min()) >= 0 and int(a.max()) < c):
        raise RuntimeError(
            f"target out of range: multi_margin_loss needs class indices of 0 to {c - 1}"
        )
    if input.dtype.category != 2:
        raise NotImplementedError(
            f"\"multi_margin_loss\" not implemented for '{input.dtype}': it takes floating point "
            "tensors"
        )
    r = multi_margin_loss.entry(
        input.reshape(n, c), target.reshape(n), weight, p, margin, reduction
    )
    return r if reduction != "none" or len(s) > 1 or t else r.reshape(())


@primitive(
    opaque, types="any", public=False, method=False, inputs=2, node="MultilabelMarginLossBackward0"
)
def multilabel_margin(xp, x, target, reduction="mean"):
    """Hinge losses between target classes and the others."""


@primitive(opaque, types="any", public=False, method=False, inputs=3)
def multilabel_margin_backward(xp, h, x, target, reduction="mean"):
    """Gradient of multilabel_margin's x, which is linear in h, that of its result."""


multilabel_margin.vjp(
    x=lambda xp, g, x, target, reduction: xp.multilabel_margin_backward(g, x, target, reduction)
)


def _multilabel_again(xp: Any, g: Any, x: Any, target: Any, reduction: str, h_shape: Any) -> Any:
    one = xp.ones(tuple(h_shape), x.dtype)
    terms = g * xp.multilabel_margin_backward(one, x, target, reduction)
    return xp.sum(terms, 1 if len(h_shape) else None)


multilabel_margin_backward.vjp(h=_multilabel_again)


@F(name="multilabel_margin_loss")
def multilabel_margin_loss_(input, target, size_average=None, reduce=None, reduction="mean"):
    """Hinge losses between each target class and each other class, over the number of classes.

    input: (N, C) or (C,); target: of the same shape, classes and then -1.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("multilabel_margin_loss", input=input, target=target)
    s = tuple(input._a.shape)
    if len(s) > 2 or 0 in s[1:] or (len(s) == 1 and s[0] == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            + str(list(s))
        )
    if tuple(target._a.shape) != s and not (len(s) < 2 and target._a.size == input._a.size):
        raise RuntimeError(
            f"inconsistent target size: {list(target._a.shape)} for input of size: {list(s)}"
        )
    return multilabel_margin.entry(input, target, reduction)


@F(name="multilabel_soft_margin_loss")
def multilabel_soft_margin_loss_(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Binary cross entropy of logits input (N, C), averaged over classes; weight: (C,)."""
    reduction = reduction_of(reduction, size_average, reduce)
    from .activation import logsigmoid

    loss = -(target * logsigmoid.entry(input) + (1 - target) * logsigmoid.entry(-input))
    if weight is not None:
        loss = loss * weight
    d = input._a.ndim - 1
    return reduce_to(loss.sum(d) / input._a.shape[d], reduction)
