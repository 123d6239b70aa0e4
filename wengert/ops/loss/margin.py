"""Losses with margins: hinges, triplets, labels.

What lives here: losses that are a few public functions, and those of several labels with an op of
their own. What does not: distances (`ops/nn/distance.py`), soft margins (`regression.py`).
"""

from __future__ import annotations

from typing import Any

from ...declare.lines import line
from ...declare.registry import public
from ...engine import native
from ...engine.kinds import opaque
from ...engine.op import op, primitive
from ...engine.tensor import Tensor
from ..nn.activation import logsigmoid_op
from ..nn.distance import pairwise_distance
from ..nn.embedding import readable
from ..node_facts import REDUCED
from .cross_entropy import REDUCTIONS, numbered, one_hot_of, reduce_to, reduction_of
from .regression import in_single, narrowed, reduced


def at_least(x: Tensor, low: float) -> Tensor:
    """x, or low where x is below it."""
    return x.clamp(min=low)


# ------------------------------------------------------------------------------------- hinges


@public(
    "nn.functional.hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, "
    "any size_average=None, any reduce=None, str|any reduction='mean')",
    whole=True,
)
def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """input where target is 1, max(0, margin - input) where it is -1.

    >>> F.hinge_embedding_loss(torch.tensor([0.3, 0.3]), torch.tensor([1, -1]), reduction="none")
    tensor([0.3000, 0.7000])
    """
    return hinges(input, target, margin, reduction_of(reduction, size_average, reduce))


def hinges(input: Tensor, target: Tensor, margin: float, reduction: str) -> Tensor:
    """hinge_embedding_loss in the dtype of input, also of integers."""
    whole = not input.dtype.is_inexact
    if reduction == "mean" and whole:
        raise RuntimeError(
            "mean(): could not infer output dtype. hinge_embedding_loss takes floating input for a"
            f" mean, got {input.dtype}: convert with .float()"
        )
    hinge = ((int(margin) if whole else margin) - input).clamp(min=0)
    zero = input.new_zeros(())
    return reduce_to(hinge.where(target != 1, zero) + input.where(target != -1, zero), reduction)


@public(
    "hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, int reduction=0)",
    method=False,
    whole=True,
)
def torch_hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """F.hinge_embedding_loss with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> torch.hinge_embedding_loss(torch.tensor([0.5]), torch.tensor([-1.]), reduction=1)
    tensor(0.5000)
    """
    return hinges(input, target, margin, numbered(reduction))


@public(
    "nn.functional.margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, "
    "float margin=0, any size_average=None, any reduce=None, str|any reduction='mean')",
    whole=True,
)
def margin_ranking_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """max(0, margin - target * (input1 - input2)): target 1 wants input1 larger, -1 input2.

    >>> F.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if not input1._a.ndim == input2._a.ndim == target._a.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            "input1: "
            f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduce_to(ranked(input1, input2, target, margin), reduction)


def ranked(input1: Tensor, input2: Tensor, target: Tensor, margin: float) -> Tensor:
    """The terms of margin_ranking_loss."""
    return at_least(-target * (input1 - input2) + margin, 0)


@public(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, "
    "float margin=0.0, int reduction=0)",
    method=False,
    whole=True,
)
def torch_margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """F.margin_ranking_loss with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> x, y = torch.tensor([1.]), torch.tensor([2.])
    >>> torch.margin_ranking_loss(x, y, torch.tensor([1.]), reduction=1)
    tensor(1.)
    """
    return reduce_to(ranked(input1, input2, target, margin), numbered(reduction))


@public(
    "nn.functional.cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, "
    "float margin=0, any size_average=None, any reduce=None, str|any reduction='mean')",
    whole=True,
)
def cosine_embedding_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """1 - cosine where target is 1, max(0, cosine - margin) where it is -1.

    Inputs are (N, D) with a target (N,), or (D,) with ().

    >>> F.cosine_embedding_loss(torch.eye(2), torch.ones(2, 2), torch.tensor([1, -1]))
    tensor(0.5000)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    nd, n1, n2 = target._a.ndim, input1._a.ndim, input2._a.ndim
    if nd > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not n1 == n2 == nd + 1:
        raise RuntimeError(
            f"{nd}D target tensor expects {nd + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} "
            f"and {list(input2.shape)}."
        )
    # smoothed norms, unlike cosine_similarity: a zero vector gives no nan
    dot = (input1 * input2).sum(nd)
    m1, m2 = ((x * x).sum(nd) + 1e-12 for x in (input1, input2))
    cosine = dot / (m1 * m2).sqrt()
    zero = cosine.new_zeros(())
    loss = (1 - cosine).where(target == 1, zero) + at_least(cosine - margin, 0).where(
        target == -1, zero
    )
    return reduce_to(loss, reduction)


