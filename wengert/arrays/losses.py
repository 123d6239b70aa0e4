"""Loss functions and their gradients in few passes over memory. First argument: the library.

What lives here: the fast form of words whose meaning is the body of the op of that name
(`ops/loss.py`).

Classes are in dimension 1 of (N, C, ...), or alone in (C,). A reduction is "mean", "sum" or "none".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import EXACT, LOW, exponentials
from .normalization import row_sums, wide

__all__ = [
    "cross_entropy",
    "cross_entropy_backward",
    "nll_loss",
    "nll_loss_backward",
    "mse_loss",
    "mse_loss_backward",
    "bce_loss",
    "bce_loss_backward",
    "bce_logits",
    "bce_logits_backward",
    "multilabel_margin",
    "multilabel_margin_backward",
    "x_log_x",
]


def floating(name: str, x: Any) -> None:
    if x.dtype.kind != "f" and x.dtype not in LOW:
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{x.dtype}': it takes floating point tensors, convert "
            "with .float()"
        )


# ------------------------------------------------------------------------------------- classes


def lines(x: Any) -> Any:
    """Logits as (N, C) or (N, C, L)."""
    nd = x.ndim
    return (
        x if nd in (2, 3) else x[None] if nd == 1 else x.reshape(*x.shape[:2], -1 if x.size else 0)
    )


def per_line(t: Any, nd: int) -> Any:
    """Targets (or gradients of losses) as (N,) or (N, L), for logits of nd dimensions."""
    return t if nd in (2, 3) else t[None] if nd == 1 else t.reshape(t.shape[0], -1 if t.size else 0)


def class_sums(lib: Any, x: Any) -> Any:
    """Sums over the classes."""
    return row_sums(lib, x) if x.ndim == 2 else lib.add.reduce(x, 1)


def chosen(lib: Any, target: Any, classes: int, ignore: int) -> tuple[Any, Any]:
    """(targets with 0 for the ignored ones, mask of the others or None if none is ignored).

    IndexError for targets beyond the classes.
    """
    bits = (
        target.view(np.uint64)
        if target.dtype == np.int64
        else target.astype(np.int64).view(np.uint64)
    )
    if not target.size or int(bits.max()) < classes and not 0 <= ignore < classes:
        return target, None
    kept = target != ignore
    clean = lib.where(kept, target, 0)
    if clean.size and (int(clean.max()) >= classes or int(clean.min()) < 0):
        bad = clean[(clean >= classes) | (clean < 0)][0]
        raise IndexError(
            f"Target {bad} is out of bounds: there are {classes} classes, so targets are 0 to "
            f"{classes - 1}"
            + (f" or ignore_index={ignore}" if ignore < 0 or ignore >= classes else "")
        )
    return clean, None if kept.all() else kept


def places(lib: Any, target: Any) -> tuple[Any, ...]:
    """The index of each target's own entry in (N, C) or (N, C, L)."""
    n = lib.arange(target.shape[0])
    return (n, target) if target.ndim == 1 else (n[:, None], target, lib.arange(target.shape[1]))


def class_weights(weight: Any, ndim: int) -> Any:
    return weight if ndim == 2 else weight[:, None]


def reduced(
    lib: Any, losses: Any, total: Any, reduction: str, dtype: Any, shape: Any = None
) -> Any:
    """A loss from each sample's; the mean is their sum divided by total.

    Unreduced losses get the given shape.
    """
    if reduction == "none":
        losses = losses.astype(dtype, copy=False)
        return losses if shape is None else losses.reshape(shape)
    out = lib.add.reduce(losses.reshape(-1))
    if reduction == "mean":
        out = lib.true_divide(out, total)
    return lib.asarray(out, dtype)


def sample_weights(lib: Any, x: Any, target: Any, weight: Any, kept: Any) -> tuple[Any, Any]:
    """(weight of each sample or None for ones, their sum)."""
    w = None
    if weight is not None:
        w = weight[target]
        if kept is not None:
            w = w * kept
    elif kept is not None:
        w = kept.astype(x.dtype)
    return w, lib.asarray(x.dtype.type(target.size) if w is None else lib.add.reduce(w.reshape(-1)))


