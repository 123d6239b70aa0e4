"""Loss functions and their gradients in few passes over memory. First argument: the library.

What lives here: the fast form of words whose meaning is the body of the op of that name
(`ops/loss/cross_entropy.py`, `ops/loss/margin.py`).

Classes are in dimension 1 of (N, C, ...), or alone in (C,). A reduction is "mean", "sum" or
"none". Half precision is computed in float32; residuals are then float32 too.
"""

from __future__ import annotations

import functools
from typing import Any

from .activation import EXACT, exponentials, ones
from .capabilities import ON_HOST, poisoned
from .normalization import widened
from .numpy_direct import library as np
from .numpy_fast_paths import F32, F64, I64, LONGEST, number, starts
from .numpy_fast_paths import mean as mean_of
from .numpy_fast_paths import ones as kept_ones
from .numpy_fast_paths import sum as add_rows

U64, ZERO = np.dtype(np.uint64), np.asarray(0.0, F32)

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


# --------------------------------------------------------------------------- classes


def lines(x: Any) -> Any:
    """Logits as (N, C) or (N, C, L)."""
    nd = x.ndim
    if nd in (2, 3):
        return x
    return x[None] if nd == 1 else x.reshape(*x.shape[:2], -1 if x.size else 0)


def per_line(t: Any, nd: int) -> Any:
    """Targets (or gradients of losses) as (N,) or (N, L), for logits of nd dimensions."""
    if nd in (2, 3):
        return t
    return t[None] if nd == 1 else t.reshape(t.shape[0], -1 if t.size else 0)


def chosen(lib: Any, target: Any, classes: int, ignore: int) -> tuple[Any, Any, Any]:
    """(targets with 0 for the ignored ones, mask of the others or None if none is ignored, mask of
    those beyond the classes or None if there are none).

    IndexError for targets beyond the classes, on the CPU.
    """
    if target.dtype.itemsize < 8:
        target = target.astype(np.int64)
    if lib not in ON_HOST:
        kept = target != ignore
        inside = (target >= 0) & (target < classes)
        return lib.where(kept & inside, target, 0), kept, kept & ~inside
    # a negative number, read as unsigned, is larger than any class
    inside = not target.size or lib.maximum.reduce(target.view(np.uint64), None) < classes
    if inside and not 0 <= ignore < classes:
        return target, None, None
    kept = target != ignore
    clean = lib.where(kept, target, 0)
    wrong = kept & ((clean >= classes) | (clean < 0))
    if wrong.any():
        raise IndexError(
            f"Target {clean[wrong][0]} is out of bounds: there are {classes} classes, so targets"
            f" are 0 to {classes - 1}"
            + (f" or ignore_index={ignore}" if not 0 <= ignore < classes else "")
        )
    return clean, None if kept.all() else kept, None


def places(lib: Any, target: Any) -> tuple[Any, ...]:
    """The index of each target's own entry in (N, C) or (N, C, L)."""
    n = lib.arange(target.shape[0])
    if target.ndim == 1:
        return n, target
    return n[:, None], target, lib.arange(target.shape[1])


def total_of(lib: Any, a: Any) -> Any:
    """Sum of the elements of a float array."""
    a = a.reshape(-1)
    return lib.dot(a, ones(lib, a.size, a.dtype))


def reduced(lib: Any, losses: Any, total: Any, reduction: str, shape: Any = None) -> Any:
    """A loss from each sample's; the mean is their sum divided by total.

    Unreduced losses get the given shape.
    """
    if reduction == "none":
        return losses if shape is None else losses.reshape(shape)
    out = total_of(lib, losses)
    return lib.asarray(lib.true_divide(out, total) if reduction == "mean" else out)


def sample_weights(lib: Any, dtype: Any, target: Any, weight: Any, kept: Any) -> tuple[Any, Any]:
    """(weight of each sample or None for ones, their sum)."""
    if weight is None and kept is None:
        return None, lib.asarray(target.size, dtype)
    if weight is None:
        w = kept.astype(dtype)
    else:
        w = weight[target] if kept is None else weight[target] * kept
    return w, lib.asarray(total_of(lib, w))


def per_class(weight: Any, x: Any) -> Any:
    """Weights of classes, shaped to meet logits."""
    return weight if x.ndim == 2 else weight[:, None]


