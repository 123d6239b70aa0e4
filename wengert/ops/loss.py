"""Losses against classes, and the commonest between arrays; how losses are reduced.

What lives here: each loss as one op, reduction included, with one backward word. Backward words are
composites: libraries run the fused kernel (`arrays/losses.py`); recorded backward passes run the
body. What does not: margin and distance losses (`margin.py`), CTC (`ctc.py`).
"""

from __future__ import annotations

import warnings
from typing import Any

from ..engine.kinds import composite, opaque
from ..engine.op import primitive, public
from ..engine.tensor import Tensor
from .activation import F, log_softmax
from .join import joint_dtype

REDUCTIONS = frozenset(("mean", "sum", "none"))


def reduction_of(reduction: Any, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction, also from the old arguments, checked."""
    if size_average is not None or reduce is not None:
        average, whole = (True if v is None else v for v in (size_average, reduce))
        reduction = ("mean" if average else "sum") if whole else "none"
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in REDUCTIONS:
        if reduction == "elementwise_mean":
            warnings.warn(
                "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
                stacklevel=3,
            )
            return "mean"
        raise ValueError(
            f"{reduction} is not a valid value for reduction: use 'mean', 'sum' or 'none'"
        )
    return reduction


NUMBERED = ("none", "mean", "sum")  # PyTorch's numbers for reductions, in functions of torch itself


def numbered(reduction: int) -> str:
    """The reduction of a number."""
    if reduction not in (0, 1, 2):
        raise ValueError(
            f"{reduction} is not a valid value for reduction: use 0 (none), 1 (mean) or 2 (sum)"
        )
    return NUMBERED[reduction]


def reduce_to(losses: Any, reduction: str) -> Any:
    """Losses of elements, reduced."""
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def tensors(name: str, **arguments: Any) -> None:
    """TypeError for arguments that are not Tensors."""
    for i, (k, t) in enumerate(arguments.items(), 1):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{name}(): argument '{k}' (position {i}) must be Tensor, not {type(t).__name__}"
            )


# ------------------------------------------------------------------------------------- classes


@primitive(
    opaque,
    types="any",
    hidden="e s total",
    inputs=3,
    optional="weight",
    public=False,
    method=False,
    node="NllLossBackward0",
)
def cross_entropy(xp, x, target, weight, reduction="mean", ignore=-100, smoothing=0.0):
    """Loss of logits x (N, C, ...) or (C,) against the indices of classes (N, ...) or ()."""


def one_hot_of(xp: Any, x: Any, target: Any) -> tuple[Any, int]:
    """(target as zeros and ones shaped like x, the dimension of the classes)."""
    dim = 0 if x.ndim == 1 else 1
    c = x.shape[dim]
    classes = xp.reshape(xp.arange(0, c, 1, target.dtype), (c, *(1,) * (x.ndim - dim - 1)))
    return xp.astype(xp.eq(xp.unsqueeze(target, dim), classes), x.dtype), dim


@primitive(composite, public=False, method=False)
def cross_entropy_backward(
    xp, g, x, target, weight, e, s, total, reduction="mean", ignore=-100, smoothing=0.0
):
    """Gradient of cross_entropy's logits."""
    q, dim = one_hot_of(xp, x, target)
    kept = xp.astype(xp.unsqueeze(xp.ne(target, ignore), dim), x.dtype)
    w = None if weight is None else xp.reshape(weight, (-1, *(1,) * (x.ndim - dim - 1)))
    part = q if w is None else q * w
    if smoothing:
        part = part * (1 - smoothing) + (
            smoothing / x.shape[dim] if w is None else w * (smoothing / x.shape[dim])
        )
    part = part * kept
    g = xp.unsqueeze(g, dim) if reduction == "none" else g / total if reduction == "mean" else g
    return g * (xp.softmax(x, dim) * xp.sum(part, dim, True) - part)


cross_entropy.vjp(
    x=lambda xp, g, x, target, weight, e, s, total, reduction, ignore, smoothing: (
        xp.cross_entropy_backward(g, x, target, weight, e, s, total, reduction, ignore, smoothing)
    )
)


def target_shapes(input: Tensor, target: Tensor, weight: Any) -> None:
    """The checks of class indices that losses over classes share."""
    s, t = input._a.shape, target._a.shape
    if len(s) == 0:
        raise ValueError(
            f"Expected 1 or more dimensions (got {len(s)}): the input needs a dimension of classes"
        )
    if len(s) == 1:
        if len(t):
            raise RuntimeError(
                f"nll_loss: an input of shape {list(s)} (classes without batch) needs a 0-d "
                "target, got shape "
                f"{list(t)}"
            )
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


@F(name="cross_entropy")
def cross_entropy_(
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
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    tensors("cross_entropy_loss", input=input, target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.dtype.category == 2 and input._a.shape == target._a.shape:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    target_shapes(input, target, weight)
    return cross_entropy.entry(input, target, weight, reduction, ignore_index, label_smoothing)


def soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float
) -> Tensor:
    """cross_entropy against probabilities."""
    dim = 0 if input._a.ndim == 1 else 1
    c = input._a.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / c
    terms = log_softmax.entry(input, dim) * target
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
    public=False,
    method=False,
    node="NllLossBackward0",
)
def nll_loss(xp, x, target, weight, reduction="mean", ignore=-100):
    """Loss of log-probabilities x (N, C, ...) or (C,) against classes (N, ...) or ()."""


@primitive(composite, public=False, method=False)
def nll_loss_backward(xp, g, x, target, weight, total, reduction="mean", ignore=-100):
    """Gradient of nll_loss's log-probabilities."""
    q, dim = one_hot_of(xp, x, target)
    if weight is not None:
        q = q * xp.reshape(weight, (-1, *(1,) * (x.ndim - dim - 1)))
    q = q * xp.astype(xp.unsqueeze(xp.ne(target, ignore), dim), x.dtype)
    g = xp.unsqueeze(g, dim) if reduction == "none" else g / total if reduction == "mean" else g
    return -g * q


nll_loss.vjp(
    x=lambda xp, g, x, target, weight, total, reduction, ignore: xp.nll_loss_backward(
        g, x, target, weight, total, reduction, ignore
    )
)


@F(name="nll_loss")
def nll_loss_(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """Minus the log-probability of the target class.

    input: log-probabilities (N, C, ...) or (C,), target: (N, ...) or (), weight: (C,).
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("nll_loss", input=input, target=target)
    target_shapes(input, target, weight)
    return nll_loss.entry(input, target, weight, reduction, ignore_index)


# --------------------------------------------------------------------------- element by element


def arriving(xp: Any, g: Any, x: Any, reduction: str) -> Any:
    """What arrives at each element of a reduced loss."""
    if reduction != "mean":
        return g
    n = 1
    for s in x.shape:
        n *= s
    return g / n


@primitive(opaque, types="promote", hidden="d", public=False, method=False)
def mse_loss(xp, x, y, reduction="mean"):
    """(x - y) ** 2, reduced."""


@primitive(composite, public=False, method=False)
def mse_loss_backward(xp, g, x, y, d, reduction="mean"):
    """Gradient of mse_loss's x."""
    return (x - y) * (2 * arriving(xp, g, x, reduction))


def _mse_loss(xp: Any, g: Any, x: Any, y: Any, d: Any, reduction: str, needs: Any) -> Any:
    gx = xp.mse_loss_backward(g, x, y, d, reduction)
    return gx, -gx if needs[1] else None


mse_loss.vjp_all(_mse_loss)


def same_size(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """input and target in one shape; a warning if they had to be broadcast."""
    if input._a.shape == target._a.shape:
        return input, target
    warnings.warn(
        f"{name}: Using a target size ({target.shape}) that is different to the input size "
        f"({input.shape}). This will "
        "likely lead to incorrect results due to broadcasting. Please ensure they have the same "
        "size.",
        stacklevel=3,
    )
    return broadcast(input, target)


def broadcast(*ts: Tensor) -> tuple[Tensor, ...]:
    """Tensors expanded to their common shape."""
    from .shape import expand_

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
    return tuple([t if tuple(t._a.shape) == tuple(shape) else expand_(t, *shape) for t in ts])


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


@F(name="mse_loss")
def mse_loss_(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target) ** 2: the mean, the sum, or of each element.

    >>> F.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    tensors("mse_loss", input=input, target=target)
    if input._a.shape != target._a.shape:
        input, target = same_size("mse_loss", input, target)
    if weight is not None:
        return weighted(input, mse_loss.entry(input, target, "none"), weight, reduction)
    return mse_loss.entry(input, target, reduction)


@F(name="l1_loss")
def l1_loss_(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|: the mean, the sum, or of each element."""
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("l1_loss", input=input, target=target)
    input, target = same_size("l1_loss", input, target)
    losses = (input - target).abs()
    if weight is not None:
        return weighted(input, losses, weight, reduction)
    return reduce_to(losses, reduction)


@primitive(
    opaque,
    types="any",
    inputs=3,
    optional="weight",
    public=False,
    method=False,
    node="BinaryCrossEntropyBackward0",
)
def bce_loss(xp, x, y, weight, reduction="mean"):
    """-(y log x + (1 - y) log(1 - x)), reduced; logarithms are at least -100."""


@primitive(composite, public=False, method=False)
def bce_loss_backward(xp, g, x, y, weight, reduction="mean"):
    """Gradient of bce_loss's x."""
    gx = arriving(xp, g, x, reduction) * (x - y) / xp.clamp_scalar((1 - x) * x, 1e-12, None)
    return gx if weight is None else gx * weight


def _bce_loss_y(xp: Any, g: Any, x: Any, weight: Any, reduction: str) -> Any:
    odds = xp.clamp_scalar(xp.log1p(-x), -100, None) - xp.clamp_scalar(xp.log(x), -100, None)
    gy = arriving(xp, g, x, reduction) * odds
    return gy if weight is None else gy * weight


bce_loss.vjp(
    x=lambda xp, g, x, y, weight, reduction: xp.bce_loss_backward(g, x, y, weight, reduction),
    y=_bce_loss_y,
)


@F(name="binary_cross_entropy")
def bce_loss_(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities; weight broadcasts."""
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("binary_cross_entropy", input=input, target=target)
    if tuple(target._a.shape) != tuple(input._a.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"Found dtype {target.dtype} but expected {input.dtype}: convert the target with "
            ".to(input.dtype)"
        )
    if weight is not None:
        from .shape import expand_

        weight = expand_(weight, *input._a.shape)
    return bce_loss.entry(input, target, weight, reduction)


@primitive(
    opaque,
    types="any",
    inputs=4,
    optional="weight pos_weight",
    public=False,
    method=False,
    node="BinaryCrossEntropyWithLogitsBackward0",
)
def bce_logits(xp, x, y, weight, pos_weight, reduction="mean"):
    """bce_loss of sigmoid(x), reduced; pos_weight multiplies the term of y."""


@primitive(composite, public=False, method=False)
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


bce_logits.vjp(
    x=lambda xp, g, x, y, weight, pos_weight, reduction: xp.bce_logits_backward(
        g, x, y, weight, pos_weight, reduction
    ),
    y=_bce_logits_y,
)


@F(name="binary_cross_entropy_with_logits")
def bce_logits_(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Binary cross entropy of sigmoid(input), without its rounding.

    weight broadcasts; pos_weight multiplies the term of the positives.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tensors("binary_cross_entropy_with_logits", input=input, target=target)
    if tuple(target._a.shape) != tuple(input._a.shape):
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    if input.dtype.category < 2:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {input.dtype}: convert "
            "the logits with "
            ".float()"
        )
    if target.dtype is not input.dtype:
        d = joint_dtype([input, target])
        input, target = input.to(d), target.to(d)
    if weight is not None or pos_weight is not None:
        broadcast(*[t for t in (input, weight, pos_weight) if t is not None])
    return bce_logits.entry(input, target, weight, pos_weight, reduction)


@public(name="binary_cross_entropy_with_logits", method=False)
def torch_bce_logits(input, target, weight=None, pos_weight=None, reduction=1):
    """F.binary_cross_entropy_with_logits with a numbered reduction (0 none, 1 mean, 2 sum)."""
    return bce_logits_(input, target, weight, reduction=numbered(reduction), pos_weight=pos_weight)