def cross_entropy(
    lib: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    ignore: int = -100,
    smoothing: float = 0.0,
) -> Any:
    """(loss of logits x against class indices, exp of shifted logits, their sums, total weight)."""
    floating("log_softmax", x)
    dtype, shape = x.dtype, target.shape
    target = per_line(target, x.ndim)
    x, weight = lines(wide(x)), wide(weight)
    target, kept = chosen(lib, target, x.shape[1], ignore)
    at = places(lib, target)
    if not x.size:
        return (
            reduced(lib, x.sum(1), x.dtype.type(target.size), reduction, dtype, shape),
            x,
            x.sum(1),
            x.sum(),
        )
    e, s, shift = exponentials(lib, x, 1, EXACT)
    s = s[:, 0]
    log = lib.log(s)
    losses = log - x[at] if shift is None else log - (x[at] - shift[:, 0])
    if smoothing:
        z = x if shift is None else x - shift
        others = class_sums(lib, z if weight is None else z * class_weights(weight, x.ndim))
    w, total = sample_weights(lib, x, target, weight, kept)
    if w is not None:
        losses *= w
    if smoothing:
        classes = x.dtype.type(x.shape[1]) if weight is None else weight.sum()
        others = log * classes - others
        if kept is not None:
            others *= kept
        losses = losses * x.dtype.type(1 - smoothing) + others * x.dtype.type(
            smoothing / x.shape[1]
        )
    return reduced(lib, losses, total, reduction, dtype, shape), e, s, total


def cross_entropy_backward(
    lib: Any,
    g: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    e: Any = None,
    s: Any = None,
    total: Any = None,
    reduction: str = "mean",
    ignore: int = -100,
    smoothing: float = 0.0,
) -> Any:
    """Gradient of the logits: softmax minus the target, scaled."""
    dtype, shape = x.dtype, x.shape
    g, weight, target = wide(g), wide(weight), per_line(target, x.ndim)
    if reduction == "none":
        g = per_line(g, x.ndim)
    elif reduction == "mean":
        g = g / total
    x = lines(x)
    target, kept = chosen(lib, target, x.shape[1], ignore)
    at = places(lib, target)
    w, _ = sample_weights(lib, e, target, weight, kept)
    c = g if w is None else w * g  # the loss of a sample is c times minus its log-probability
    part = c * e.dtype.type(1 - smoothing) if smoothing else c
    whole = part
    if smoothing:
        even = g * e.dtype.type(smoothing / x.shape[1])
        if kept is not None:
            even = even * kept
        whole = part + even * (e.dtype.type(x.shape[1]) if weight is None else weight.sum())
    factor = lib.true_divide(whole, s)
    out = e * factor[:, None]
    out[at] -= part
    if smoothing:
        spread = lib.broadcast_to(even, s.shape)[:, None]
        out -= spread if weight is None else spread * class_weights(weight, x.ndim)
    out = out.reshape(shape)
    return out.astype(dtype) if dtype in LOW else out


def nll_loss(
    lib: Any, x: Any, target: Any, weight: Any = None, reduction: str = "mean", ignore: int = -100
) -> Any:
    """(loss of log-probabilities x against class indices, total weight)."""
    floating("nll_loss", x)
    shape, target, x = target.shape, per_line(target, x.ndim), lines(x)
    target, kept = chosen(lib, target, x.shape[1], ignore)
    losses = lib.negative(wide(x[places(lib, target)]))
    w, total = sample_weights(lib, losses, target, wide(weight), kept)
    if kept is not None:
        losses = lib.where(kept, losses, 0)  # an infinite one may be among the ignored
    if weight is not None:
        losses *= w
    return reduced(lib, losses, total, reduction, x.dtype, shape), total


