"""Words of the CPU that have a loop of their own, for float32.

Here: for each, the ufunc (`loops.py`, `formulas.py`) and when it can stand for the general word,
which is what runs for other dtypes, for other options, without llvmlite, and as long as compiling
would cost more than it has cost to do without. `wrap` puts it in front of the general word.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from . import formulas
from .loops import Ufunc, elements, rows

Word = Callable[..., Any]

F32, BOOL = np.dtype(np.float32), np.dtype(np.bool_)
I64, U64 = np.dtype(np.int64), np.dtype(np.uint64)
CALL, ELEMENT = 700.0, 0.5  # ns that a call, and each element of it, are about shorter


EXACT = frozenset(
    (
        "rsqrt",
        "reciprocal",
        "sign",
        "nearest",
        "relu",
        "leaky_relu",
        "leaky_relu_backward",
        "clamp",
        "choice",
    )
)


def loop(kinds: str, formula: str) -> Ufunc:
    """A ufunc over elements; the last letter of kinds is the result's."""
    make = getattr(formulas, formula)
    exact = formula in EXACT
    return Ufunc(formula, kinds, len(kinds) - 1, lambda: elements(kinds, make), exact=exact)


def over_rows(kinds: str, formula: str, signature: str) -> Ufunc:
    """A ufunc over rows; signature as in NumPy, without names: "n,->n" has a row and a number."""
    before, after = (part.split(",") for part in signature.split("->"))
    make = getattr(formulas, formula)
    core = [k for k, dim in enumerate(before + after) if dim]
    full = "->".join(",".join(f"({dim})" for dim in part) for part in (before, after))
    return Ufunc(formula, kinds, len(before), lambda: rows(kinds, core, make), full)


class _Numbers(dict):
    """Numbers as 0-d arrays: beside those, a ufunc takes half the time."""

    def __missing__(self, value: float) -> Any:
        if len(self) > 1000:
            self.clear()
        a = self[value] = np.asarray(value, F32)
        return a


NUMBERS = _Numbers()


# --------------------------------------------------------------------------- forms of words


def unary(name: str, formula: str | None = None) -> Callable[[Word], Word]:
    """word(x)"""

    def wrapped(general: Word) -> Word:
        u = loop("ff", formula or name)
        run = None

        def f(x: Any) -> Any:
            nonlocal run
            if x.dtype is F32:
                if run is None:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x)
            return general(x)

        return f

    return wrapped


def binary(name: str) -> Callable[[Word], Word]:
    """word(x, y)"""

    def wrapped(general: Word) -> Word:
        u = loop("fff", name)
        run = None

        def f(x: Any, y: Any) -> Any:
            nonlocal run
            if x.dtype is F32 and y.dtype is F32:
                if run is None:
                    run = u.ready(CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x, y)
            return general(x, y)

        return f

    return wrapped


Plan = Callable[..., "tuple[str, tuple[float, ...]] | None"]


def planned(arrays: int, plan: Plan) -> Callable[[Word], Word]:
    """word(arrays..., options...); plan(options...) is the formula and its numbers, or None."""

    def wrapped(general: Word) -> Word:
        loops: dict[str, Ufunc] = {}
        made: dict[Any, tuple[Any, tuple[Any, ...]]] = {}  # options -> ufunc, its numbers

        def prepare(options: tuple[Any, ...], size: int) -> Any:
            """The ufunc for options, and its numbers, or None."""
            found = plan(*options)
            if found is None:
                return None
            name, numbers = found
            if name not in loops:
                loops[name] = loop("f" * (arrays + len(numbers) + 1), name)
            run = loops[name].ready(CALL + ELEMENT * size)
            if run is None:
                return None
            if len(made) > 1000:
                made.clear()
            made[options] = run, tuple(NUMBERS[float(v)] for v in numbers)
            return made[options]

        def one(x: Any, *options: Any, **named: Any) -> Any:
            if x.dtype is F32 and not named:
                ready = made.get(options) or prepare(options, x.size)
                if ready is not None:
                    run, numbers = ready
                    return run(x, *numbers)
            return general(x, *options, **named)

        def two(g: Any, x: Any, *options: Any, **named: Any) -> Any:
            if x.dtype is F32 and g.dtype is F32 and not named:
                ready = made.get(options) or prepare(options, x.size)
                if ready is not None:
                    run, numbers = ready
                    return run(g, x, *numbers)
            return general(g, x, *options, **named)

        return one if arrays == 1 else two

    return wrapped


def leaky(name: str) -> Plan:
    return lambda slope=0.01: (name, (slope,))