@public(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, "
    "float margin=0.0, int reduction=0)",
    method=False,
    whole=True,
)
def torch_cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """F.cosine_embedding_loss with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> x, y = torch.tensor([[1., 0.]]), torch.tensor([[0., 1.]])
    >>> torch.cosine_embedding_loss(x, y, torch.tensor([1]), reduction=1)
    tensor(1.)
    """
    return cosine_embedding_loss(input1, input2, target, margin, reduction=numbered(reduction))


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


@public(
    "nn.functional.triplet_margin_loss(Tensor anchor, Tensor positive, "
    "Tensor negative, float margin=1.0, float p=2, float eps=1e-06, bool swap=False, "
    "any size_average=None, any reduce=None, str|any reduction='mean')",
    whole=True,
)
def triplet_margin_loss(
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

    >>> F.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
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


@public(
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, "
    "float margin=1.0, float p=2, float eps=1e-06, bool swap=False, "
    "int reduction=0)",
    method=False,
    whole=True,
)
def torch_triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, reduction=0
):
    """F.triplet_margin_loss with a numbered reduction: 0 none, 1 mean, 2 sum.

    >>> a, p, n = torch.tensor([[0.]]), torch.tensor([[1.]]), torch.tensor([[3.]])
    >>> torch.triplet_margin_loss(a, p, n, reduction=1)
    tensor(0.)
    """
    return triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=numbered(reduction)
    )


@public(
    "nn.functional.triplet_margin_with_distance_loss(Tensor anchor, Tensor positive, "
    "Tensor negative, *, any distance_function=None, float margin=1.0, "
    "bool|any swap=False, str|any reduction='mean')"
)
def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """max(0, margin + distance to positive - distance to negative), with any distance.

    >>> F.triplet_margin_with_distance_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.)
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return triplet(
        anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction
    )


# ------------------------------------------------------------------------------------- classes


@op(opaque, types="any", inputs=3, optional="weight", name="multi_margin_loss", told=REDUCED)
def multi_margin_loss_op(xp, x, target, weight, p=1, margin=1.0, reduction="mean"):
    """Hinge losses of the other classes against the target's, averaged over classes."""
    single = not target.ndim  # one example, even in a batch of one
    low, x = in_single(xp, *_rows(xp, x))
    target = xp.unsqueeze(target, 1) if target.ndim else xp.reshape(target, (1, 1))
    others = xp.ne(target, xp.arange(0, x.shape[1], 1, target.dtype))
    h = margin - xp.gather(x, target, 1) + x
    h = xp.where(xp.logical_and(others, xp.gt(h, 0)), h, xp.zeros_like(h))  # nan is not
    h = h if p == 1 else h * h
    if weight is not None:
        w = xp.expand(in_single(xp, weight)[1], tuple(x.shape))
        h = h * xp.gather(w, target, 1)
    losses = xp.sum(h, 1) / x.shape[1]
    if single and reduction == "none":
        losses = xp.reshape(losses, ())
    return narrowed(xp, reduced(xp, losses, reduction), low)


def _rows(xp: Any, x: Any) -> tuple[Any]:
    """(N, C) as it is, (C,) and () as one row."""
    return (x if x.ndim == 2 else xp.reshape(x, (1, -1)),)


def own(xp: Any, x: Any, q: Any) -> Any:
    """The elements of x where q is 1, infinite ones too; one in each row."""
    return xp.sum(xp.where(xp.eq(q, 0), xp.zeros_like(x), x), 1, True)