def nll_loss_backward(
    lib: Any,
    g: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    total: Any = None,
    reduction: str = "mean",
    ignore: int = -100,
) -> Any:
    """Gradient of the log-probabilities: minus each sample's weight at its class."""
    shape, g, target = x.shape, wide(g), per_line(target, x.ndim)
    if reduction == "none":
        g = per_line(g, x.ndim)
    elif reduction == "mean":
        g = g / total
    x = lines(x)
    target, kept = chosen(lib, target, x.shape[1], ignore)
    out = lib.zeros(x.shape, x.dtype)
    w, _ = sample_weights(lib, g, target, wide(weight), kept)
    out[places(lib, target)] = lib.negative(g if w is None else w * g)
    return out.reshape(shape)


# --------------------------------------------------------------------------- element by element


def summed(lib: Any, losses: Any, reduction: str, dtype: Any) -> Any:
    return reduced(lib, losses, losses.dtype.type(losses.size), reduction, dtype)


def share(g: Any, n: int, reduction: str) -> Any:
    """What arrives at each element of a reduced loss."""
    return g / g.dtype.type(n) if reduction == "mean" else g


def mse_loss(lib: Any, x: Any, y: Any, reduction: str = "mean") -> Any:
    """(mean, sum or array of (x - y) ** 2, x - y)."""
    dtype = x.dtype
    d = lib.asarray(wide(x) - wide(y))
    if dtype.kind not in "fc" and dtype not in LOW:
        raise NotImplementedError(
            f"\"mse_cpu\" not implemented for '{dtype}': it takes floating point tensors, convert "
            "with .float()"
        )
    if reduction == "none" or dtype.kind == "c":
        return summed(lib, d * d, reduction, dtype), d
    flat = d.reshape(-1)
    out = lib.dot(flat, flat)
    return lib.asarray(out / d.dtype.type(d.size) if reduction == "mean" else out, dtype), d


def mse_loss_backward(
    lib: Any, g: Any, x: Any, y: Any, d: Any = None, reduction: str = "mean"
) -> Any:
    """Gradient of x; that of y is its negative."""
    gx = lib.asarray(d * share(wide(g) * 2, d.size, reduction))
    return gx.astype(x.dtype) if x.dtype in LOW else gx


