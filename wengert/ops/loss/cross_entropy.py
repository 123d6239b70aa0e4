"""Losses against classes, and how losses are reduced.

What lives here: cross entropy and the like, each as one op with its reduction and one backward
word. Backward words are composites: libraries run the fused kernel (`arrays/loss.py`); recorded
backward passes run the body. What does not: losses between arrays (`regression.py`,
`likelihood.py`), margins (`margin.py`), CTC (`ctc.py`).
"""

from __future__ import annotations

from typing import Any

from ...base.advice import advise
from ...base.hints import hint
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import composite, opaque
from ...engine.op import primitive
from ...engine.op_modes import ACTIVE, runner
from ...engine.tensor import Tensor
from ..nn.activation import log_softmax_op
from ..node_facts import OF_CLASSES

REDUCTIONS = frozenset(("mean", "sum", "none"))


def reduction_of(reduction: Any, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction, also from the old arguments, checked."""
    if size_average is not None or reduce is not None:
        average, whole = (True if v is None else v for v in (size_average, reduce))
        reduction = ("mean" if average else "sum") if whole else "none"
        advise(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
        )
    if reduction not in REDUCTIONS:
        if reduction == "elementwise_mean":
            advise(
                "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            )
            return "mean"
        raise ValueError(
            f"{reduction} is not a valid value for reduction: use 'mean', 'sum' or 'none'"
        )
    return reduction


NUMBERED = ("none", "mean", "sum")  # PyTorch's numbers for reductions, in functions of torch itself


def numbered(reduction: int) -> str:
    """The reduction of a number; what is none of them reduces nothing."""
    return NUMBERED[reduction] if reduction in (1, 2) else "none"


def reduce_to(losses: Any, reduction: str) -> Any:
    """Losses of elements, reduced."""
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


# ------------------------------------------------------------------------------------- classes


@primitive(
    opaque,
    types="any",
    hidden="e s total",
    inputs=3,
    optional="weight",
    node="NllLossBackward0",
    name="cross_entropy",
    told=OF_CLASSES,
)
def cross_entropy_op(xp, x, target, weight, reduction="mean", ignore=-100, smoothing=0.0):
    """Loss of logits x (N, C, ...) or (C,) against the indices of classes (N, ...) or ()."""


def one_hot_of(xp: Any, x: Any, target: Any) -> tuple[Any, int]:
    """(target as zeros and ones shaped like x, the dimension of the classes)."""
    dim = 0 if x.ndim == 1 else 1
    c = x.shape[dim]
    classes = xp.reshape(xp.arange(0, c, 1, target.dtype), (c, *(1,) * (x.ndim - dim - 1)))
    return xp.astype(xp.eq(xp.unsqueeze(target, dim), classes), x.dtype), dim


@primitive(composite)
def cross_entropy_backward(
    xp, g, x, target, weight, e, s, total, reduction="mean", ignore=-100, smoothing=0.0
):
    """Gradient of cross_entropy's logits."""
    q, dim = one_hot_of(xp, x, target)
    chosen = xp.unsqueeze(xp.ne(target, ignore), dim)
    w = None if weight is None else xp.reshape(weight, (-1, *(1,) * (x.ndim - dim - 1)))
    part = q if w is None else q * w
    if smoothing:
        part = part * (1 - smoothing) + (
            smoothing / x.shape[dim] if w is None else w * (smoothing / x.shape[dim])
        )
    g = xp.unsqueeze(g, dim) if reduction == "none" else g / total if reduction == "mean" else g
    return xp.keep(g * (xp.softmax(x, dim) * xp.sum(part, dim, True) - part), chosen)


cross_entropy_op.vjp(
    x=lambda xp, g, x, target, weight, e, s, total, reduction, ignore, smoothing: (
        xp.cross_entropy_backward(g, x, target, weight, e, s, total, reduction, ignore, smoothing)
    )
)


def check_scores(input: Tensor) -> None:
    """Refuse integers where the scores of classes are wanted."""
    if not input.dtype.is_inexact:
        raise NotImplementedError(
            f"a loss of classes takes scores, not {input.dtype}: convert the input with .float(), "
            "or, if it holds the classes, give it as the target, in the second place"
        )


def target_shapes(input: Tensor, target: Tensor, weight: Any) -> Tensor:
    """The checks of class indices that losses over classes share; the target in input's form."""
    s, t = input._a.shape, target._a.shape
    if len(s) == 0:
        raise ValueError(
            f"Expected 1 or more dimensions (got {len(s)}): the input needs a dimension of classes"
        )
    if len(s) == 1:
        if len(t) > 1:
            raise RuntimeError(
                f"an input of shape {list(s)} (classes without batch) needs a 0-d target, got "
                f"shape {list(t)}"
            )
        if t not in ((), (1,)):
            raise ValueError(
                f"For 1D input, 1D target must have size 1, but got target size: {t[0]}"
            )
        target = target.reshape(())
    elif len(t) == 0 or s[0] != t[0]:
        raise ValueError(
            f"Expected input batch_size ({s[0]}) to match target batch_size ({t[0] if t else 1}): "
            "the shapes are "
            f"{list(s)} and {list(t)}"
        )
    elif tuple(s[2:]) != tuple(t[1:]):
        raise RuntimeError(
            f"Expected target size {[s[0], *s[2:]]}, got {list(t)}: the input has shape {list(s)}"
        )
    elif len(s) > 2 and len(s) != 4 and not s[1] and target._a.size:
        raise RuntimeError(f"size mismatch: the input {list(s)} has no classes to choose from")
    check_scores(input)
    if target.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype}: convert the class "
            "indices with "
            ".long()"
        )
    if weight is not None:
        c = s[0] if len(s) == 1 else s[1]
        if tuple(weight._a.shape) != (c,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {c} classes or no classes but got "
                "weight tensor "
                f"of shape: {list(weight._a.shape)}"
            )
        if weight.dtype is not input.dtype and input.dtype.itemsize > 2:
            raise RuntimeError(
                f"expected scalar type {input.dtype} but found {weight.dtype}: give the class "
                "weights the input's "
                "dtype"
            )
        if weight._n is not None:
            raise RuntimeError(
                "The function 'nll_loss_forward' is not differentiable with respect to argument "
                "'weight'. This "
                "input cannot have requires_grad True: pass weight.detach()"
            )
    return target


