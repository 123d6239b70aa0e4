"""Words over rows that have a loop of their own, for float32: softmax, norms, losses.

Here: what stands in front of the general words. Not here: elements (`fused_elements.py`), and which
words there are (`fused.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

from ..kernels import formulas
from ..kernels import group_norm as kernels
from ..kernels import layer_norm as norms
from ..kernels.simd import Ufunc, rows
from .fused_elements import CALL, ELEMENT, F32, I64, NUMBERS, U64, Word, loop
from .numpy_direct import library as np

LONG = 1 << 15  # elements of a row whose sums, in lanes, are no longer exact enough


SHORT = 48  # elements of a row up to which each lane has a row of its own
MANY = 1 << 12  # elements from which rows that do not lie in one stretch are taken as they are
FEW = 8  # rows for which that does not pay
NARROW = 16  # rows beside each other, up to which each is taken by itself


class RowLoops:
    """The ufuncs of a formula over rows, for long ones and for many short ones.

    signature: as in NumPy, without names: "n,->n" has a row and a number.
    """

    def __init__(self, kinds: str, formula: str, signature: str) -> None:
        before, after = (part.split(",") for part in signature.split("->"))
        make = getattr(formulas, formula)
        core = [k for k, dim in enumerate(before + after) if dim]
        full = "->".join(",".join(f"({dim})" for dim in part) for part in (before, after))

        def made(short: bool) -> Ufunc:
            text = functools.partial(rows, kinds=kinds, core=core, formula=make, short=short)
            key = "rows", kinds, core, formula, short
            return Ufunc(formula, kinds, len(before), text, full, key=key)

        self.long, self.short = made(False), made(True)

    def of(self, n: int, size: int, saving: float) -> Any:
        """The one for rows of n among size elements, or None."""
        u = self.short if n <= SHORT and n * FEW <= size else self.long
        return u.run or u.ready(saving)


def over(run: Any, dim: int, *arrays: Any) -> None:
    """Run a ufunc of rows along a dimension of arrays of one shape, the last of which is written.

    NumPy calls it for the innermost of the other dimensions, which should not be a short one.
    """
    shape = arrays[0].shape
    dim %= len(shape)
    inner = prod(shape[dim + 1 :])
    if inner < NARROW and all([a.flags.c_contiguous for a in arrays]):
        parts = [a.reshape(-1, shape[dim], inner) for a in arrays]
        for j in range(inner):
            run(*[a[:, :, j] for a in parts])
    else:
        run(*[a.swapaxes(dim, -1) for a in arrays])


def row_word(name: str, arrays: int, word: str | None = None) -> Callable[[Word], Word]:
    """word(arrays..., dim) along the last dimension."""

    def wrapped(general: Word) -> Word:
        u = RowLoops("f" * (arrays + 1), name, ",".join("n" * arrays) + "->n")
        short, long = u.short, u.long

        def one(x: Any, dim: int = -1) -> Any:
            nd = x.ndim
            if nd and x.dtype is F32:
                n, size = x.shape[dim], x.size
                last = dim == -1 or dim == nd - 1
                if last or (size >= MANY and n <= LONG):
                    k = short if n <= SHORT and n * FEW <= size else long  # u.of(), sooner
                    run = k.run or k.ready(4 * CALL + ELEMENT * size)
                    if run is not None:
                        if last:
                            return run(x)
                        out = np.empty(x.shape, F32)
                        over(run, dim, x, out)
                        return out
            return general(x, dim)

        def two(g: Any, out: Any, dim: int = -1) -> Any:
            nd = g.ndim
            if g.dtype is F32 and nd and g.shape == out.shape and out.dtype is F32:
                last = dim == -1 or dim == nd - 1
                if last or (g.size >= MANY and g.shape[dim] <= LONG):
                    run = u.of(g.shape[dim], g.size, 2 * CALL + ELEMENT * g.size)
                    if run is not None:
                        if last:
                            return run(g, out)
                        slope = np.empty(g.shape, F32)
                        over(run, dim, g, out, slope)
                        return slope
            return general(g, out, dim)

        return one if arrays == 1 else two

    return wrapped


def logsumexp(general: Word) -> Word:
    u = RowLoops("ff", "logsumexp", "n->")

    def f(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if (
            x.dtype is F32
            and x.size >= MANY
            and type(dim) is int
            and -x.ndim <= dim < x.ndim
            and x.shape[dim] <= LONG
        ):
            run = u.of(x.shape[dim], x.size, 4 * CALL + ELEMENT * x.size)
            if run is not None:
                dim %= x.ndim
                inner = prod(x.shape[dim + 1 :])
                if 1 < inner < NARROW and x.flags.c_contiguous:
                    parts = x.reshape(-1, x.shape[dim], inner)
                    out = np.empty((len(parts), inner), F32)
                    for j in range(inner):
                        run(parts[:, :, j], out[:, j])
                    kept = x.shape[:dim] + (1,) * keepdim + x.shape[dim + 1 :]
                    return out.reshape(kept)
                out = run(np.moveaxis(x, dim, -1))
                return np.expand_dims(out, dim) if keepdim else np.asarray(out)
        return general(x, dim, keepdim)

    return f


@functools.lru_cache(64)
def vector(value: float, n: int) -> Any:
    """n times the same number, for reading."""
    return np.full(n, value, F32)


def alike(x: Any, *others: Any) -> bool:
    """Whether these are all float32, or not there."""
    return x.dtype is F32 and all([a is None or a.dtype is F32 for a in others])


def layer_norm(general: Word) -> Word:
    u = RowLoops("fffffff", "layer_norm", "n,n,n,->n,,")
    short, long = u.short, u.long

    def f(x: Any, weight: Any = None, bias: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
        if x.size >= norms.LEAST:
            n = prod(x.shape[x.ndim - dims :])
            if n > LONG:
                return general(x, weight, bias, dims, eps)
            found = norms.layer_norm(x, weight, bias, n, eps)
            if found is not None:
                return found
        if (
            x.dtype is F32
            and x.size
            and (weight is None or weight.dtype is F32)
            and (bias is None or bias.dtype is F32)
        ):
            n = x.shape[-1] if dims == 1 else prod(x.shape[x.ndim - dims :])
            k = short if n <= SHORT and n * FEW <= x.size else long  # u.of(), sooner
            run = k.run or k.ready(4 * CALL + 2 * ELEMENT * x.size)
            if run is not None:
                if dims == 1 and weight is not None and bias is not None and x.ndim == 2:
                    return run(x, weight, bias, NUMBERS[eps])
                if dims > 1:
                    weight, bias = (a if a is None else a.reshape(n) for a in (weight, bias))
                out, mean, rstd = run(
                    x.reshape(-1, n),
                    vector(1.0, n) if weight is None else weight,
                    vector(0.0, n) if bias is None else bias,
                    NUMBERS[eps],
                )
                return out.reshape(x.shape), mean, rstd
        return general(x, weight, bias, dims, eps)

    return f


def rows_backward() -> Word:
    """f(g, x, weight or None, mean, rstd): the gradient of normalised rows (m, n), or None where
    that is no case for here.
    """
    u = RowLoops("ffffff", "layer_norm_backward", "n,n,n,,->n")

    def f(g: Any, x: Any, weight: Any, mean: Any, rstd: Any) -> Any:
        if not (x.size and alike(x, g, weight, mean, rstd)):
            return None
        run = u.of(x.shape[1], x.size, 4 * CALL + 2 * ELEMENT * x.size)
        if run is None:
            return None
        w = vector(1.0, x.shape[1]) if weight is None else weight.reshape(-1)
        return run(g, x, w, mean, rstd)

    return f


def layer_norm_backward(general: Word) -> Word:
    gradient = rows_backward()

    def f(
        g: Any,
        x: Any,
        weight: Any = None,
        mean: Any = None,
        rstd: Any = None,
        dims: int = 1,
        eps: float = 1e-5,
        needs: Any = (True, True, True),
    ) -> Any:
        gx = None
        if needs[0] and x.size:
            full = x.shape[x.ndim - dims :]
            n = prod(full)
            if x.size >= norms.LEAST:
                found = norms.layer_norm_backward(g, x, weight, mean, rstd, n)
                if found is not None:
                    gx, gw, gb = found
                    return (
                        gx,
                        gw.reshape(full) if needs[1] else None,
                        gb.reshape(full) if needs[2] else None,
                    )
            rows, p = g.reshape(-1, n), x.reshape(-1, n)
            gx = gradient(rows, p, weight, mean, rstd)
        if gx is None:
            return general(g, x, weight, mean, rstd, dims, eps, needs)
        gw = gb = None
        if needs[1]:
            gw = rstd.dot(rows * p)
            gw -= (mean * rstd).dot(rows)
            gw = gw.reshape(full)
        if needs[2]:
            gb = vector(1.0, len(rows)).dot(rows).reshape(full)
        return gx.reshape(x.shape), gw, gb

    return f


def group_norm_backward(general: Word) -> Word:
    gradient = rows_backward()

    def f(
        g: Any,
        x: Any,
        weight: Any = None,
        mean: Any = None,
        rstd: Any = None,
        groups: int = 1,
        eps: float = 1e-5,
        needs: Any = (True, True, True),
    ) -> Any:
        found = kernels.group_norm_backward(g, x, weight, mean, rstd, groups, needs)
        if found is not None:
            return found
        if weight is None and x.size and not (needs[1] or needs[2]):
            shape = x.shape[0] * groups, -1
            gx = gradient(g.reshape(shape), x.reshape(shape), None, mean, rstd)
            if gx is not None:
                return gx.reshape(x.shape), None, None
        return general(g, x, weight, mean, rstd, groups, eps, needs)

    return f


def group_norm(general: Word) -> Word:
    u = RowLoops("fffff", "standardize", "n,->n,,")

    def f(x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5) -> Any:
        if x.size >= kernels.LEAST:
            found = kernels.group_norm(x, weight, bias, groups, eps)
            if found is not None:
                return found
        if (
            x.dtype is F32
            and x.size
            and (weight is None or weight.dtype is F32)
            and (bias is None or bias.dtype is F32)
        ):
            n, c, *_ = x.shape
            run = u.of(x.size // (n * groups), x.size, 4 * CALL + 2 * ELEMENT * x.size)
            if run is not None:
                if x.size // (n * groups) > LONG:
                    return general(x, weight, bias, groups, eps)
                out, mean, rstd = run(x.reshape(n * groups, -1), NUMBERS[eps])
                if weight is not None or bias is not None:
                    out = out.reshape(n, c, -1)
                    if weight is not None:
                        np.multiply(out, weight[:, None], out)
                    if bias is not None:
                        np.add(out, bias[:, None], out)
                return out.reshape(x.shape), mean, rstd
        return general(x, weight, bias, groups, eps)

    return f


# --------------------------------------------------------------------------- losses


def strips(x: Any) -> Any:
    """A large array as rows whose sums stay exact enough in float32; None if it cannot be."""
    n = strip(x.size)
    return x.reshape(-1, n) if n else None


@functools.lru_cache
def strip(n: int) -> int:
    """The length of rows that n elements are to be summed in; 0 if there is none that fits."""
    return n if n <= 8192 else next((r for r in range(4096, 255, -1) if n % r == 0), 0)


def between(name: str, forms: int) -> Callable[[Word], Word]:
    """Reduced losses of elements: a ufunc that sums rows of x and y, given some numbers."""

    def wrapped(general: Word) -> Word:
        u = RowLoops("f" * (forms + 4), name, "n,n" + "," * (forms + 1) + "->")

        def total(x: Any, y: Any, reduction: str, *numbers: Any) -> Any:
            """The loss, or None where that is no case for here."""
            if (
                reduction == "none"
                or x.dtype is not F32
                or y.dtype is not F32
                or x.shape != y.shape
                or not x.size
            ):
                return None
            run = u.of(LONG, x.size, 4 * CALL + 2 * ELEMENT * x.size)
            a, b = strips(x), strips(y)
            if run is None or a is None:
                return None
            factor = NUMBERS[1 / x.size if reduction == "mean" else 1.0]
            sums = run(a, b, *numbers, factor)
            return np.add.reduce(sums, None) if len(sums) > 1 else sums[0]

        return LOSSES[name](general, total)

    return wrapped


def smooth_l1(general: Word, total: Word) -> Word:
    def f(x: Any, y: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
        r = total(x, y, reduction, NUMBERS[beta])
        return general(x, y, reduction, beta) if r is None else r

    return f


def huber(general: Word, total: Word) -> Word:
    u = loop("ffff", "huber_elements")

    def f(x: Any, y: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
        r = total(x, y, reduction, NUMBERS[delta])
        if r is None and reduction == "none" and alike(x, y) and x.shape == y.shape:
            run = u.run or u.ready(4 * CALL + 4 * ELEMENT * x.size)
            r = None if run is None else run(x, y, NUMBERS[delta])
        return general(x, y, reduction, delta) if r is None else r

    return f


def bce_logits(general: Word, total: Word) -> Word:
    def f(
        x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
    ) -> Any:
        r = total(x, y, reduction) if weight is None and pos_weight is None else None
        return general(x, y, weight, pos_weight, reduction) if r is None else np.asarray(r)

    return f


LOSSES = {"smooth_l1": smooth_l1, "huber": huber, "bce_logits": bce_logits}


def bce_logits_backward(general: Word) -> Word:
    u = loop("ffff", "bce_logits_backward")

    def f(
        g: Any,
        x: Any,
        y: Any,
        weight: Any = None,
        pos_weight: Any = None,
        reduction: str = "mean",
    ) -> Any:
        if weight is None and pos_weight is None and alike(x, y, g) and x.size:
            run = u.run or u.ready(2 * CALL + 2 * ELEMENT * x.size)
            if run is not None:
                return run(x, y, g / NUMBERS[x.size] if reduction == "mean" else g)
        return general(g, x, y, weight, pos_weight, reduction)

    return f


def cross_entropy(general: Word) -> Word:
    u = RowLoops("flff", "cross_entropy", "n,->,")

    def f(
        x: Any,
        target: Any,
        weight: Any = None,
        reduction: str = "mean",
        ignore: int = -100,
        smoothing: float = 0.0,
    ) -> Any:
        if (
            x.dtype is F32
            and x.ndim == 2
            and weight is None
            and not smoothing
            and target.dtype is I64
            and x.size
        ):
            n, classes = x.shape
            run = u.of(classes, x.size, 6 * CALL + 2 * ELEMENT * x.size)
            unsigned = target.view(U64)  # where a negative number is larger than any class
            if (
                run is not None
                and not 0 <= ignore < classes
                and unsigned.item(unsigned.argmax()) < classes
            ):
                loss, shift = run(x, target)
                if reduction != "none":
                    loss = loss.dot(vector(1 / n if reduction == "mean" else 1.0, n))
                return np.asarray(loss), None, shift, NUMBERS[n]
        return general(x, target, weight, reduction, ignore, smoothing)

    return f


def cross_entropy_backward(general: Word) -> Word:
    u = RowLoops("flfff", "cross_entropy_backward", "n,,,->n")

    def f(
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
        if e is not None:
            return general(g, x, target, weight, e, s, total, reduction, ignore, smoothing)
        run = u.of(x.shape[1], x.size, 0.0)
        return run(x, target, s, g / total if reduction == "mean" else g)

    return f