@widened
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
    shape, nd, d = target.shape, x.ndim, x.dtype
    x, target = lines(x), per_line(target, nd)
    target, kept, wrong = chosen(lib, target, x.shape[1], ignore)
    w, total = sample_weights(lib, d, target, weight if x.size else None, kept)
    if not x.size:
        none = lib.zeros(target.shape, d)
        return reduced(lib, none, total, reduction, shape), x, none, total
    at = places(lib, target)
    e, s, shift = exponentials(lib, x, 1, EXACT)
    s = s[:, 0]
    log = lib.log(s)
    losses = log - (x[at] if shift is None else x[at] - shift[:, 0])
    if w is not None:
        losses *= w
    if smoothing:
        z = x if shift is None else x - shift
        even = lib.add.reduce(z if weight is None else z * per_class(weight, x), 1)
        lib.subtract(log * (x.shape[1] if weight is None else weight.sum()), even, out=even)
        losses *= d.type(1 - smoothing)
        even *= d.type(smoothing / x.shape[1])
        losses += even
    if kept is not None:  # whatever stands in rows that are ignored
        losses = lib.where(kept, losses, d.type(0))
    losses = poisoned(lib, losses, wrong)
    return reduced(lib, losses, total, reduction, shape), e, s, total


@widened
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
    shape, nd, d = x.shape, x.ndim, e.dtype
    if reduction == "none":
        g = per_line(g, nd)
    elif reduction == "mean":
        g = g / total
    classes = e.shape[1]
    target, kept, wrong = chosen(lib, per_line(target, nd), classes, ignore)
    if not e.size:
        return e.reshape(shape)
    if weight is None and kept is None:
        part = g  # the loss of a sample is this, times minus its log-probability
    else:
        part = sample_weights(lib, d, target, weight, kept)[0] * g
    if kept is not None:  # where all are ignored, g is infinite
        part = lib.where(kept, part, d.type(0))
    whole = part = poisoned(lib, part, wrong)
    if smoothing:
        part = part * d.type(1 - smoothing)
        even = g * d.type(smoothing / classes)
        if kept is not None:
            even = lib.where(kept, even, d.type(0))
        whole = part + even * (d.type(classes) if weight is None else weight.sum())
    out = e * lib.true_divide(whole, s)[:, None]
    out[places(lib, target)] -= part
    if smoothing:
        even = lib.broadcast_to(even, s.shape)[:, None]
        out -= even if weight is None else even * per_class(weight, e)
    return out.reshape(shape)


@functools.lru_cache(64)
def firsts(rows: int, n: int) -> Any:
    """Where each row of n begins in the flat array."""
    return starts(rows, n)[:, 0]


def plain_nll(x: Any, target: Any, weight: Any, reduction: str, ignore: int) -> Any:
    """nll_loss() of a matrix of which no row is ignored; None where that is not so."""
    d, n = x.dtype, target.size
    usual = x.ndim == 2 and n and target.dtype is I64 and target.flags.c_contiguous
    if not usual or not x.flags.c_contiguous or 0 <= ignore < x.shape[1]:
        return None
    unsigned = target.view(U64)  # a negative number, read as unsigned, is larger than any class
    if unsigned.item(unsigned.argmax()) >= x.shape[1]:
        return None
    picked = x.reshape(-1).take(target + firsts(n, x.shape[1]))
    real = d is F32 or d is F64
    each = kept_ones(n, d) if real and n <= LONGEST else ones(np, n, d)
    if weight is None:
        total, share = number(n, d) if real else np.asarray(n, d), n
    elif weight.dtype is d:
        picked *= (weights := weight.take(target))
        share = weights.dot(each)  # a scalar: beside one, division takes a tenth of the time
        total = np.asarray(share)
    else:
        return None
    if reduction == "none":
        return np.negative(picked), total
    loss = -picked.dot(each)
    return np.asarray(loss / share if reduction == "mean" else loss), total


@widened
def nll_loss(
    lib: Any, x: Any, target: Any, weight: Any = None, reduction: str = "mean", ignore: int = -100
) -> Any:
    """(loss of log-probabilities x against class indices, total weight)."""
    if lib in ON_HOST and (few := plain_nll(x, target, weight, reduction, ignore)):
        return few
    shape, target, x = target.shape, per_line(target, x.ndim), lines(x)
    target, kept, wrong = chosen(lib, target, x.shape[1], ignore)
    if not x.size:
        weight, losses = None, lib.zeros(target.shape, x.dtype)
    else:
        losses = lib.negative(x[places(lib, target)])
    w, total = sample_weights(lib, x.dtype, target, weight, kept)
    if kept is not None:
        losses = lib.where(kept, losses, x.dtype.type(0))  # an infinite one may be ignored
    losses = poisoned(lib, losses, wrong)
    if weight is not None:
        losses *= w
    return reduced(lib, losses, total, reduction, shape), total