def _multi_margin(
    xp: Any, g: Any, x: Any, target: Any, weight: Any, p: int, margin: float, reduction: str
) -> Any:
    shape = tuple(x.shape)
    low, x = in_single(xp, *_rows(xp, x))
    if not target.ndim:
        target = xp.reshape(target, (1,))
    if reduction == "none" and not g.ndim:
        g = xp.reshape(g, (1,))
    q, _ = one_hot_of(xp, x, target)
    z = margin - own(xp, x, q) + x
    zero, others = xp.zeros_like(z), xp.eq(q, 0)
    slope = xp.where(xp.logical_and(others, xp.gt(z, 0)), zero + 1 if p == 1 else z * 2, zero)
    if weight is not None:
        slope = slope * xp.sum(q * in_single(xp, weight)[1], 1, True)
    slope = xp.where(others, slope, -xp.sum(slope, 1, True))
    n, c = x.shape
    slope = slope * (
        g / (n * c)
        if reduction == "mean"
        else g / c
        if reduction == "sum"
        else xp.unsqueeze(g, 1) / c
    )
    return slope if len(shape) == 2 else xp.reshape(slope, shape)


multi_margin_loss_op.vjp(x=_multi_margin)


def outside(target: Tensor, c: int) -> bool:
    """Whether a class is not one of c."""
    a = target._a
    return readable(target) and a.size and not (int(a.min()) >= 0 and int(a.max()) < c)


NAMED = "size_average is None and reduce is None and reduction in ('mean', 'sum', 'none')"
CLASSES = "a2 is None and a0.ndim < 3 and a0.size and a1.ndim < 2 and a1.dtype is I64"
CLASSES += " and a1.size == (a0.shape[0] if a0.ndim == 2 else 1) and a1.__class__ in HOSTED"
CLASSES += " and 0 <= a1.item(a1.view(U64).argmax()) < (a0.shape[-1] if a0.ndim else 1)"


@public(
    "nn.functional.multi_margin_loss(Tensor input, Tensor target, any p=1, "
    "float margin=1.0, Tensor? weight=None, any size_average=None, "
    "any reduce=None, str|any reduction='mean')",
    lines=(line(multi_margin_loss_op, True, given=f"p in (1, 2) and {NAMED}", when=CLASSES),),
)
def multi_margin_loss(
    input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Hinge losses of the other classes against the target's, averaged over classes.

    Each goes to the power p, 1 or 2.

    input: (N, C) or (C,), target: (N,) or (), weight: of each class (C,).

    >>> F.multi_margin_loss(torch.tensor([[0.0, 0.5]]), torch.tensor([0]))
    tensor(0.7500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
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
    if not native.within(target, 0, c) and outside(target, c):
        raise RuntimeError(
            f"target out of range: multi_margin_loss needs class indices of 0 to {c - 1}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"multi_margin_loss\" not implemented for '{input.dtype}': it takes floating point "
            "tensors"
        )
    return multi_margin_loss_op.entry(input, target, weight, p, margin, reduction)


@primitive(opaque, types="any", inputs=2, node="MultilabelMarginLossBackward0", told=REDUCED)
def multilabel_margin(xp, x, target, reduction="mean"):
    """Hinge losses between target classes and the others."""


@primitive(opaque, types="any", inputs=3, told=REDUCED)
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


LABELS = "a0.ndim < 3 and a0.size and a1.shape == a0.shape and a1.dtype is I64"


@public(
    "nn.functional.multilabel_margin_loss(Tensor input, Tensor target, "
    "any size_average=None, any reduce=None, str|any reduction='mean')",
    lines=(line(multilabel_margin, True, given=NAMED, when=LABELS),),
)
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Hinge losses between each target class and each other class, over the number of classes.

    input: (N, C) or (C,); target: of the same shape, classes and then -1.

    >>> F.multilabel_margin_loss(torch.tensor([0.0, 0.5]), torch.tensor([0, -1]))
    tensor(0.7500)
    """
    reduction = reduction_of(reduction, size_average, reduce)
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
    if target.dtype.name != "int64":
        raise RuntimeError(f"multilabel_margin_loss: expected an int64 target, got {target.dtype}")
    return multilabel_margin.entry(input, target, reduction)


@public(
    "nn.functional.multilabel_soft_margin_loss(Tensor input, any target, "
    "Tensor|Scalar? weight=None, any size_average=None, any reduce=None, "
    "str reduction='mean')"
)
def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Binary cross entropy of logits input (N, C), averaged over classes; weight: (C,).

    >>> F.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = -(target * logsigmoid_op.entry(input) + (1 - target) * logsigmoid_op.entry(-input))
    if weight is not None:
        loss = loss * weight
    d = input._a.ndim - 1
    return reduce_to(loss.sum(d) / input._a.shape[d], reduction)