def bce_loss(lib: Any, x: Any, y: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(y log x + (1 - y) log(1 - x)) with logarithms of at least -100."""
    floating("binary_cross_entropy", x)
    dtype = x.dtype
    x, y, weight = wide(x), wide(y), wide(weight)
    if x.size and not (lib.minimum.reduce(x, None) >= 0 and lib.maximum.reduce(x, None) <= 1):
        raise RuntimeError(
            "all elements of input should be between 0 and 1: pass probabilities (torch.sigmoid of "
            "logits), or use "
            "binary_cross_entropy_with_logits"
        )
    low = x.dtype.type(-100)
    a, b = lib.maximum(lib.log(x), low), lib.maximum(lib.log1p(-x), low)
    losses = lib.asarray((y - 1) * b - y * a)
    if weight is not None:
        losses *= weight
    return summed(lib, losses, reduction, dtype)


def bce_loss_backward(
    lib: Any, g: Any, x: Any, y: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Gradient of x."""
    dtype = x.dtype
    x, y, weight = wide(x), wide(y), wide(weight)
    out = lib.asarray((1 - x) * x)
    out = lib.true_divide(x - y, lib.maximum(out, x.dtype.type(1e-12)))
    if weight is not None:
        out = out * weight
    out = lib.asarray(out * share(wide(g), x.size, reduction))
    return out.astype(dtype) if dtype in LOW else out


def softplus_of_minus(lib: Any, x: Any) -> Any:
    """log(1 + exp(-x))."""
    out = lib.asarray(lib.absolute(x))
    lib.negative(out, out=out)
    lib.exp(out, out=out)
    lib.log1p(out, out=out)
    out -= lib.minimum(x, x.dtype.type(0))
    return out


def bce_logits(
    lib: Any, x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> Any:
    """bce_loss of sigmoid(x), without its rounding; pos_weight multiplies the term of y."""
    floating("binary_cross_entropy_with_logits", x)
    dtype = x.dtype
    x, y, weight, pos_weight = wide(x), wide(y), wide(weight), wide(pos_weight)
    out = softplus_of_minus(lib, x)
    if pos_weight is not None:
        out = out * ((pos_weight - 1) * y + 1)
    out += (1 - y) * x
    if weight is not None:
        out *= weight
    return summed(lib, out, reduction, dtype)


def bce_logits_backward(
    lib: Any,
    g: Any,
    x: Any,
    y: Any,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """Gradient of the logits x."""
    dtype = x.dtype
    x, y, weight, pos_weight = wide(x), wide(y), wide(weight), wide(pos_weight)
    s = lib.asarray(lib.exp(lib.negative(x)))
    s += 1
    s = lib.true_divide(x.dtype.type(1), s)
    if pos_weight is None:
        out = lib.asarray(s - y)
    else:
        t = pos_weight * y
        out = lib.asarray((t + 1 - y) * s - t)
    if weight is not None:
        out = out * weight
    out = lib.asarray(out * share(wide(g), x.size, reduction))
    return out.astype(dtype) if dtype in LOW else out


def x_log_x(lib: Any, x: Any) -> Any:
    """x log x, and 0 at 0."""
    y = wide(x)
    out = lib.asarray(y * lib.log(y + (y == 0)))
    return out.astype(x.dtype, copy=False)


# ------------------------------------------------------------------------------------- labels


def labels(lib: Any, x: Any, target: Any) -> tuple[Any, Any, Any]:
    """(which targets come before the first -1, targets with 0 for others, which classes are in)."""
    valid = lib.logical_and.accumulate(target >= 0, 1)
    clean = lib.where(valid, target, 0)
    if clean.size and int(clean.max()) >= x.shape[1] or (target < -1).any():
        raise RuntimeError(
            "argument #2 'target' is out of range: multilabel_margin_loss needs class indices of 0 "
            "to "
            f"{x.shape[1] - 1}, ended by -1"
        )
    among = lib.zeros(x.shape, bool)
    rows = lib.broadcast_to(lib.arange(x.shape[0])[:, None], target.shape)
    among[rows[valid], clean[valid]] = True
    return valid, clean, among


def margins(lib: Any, x: Any, target: Any) -> tuple[Any, Any]:
    """(1 - x[target] + x[other class] where positive, (N, targets, classes), targets)."""
    valid, clean, among = labels(lib, x, target)
    z = 1 - lib.take_along_axis(x, clean, 1)[:, :, None] + x[:, None, :]
    z *= valid[:, :, None]
    z *= ~among[:, None, :]
    return lib.maximum(z, 0, out=z), clean


def multilabel_margin(lib: Any, x: Any, target: Any, reduction: str = "mean") -> Any:
    """(hinge losses between target classes and the others, which classes are targets)."""
    floating("multilabel_margin_loss", x)
    dtype, shape = x.dtype, x.shape
    x2, t2 = (
        wide(x).reshape(-1, shape[-1] if shape else 1),
        target.reshape(-1, shape[-1] if shape else 1),
    )
    z, _ = margins(lib, x2, t2)
    losses = lib.add.reduce(z, (1, 2)) / x2.dtype.type(max(x2.shape[1], 1))
    return summed(lib, losses, reduction, dtype).reshape(
        shape[:1] if reduction == "none" and len(shape) > 1 else ()
    )


def multilabel_margin_backward(
    lib: Any, g: Any, x: Any, target: Any, reduction: str = "mean"
) -> Any:
    """Gradient of x."""
    dtype, shape = x.dtype, x.shape
    x2, t2 = (
        wide(x).reshape(-1, shape[-1] if shape else 1),
        target.reshape(-1, shape[-1] if shape else 1),
    )
    z, clean = margins(lib, x2, t2)
    active = lib.greater(z, 0).astype(x2.dtype)
    out = lib.add.reduce(active, 1)
    rows = lib.broadcast_to(lib.arange(x2.shape[0])[:, None], clean.shape)
    lib.subtract.at(out, (rows, clean), lib.add.reduce(active, 2))
    g = share(wide(g), x2.shape[0], reduction) / x2.dtype.type(max(x2.shape[1], 1))
    out *= g[:, None] if g.ndim else g
    return out.reshape(shape).astype(dtype, copy=False)