def elus(name: str) -> Plan:
    return lambda alpha=1.0, scale=1.0, input_scale=1.0: (name, (alpha, scale, input_scale))


def softpluses(name: str) -> Plan:
    return lambda beta=1.0, threshold=20.0: (name, ()) if beta == 1 and threshold >= 16 else None


def gelus(suffix: str) -> Plan:
    return lambda how="none": (("gelu_tanh" if how == "tanh" else "gelu") + suffix, ())


def clamped(low: Any = None, high: Any = None) -> Any:
    if low != low or high != high:
        return None
    return "clamp", (-np.inf if low is None else low, np.inf if high is None else high)


def where(general: Word) -> Word:
    u = loop("?fff", "choice")

    def f(condition: Any, x: Any, y: Any) -> Any:
        try:
            plain = condition.dtype is BOOL and x.dtype is F32 and y.dtype is F32
        except AttributeError:
            plain = False
        if plain:
            run = u.run or u.ready(CALL + ELEMENT * condition.size)
            if run is not None:
                return run(condition, x, y)
        return general(condition, x, y)

    return f


def pow(general: Word) -> Word:
    """x ** 2 as a product, also where 2 came as an array."""

    def f(x: Any, y: Any) -> Any:
        if type(y) is np.ndarray:
            if y.ndim == 0 and x.dtype is F32 and y.item() == 2:
                return np.multiply(x, x)
        elif y == 2:
            return np.multiply(x, x)
        return general(x, y)

    return f


# --------------------------------------------------------------------------- rows


def row_word(name: str, arrays: int, word: str | None = None) -> Callable[[Word], Word]:
    """word(arrays..., dim) along the last dimension."""

    def wrapped(general: Word) -> Word:
        u = over_rows("f" * (arrays + 1), name, ",".join("n" * arrays) + "->n")

        run = None

        def one(x: Any, dim: int = -1) -> Any:
            nonlocal run
            nd = x.ndim
            if x.dtype is F32 and nd and (dim == -1 or dim == nd - 1):
                if run is None:
                    run = u.ready(4 * CALL + ELEMENT * x.size)
                if run is not None:
                    return run(x)
            return general(x, dim)

        def two(g: Any, out: Any, dim: int = -1) -> Any:
            nonlocal run
            nd = g.ndim
            if (
                g.dtype is F32
                and nd
                and (dim == -1 or dim == nd - 1)
                and g.shape == out.shape
                and out.dtype is F32
            ):
                if run is None:
                    run = u.ready(2 * CALL + ELEMENT * g.size)
                if run is not None:
                    return run(g, out)
            return general(g, out, dim)

        return one if arrays == 1 else two

    return wrapped


@functools.lru_cache(64)
def vector(value: float, n: int) -> Any:
    """n times the same number, for reading."""
    return np.full(n, value, F32)


def alike(x: Any, *others: Any) -> bool:
    """Whether these are all float32, or not there."""
    return x.dtype is F32 and all([a is None or a.dtype is F32 for a in others])


def layer_norm(general: Word) -> Word:
    u = over_rows("fffffff", "layer_norm", "n,n,n,->n,,")

    def f(x: Any, weight: Any = None, bias: Any = None, dims: int = 1, eps: float = 1e-5) -> Any:
        if (
            x.dtype is F32
            and x.size
            and (weight is None or weight.dtype is F32)
            and (bias is None or bias.dtype is F32)
        ):
            run = u.run or u.ready(4 * CALL + 2 * ELEMENT * x.size)
            if run is not None:
                if dims == 1 and weight is not None and bias is not None and x.ndim == 2:
                    return run(x, weight, bias, NUMBERS[eps])
                n = prod(x.shape[x.ndim - dims :])
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
    u = over_rows("ffffff", "layer_norm_backward", "n,n,n,,->n")

    def f(g: Any, x: Any, weight: Any, mean: Any, rstd: Any) -> Any:
        if not (x.size and alike(x, g, weight, mean, rstd)):
            return None
        run = u.run or u.ready(4 * CALL + 2 * ELEMENT * x.size)
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
        if weight is None and x.size and not (needs[1] or needs[2]):
            shape = x.shape[0] * groups, -1
            gx = gradient(g.reshape(shape), x.reshape(shape), None, mean, rstd)
            if gx is not None:
                return gx.reshape(x.shape), None, None
        return general(g, x, weight, mean, rstd, groups, eps, needs)

    return f


def group_norm(general: Word) -> Word:
    u = over_rows("fffff", "standardize", "n,->n,,")

    def f(x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5) -> Any:
        if (
            x.dtype is F32
            and x.size
            and (weight is None or weight.dtype is F32)
            and (bias is None or bias.dtype is F32)
        ):
            run = u.run or u.ready(4 * CALL + 2 * ELEMENT * x.size)
            if run is not None:
                n, c, *_ = x.shape
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