KNOWN = "reduction in ('mean', 'sum', 'none')"
# of rows of classes a0 and their targets a1
CLASSES = f"a0.ndim == 2 and a1.dtype is I64 and a1.shape == a0.shape[:1] and {KNOWN}"

# what comes from softmax goes to the function, which says so
NO_SOFTMAX = "(n0 is None or n0.op is None or n0.op.name != 'softmax')"


@public(
    "nn.functional.cross_entropy(Tensor input, Tensor target, Tensor? weight=None, "
    "any size_average=None, int ignore_index=-100, any reduce=None, "
    "str|any reduction='mean', float label_smoothing=0.0)",
    lines=(
        line(
            cross_entropy_op,
            floating=True,
            let={"ignore": "ignore_index", "smoothing": "label_smoothing"},
            when=f"a2 is None and 0 <= label_smoothing <= 1 and {CLASSES} and {NO_SOFTMAX}",
        ),
    ),
)
def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Cross entropy of logits input (N, C, ...) or (C,).

    target: indices of classes (N, ...) or (), or probabilities of input's shape. weight: of each
    class (C,).

    >>> F.cross_entropy(torch.zeros(1, 2), torch.tensor([0]))
    tensor(0.6931)
    """
    if input._n is not None:
        look_for_softmax(input._n)
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    if label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    label_smoothing = max(label_smoothing, 0.0)  # below 0 is no smoothing
    if input._a.shape == target._a.shape and target.dtype.is_floating_point:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    check_scores(input)
    target = target_shapes(input, target, weight)
    return cross_entropy_op.entry(input, target, weight, reduction, ignore_index, label_smoothing)


def look_for_softmax(n: Any) -> None:
    """Say that probabilities are given where scores are wanted."""
    if n.op is not None and n.op.name == "softmax":
        hint(
            "softmax before cross_entropy",
            "cross_entropy: the input comes from softmax, and cross_entropy takes a softmax itself:"
            " give it the scores as they are, else training is slow and probabilities are wrong",
        )


def soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float
) -> Tensor:
    """cross_entropy against probabilities."""
    if ACTIVE and runner(cross_entropy_op):  # a mode that would see single steps only
        input, target = (t.float() if t.dtype.itemsize < 4 else t for t in (input, target))
    dim = 0 if input._a.ndim == 1 else 1
    c = input._a.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / max(c, 1)
    terms = log_softmax_op.entry(input, dim) * target
    if weight is not None:
        if tuple(weight._a.shape) != (c,):
            raise RuntimeError(
                "cross_entropy: weight tensor should be defined either for all "
                f"{c} classes or no classes but got weight tensor of shape: {list(weight._a.shape)}"
            )
        terms = terms * weight.reshape(-1, *(1,) * (input._a.ndim - dim - 1))
    if reduction == "none":
        return -terms.sum(dim)
    total = -terms.sum()
    return total if reduction == "sum" else total / (input._a.size // max(c, 1))


@primitive(
    opaque,
    types="any",
    hidden="total",
    inputs=3,
    optional="weight",
    node="NllLossBackward0",
    name="nll_loss",
    told=OF_CLASSES,
)
def nll_loss_op(xp, x, target, weight, reduction="mean", ignore=-100):
    """Loss of log-probabilities x (N, C, ...) or (C,) against classes (N, ...) or ()."""


@primitive(composite)
def nll_loss_backward(xp, g, x, target, weight, total, reduction="mean", ignore=-100):
    """Gradient of nll_loss's log-probabilities."""
    q, dim = one_hot_of(xp, x, target)
    if weight is not None:
        q = q * xp.reshape(weight, (-1, *(1,) * (x.ndim - dim - 1)))
    chosen = xp.unsqueeze(xp.ne(target, ignore), dim)
    g = xp.unsqueeze(g, dim) if reduction == "none" else g / total if reduction == "mean" else g
    return xp.keep(-g * q, chosen)


nll_loss_op.vjp(
    x=lambda xp, g, x, target, weight, total, reduction, ignore: xp.nll_loss_backward(
        g, x, target, weight, total, reduction, ignore
    )
)


@public(
    "nn.functional.nll_loss(Tensor input, Tensor target, Tensor? weight=None, "
    "any size_average=None, int ignore_index=-100, any reduce=None, "
    "str|any reduction='mean')",
    lines=(
        line(
            nll_loss_op,
            floating=True,
            let={"ignore": "ignore_index"},
            when=f"a2 is None and {CLASSES}",
        ),
    ),
)
def nll_loss(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """Minus the log-probability of the target class.

    input: log-probabilities (N, C, ...) or (C,), target: (N, ...) or (), weight: (C,).

    >>> F.nll_loss(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    target = target_shapes(input, target, weight)
    return nll_loss_op.entry(input, target, weight, reduction, ignore_index)