@widened
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
    shape, target = x.shape, per_line(target, x.ndim)
    if reduction == "none":
        g = per_line(g, x.ndim)
    elif reduction == "mean":
        g = g / total
    x = lines(x)
    target, kept, wrong = chosen(lib, target, x.shape[1], ignore)
    out = lib.zeros(x.shape, x.dtype)
    if not out.size:
        return out.reshape(shape)
    w, _ = sample_weights(lib, x.dtype, target, weight, kept)
    own = lib.negative(g if w is None else w * g)
    if kept is not None:  # where all are ignored, g is infinite
        own = lib.where(kept, own, x.dtype.type(0))
    out[places(lib, target)] = poisoned(lib, own, wrong)
    return out.reshape(shape)


# --------------------------------------------------------------------------- element by element


def summed(lib: Any, losses: Any, reduction: str) -> Any:
    return reduced(lib, losses, losses.dtype.type(losses.size), reduction)


def share(g: Any, n: int, reduction: str) -> Any:
    """What arrives at each element of a reduced loss."""
    return g / g.dtype.type(n) if reduction == "mean" else g


@widened
def mse_loss(lib: Any, x: Any, y: Any, reduction: str = "mean") -> Any:
    """(mean, sum or array of (x - y) ** 2, x - y)."""
    d = lib.asarray(x - y)
    if reduction == "none":
        return lib.asarray(d * d), d
    flat = d.reshape(-1)
    out = lib.dot(flat, flat)
    return lib.asarray(out / d.dtype.type(d.size) if reduction == "mean" else out), d


@widened
def mse_loss_backward(
    lib: Any, g: Any, x: Any, y: Any, d: Any = None, reduction: str = "mean"
) -> Any:
    """Gradient of x; that of y is its negative."""
    return lib.asarray(d * share(g * 2, d.size, reduction))