# --------------------------------------------------------------------------- products


def linear(general: Word) -> Word:
    """x @ w.T + bias of matrices, the bias added in place."""

    def f(x: Any, w: Any, bias: Any = None) -> Any:
        if x.ndim == w.ndim == 2 and x.dtype is F32 and w.dtype is F32:
            out = x.dot(w.T)
            if bias is None:
                return out
            if bias.dtype is F32:
                return np.add(out, bias, out)
        return general(x, w, bias)

    return f


# --------------------------------------------------------------------------- losses


def strips(x: Any) -> Any:
    """A large array as rows whose sums stay exact enough in float32; None if it cannot be."""
    n = x.size
    if n <= 8192:
        return x.reshape(1, n)
    return x.reshape(-1, 1024) if n % 1024 == 0 else None


def between(name: str, forms: int) -> Callable[[Word], Word]:
    """Reduced losses of elements: a ufunc that sums rows of x and y, given some numbers."""

    def wrapped(general: Word) -> Word:
        u = over_rows("f" * (forms + 4), name, "n,n" + "," * (forms + 1) + "->")

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
            run = u.run or u.ready(4 * CALL + 2 * ELEMENT * x.size)
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


def bce_logits(general: Word, total: Word) -> Word:
    def f(
        x: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean"
    ) -> Any:
        r = total(x, y, reduction) if weight is None and pos_weight is None else None
        return general(x, y, weight, pos_weight, reduction) if r is None else np.asarray(r)

    return f


LOSSES = {"smooth_l1": smooth_l1, "bce_logits": bce_logits}


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
    u = over_rows("flff", "cross_entropy", "n,->,")

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
            run = u.run or u.ready(6 * CALL + 2 * ELEMENT * x.size)
            # a negative number, read as unsigned, is larger than any class
            if (
                run is not None
                and not 0 <= ignore < classes
                and np.maximum.reduce(target.view(U64)) < classes
            ):
                loss, shift = run(x, target)
                if reduction != "none":
                    loss = loss.dot(vector(1 / n if reduction == "mean" else 1.0, n))
                return np.asarray(loss), None, shift, NUMBERS[n]
        return general(x, target, weight, reduction, ignore, smoothing)

    return f


def cross_entropy_backward(general: Word) -> Word:
    u = over_rows("flfff", "cross_entropy_backward", "n,,,->n")

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
        return (u.run or u.ready(0.0))(x, target, s, g / total if reduction == "mean" else g)

    return f


WORDS: dict[str, Callable[[Word], Word]] = {
    **{
        name: unary(name)
        for name in (
            "sigmoid", "rsqrt", "reciprocal", "sign", "relu", "silu", "erf", "mish", "logsigmoid"
        )
    },
    **{
        name: binary(name)
        for name in (
            "sigmoid_backward", "tanh_backward", "silu_backward", "logsigmoid_backward"
        )
    },
    "leaky_relu": planned(1, leaky("leaky_relu")),
    "leaky_relu_backward": planned(2, leaky("leaky_relu_backward")),
    "elu": planned(1, elus("elu")),
    "elu_backward": planned(2, elus("elu_backward")),
    "softplus": planned(1, softpluses("softplus")),
    "softplus_backward": planned(2, softpluses("softplus_backward")),
    "gelu": planned(1, gelus("")),
    "gelu_backward": planned(2, gelus("_backward")),
    "clamp": planned(1, clamped),
    "where": where,
    "round": unary("round", "nearest"),
    "pow": pow,
    "softmax": row_word("softmax", 1),
    "log_softmax": row_word("log_softmax", 1),
    "softmax_backward": row_word("softmax_backward", 2),
    "log_softmax_backward": row_word("log_softmax_backward", 2),
    "layer_norm": layer_norm,
    "layer_norm_backward": layer_norm_backward,
    "group_norm": group_norm,
    "group_norm_backward": group_norm_backward,
    "linear": linear,
    "smooth_l1_loss": between("smooth_l1", 1),
    "bce_logits": between("bce_logits", 0),
    "bce_logits_backward": bce_logits_backward,
    "cross_entropy": cross_entropy,
    "cross_entropy_backward": cross_entropy_backward,
}  # fmt: skip


def wrap(word: str, general: Word) -> Word:
    """A word of NumPy's, with its loop in front if it has one."""
    make = WORDS.get(word)
    if make is None:
        return general
    f = make(general)
    f.__name__ = word
    return f