@widened
def bce_loss(lib: Any, x: Any, y: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(y log x + (1 - y) log(1 - x)) with logarithms of at least -100."""
    here = lib in ON_HOST  # on a device logarithms give nan instead
    if (
        here
        and x.size
        and not (np.minimum.reduce(x, None) >= 0 and np.maximum.reduce(x, None) <= 1)
    ):
        raise RuntimeError(
            "all elements of input should be between 0 and 1: pass probabilities (torch.sigmoid of "
            "logits), or use binary_cross_entropy_with_logits"
        )
    if (
        here
        and y.size
        and not (np.minimum.reduce(y, None) >= 0 and np.maximum.reduce(y, None) <= 1)
    ):
        raise RuntimeError("all elements of target should be between 0 and 1")
    low = x.dtype.type(-100)
    a, b = lib.maximum(lib.log(x), low), lib.maximum(lib.log1p(-x), low)
    losses = lib.asarray((y - 1) * b - y * a)
    if weight is not None:
        losses *= weight
    return summed(lib, losses, reduction)


def bce_loss_backward(
    lib: Any, g: Any, x: Any, y: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Gradient of x."""
    least = float(x.dtype.type(1e-12))  # which float16 does not hold
    return bce_slope(lib, g, x, y, weight, reduction, least)


@widened
def bce_slope(lib: Any, g: Any, x: Any, y: Any, weight: Any, reduction: str, least: float) -> Any:
    """Gradient of x, whose divisors are at least a number."""
    out = lib.true_divide(x - y, lib.maximum((1 - x) * x, x.dtype.type(least)))
    if weight is not None:
        out = out * weight
    return lib.asarray(out * share(g, x.size, reduction))


@widened
def bce_logits(
    lib: Any, x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
) -> Any:
    """bce_loss of sigmoid(x), without its rounding; pos_weight multiplies the term of y."""
    out = lib.asarray(lib.absolute(x))  # log(1 + exp(-x))
    lib.negative(out, out=out)
    lib.exp(out, out=out)
    lib.log1p(out, out=out)
    out -= lib.minimum(x, x.dtype.type(0))
    if pos_weight is not None:
        out = lib.asarray(out * ((pos_weight - 1) * y + 1))
    out += (1 - y) * x
    if weight is not None:
        out *= weight
    return summed(lib, out, reduction)


@widened
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
    s = lib.asarray(lib.exp(lib.negative(x)))
    s += 1
    s = lib.reciprocal(s)
    if pos_weight is None:
        out = s - y
    else:
        t = pos_weight * y
        out = (t + 1 - y) * s - t
    if weight is not None:
        out = out * weight
    return lib.asarray(out * share(g, x.size, reduction))


@widened
def x_log_x(lib: Any, x: Any) -> Any:
    """x log x, and 0 at 0."""
    return lib.asarray(x * lib.log(x + (x == 0)))


# --------------------------------------------------------------------------- labels


def labels(lib: Any, x: Any, target: Any) -> tuple[Any, Any, Any, Any]:
    """(which targets come before the first -1, targets with 0 for others, which classes are in,
    which rows hold a target that is no class, or None).
    """
    valid = lib.logical_and.accumulate(target >= 0, 1)
    clean = target * valid
    if lib not in ON_HOST:
        wrong = (clean >= x.shape[1]) | (target < -1)
        clean = lib.where(wrong, 0, clean)
        same = clean[:, :, None] == lib.arange(x.shape[1])
        among = lib.logical_or.reduce(same & valid[:, :, None], 1)
        return valid, clean, among, lib.logical_or.reduce(wrong, 1)
    if clean.size and (
        clean.item(clean.argmax()) >= x.shape[1] or target.item(target.argmin()) < -1
    ):
        raise RuntimeError(
            "argument #2 'target' is out of range: multilabel_margin_loss needs class indices of "
            f"0 to {x.shape[1] - 1}, ended by -1"
        )
    among = lib.zeros(x.shape, bool)
    among.reshape(-1)[(clean + firsts(*x.shape)[:, None])[valid]] = True
    return valid, clean, among, None


def margins(lib: Any, x: Any, target: Any) -> tuple[Any, Any]:
    """(1 - x[target] + x[other class] where positive, (N, targets, classes), targets)."""
    valid, clean, among, wrong = labels(lib, x, target)
    if wrong is None:
        own = x.reshape(-1).take(clean + firsts(*x.shape)[:, None])
    else:
        own = x[lib.arange(x.shape[0])[:, None], clean]
    infinite = x.dtype.type(np.inf)  # from which nothing is away, and which is away from nothing
    own, x = lib.where(valid, own, infinite), lib.where(among, -infinite, x)
    z = lib.fmax(1 - own[:, :, None] + x[:, None, :], x.dtype.type(0))  # nan is not above 0
    return poisoned(lib, z, None if wrong is None else wrong[:, None, None]), clean


def multi_margin(general: Any) -> Any:
    """Hinges of rows in order: the target's own is left out by its place."""

    def f(
        x: Any, target: Any, weight: Any, p: int = 1, margin: float = 1.0, reduction: str = "mean"
    ) -> Any:
        d = x.dtype
        if not (x.size and x.flags.c_contiguous and (d is F32 or d is F64)) or weight is not None:
            return general(x, target, weight, p, margin, reduction)
        m = matrix(x)
        at = target.reshape(-1) + firsts(*m.shape)
        h = margin - m.reshape(-1).take(at)[:, None] + m
        np.fmax(h, ZERO, h)  # nan is not above 0
        h.reshape(-1)[at] = 0
        losses = add_rows(h if p == 1 else h * h, 1) / m.shape[1]
        if reduction == "none":
            return losses if target.ndim else losses.reshape(())
        return mean_of(losses, None) if reduction == "mean" else add_rows(losses, None)

    return f


def matrix(a: Any) -> Any:
    """(N, C) as it is, (C,) and () as one row."""
    return a if a.ndim == 2 else a.reshape(1, -1)


@widened
def multilabel_margin(lib: Any, x: Any, target: Any, reduction: str = "mean") -> Any:
    """Hinge losses between target classes and the others."""
    m = matrix(x)
    z, _ = margins(lib, m, matrix(target))
    losses = lib.add.reduce(z, (1, 2)) / x.dtype.type(max(m.shape[1], 1))
    if x.ndim != 2:  # of one sample sum and mean are its own loss
        return losses.reshape(())
    return summed(lib, losses, reduction)


@widened
def multilabel_margin_backward(
    lib: Any, h: Any, x: Any, target: Any, reduction: str = "mean"
) -> Any:
    """Gradient of x."""
    m = matrix(x)
    z, clean = margins(lib, m, matrix(target))
    active = lib.greater(z, 0).astype(x.dtype)
    out = lib.add.reduce(active, 1)
    rows = lib.broadcast_to(lib.arange(m.shape[0])[:, None], clean.shape)
    lib.subtract.at(out, (rows, clean), lib.add.reduce(active, 2))
    h = share(h, m.shape[0], reduction) / x.dtype.type(max(m.shape[1], 1))
    out *= h[:, None] if h.ndim else h
    return out.reshape(x.shape)
