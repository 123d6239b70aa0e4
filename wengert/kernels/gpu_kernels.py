"""Kernels for GPUs, in the language of `gpu.py`, from the formulas that serve the CPU: chains over
elements, and rows (softmax, layer norm and their gradients).

They are checked on the CPU thread by thread. None of them has run on a GPU. Which words use them:
`arrays/cuda_kernels.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import formulas
from .gpu import Kernel, Threads
from .lanes import Param
from .values import Pointer, Value

__all__ = ["KERNELS", "OPTIONS", "ROWS", "elements", "layer_norm", "layer_norm_backward",
           "log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]  # fmt: skip

EACH = 4  # elements of a thread
WIDTH = 128


def elements(
    name: str, inputs: int, formula: Callable[..., Any], outputs: int = 1, numbers: int = 0
) -> Kernel:
    """A chain over elements: formula(*inputs, *numbers) gives the output, or a tuple of them.

    Launched with blocks of EACH * WIDTH elements: (n, *numbers, *inputs, *outputs).
    """

    def body(f: Threads, n: Value, *given: Any) -> None:
        options, arrays = given[:numbers], given[numbers:]
        first = f.block_index * (f.width * EACH) + f.thread

        def one(i: Value) -> None:
            found = formula(*[a.load(i) for a in arrays[:inputs]], *options)
            values = found if isinstance(found, tuple) else (found,)
            for place, v in zip(arrays[inputs:], values):
                place.store(v, i)

        def whole() -> None:  # neighbours read neighbours; loads before stores
            places = [first + q * f.width for q in range(EACH)]
            rows = [[a.load(i) for a in arrays[:inputs]] for i in places]
            for i, row in zip(places, rows):
                found = formula(*row, *options)
                values = found if isinstance(found, tuple) else (found,)
                for place, v in zip(arrays[inputs:], values):
                    place.store(v, i)

        def part() -> None:
            f.loop(0, EACH, 1, lambda q: f.when(at(q) < n, lambda: one(at(q))))

        def at(q: Value) -> Value:
            return first + q * f.width

        f.when((f.block_index + 1) * (f.width * EACH) <= n, whole, part)

    params: list[Param] = [("n", "i64"), *((f"s{i}", "float") for i in range(numbers))]
    params += [(f"a{i}", "float*") for i in range(inputs + outputs)]
    return Kernel(name, params, WIDTH, body)


def _row(
    f: Threads, n: Value, body: Callable[..., Any], carried: Sequence[Value] = ()
) -> list[Value]:
    """body(column, *carried) for this thread's columns of the block's row of n."""
    names = list(carried)

    def step(i: Value, *now: Value) -> Any:
        return body(i, *now)

    return f.loop(f.thread, n, f.width, step, names)


def _softmax(f: Threads, n: Value, x: Pointer, y: Pointer) -> None:
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    low = f.constant(-float("inf"), "float")
    (top,) = _row(f, n, lambda i, a: [x.load(i).most(a)], [low])
    top = f.greatest(top)

    def exps(i: Value, s: Value) -> list[Value]:
        e = formulas.small_exp(x.load(i) - top)
        y.store(e, i)
        return [s + e]

    (s,) = _row(f, n, exps, [f.zero("float")])
    scale = 1.0 / f.total(s)
    _row(f, n, lambda i: y.store(y.load(i) * scale, i))


def _softmax_backward(f: Threads, n: Value, g: Pointer, y: Pointer, out: Pointer) -> None:
    g, y, out = (p.at(f.block_index * n) for p in (g, y, out))
    (s,) = _row(f, n, lambda i, s: [g.load(i).fma(y.load(i), s)], [f.zero("float")])
    s = f.total(s)
    _row(f, n, lambda i: out.store((g.load(i) - s) * y.load(i), i))


def _log_softmax(f: Threads, n: Value, x: Pointer, y: Pointer) -> None:
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    low = f.constant(-float("inf"), "float")
    (top,) = _row(f, n, lambda i, a: [x.load(i).most(a)], [low])
    top = f.greatest(top)
    (s,) = _row(f, n, lambda i, s: [s + formulas.small_exp(x.load(i) - top)], [f.zero("float")])
    s = formulas.log(f.total(s))
    _row(f, n, lambda i: y.store(x.load(i) - top - s, i))


def _log_softmax_backward(f: Threads, n: Value, g: Pointer, y: Pointer, out: Pointer) -> None:
    g, y, out = (p.at(f.block_index * n) for p in (g, y, out))
    (s,) = _row(f, n, lambda i, s: [s + g.load(i)], [f.zero("float")])
    s = f.total(s)
    _row(f, n, lambda i: out.store(g.load(i) - formulas.small_exp(y.load(i)) * s, i))


def _layer_norm(
    f: Threads, n: Value, eps: Value, x: Pointer, w: Pointer, b: Pointer, y: Pointer, stats: Pointer
) -> None:
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    one = 1.0 / n.cast("sitofp", "float")
    (s,) = _row(f, n, lambda i, s: [s + x.load(i)], [f.zero("float")])
    mean = f.total(s) * one

    def squares(i: Value, s: Value) -> list[Value]:
        d = x.load(i) - mean
        return [d.fma(d, s)]

    (s,) = _row(f, n, squares, [f.zero("float")])
    inverse = 1.0 / f.total(s).fma(one, eps).sqrt()
    _row(f, n, lambda i: y.store(((x.load(i) - mean) * inverse).fma(w.load(i), b.load(i)), i))

    def keep() -> None:
        stats.store(mean, f.block_index * 2)
        stats.store(inverse, f.block_index * 2 + 1)

    f.when(f.thread.equals(0), keep)


def _layer_norm_backward(
    f: Threads, n: Value, g: Pointer, x: Pointer, w: Pointer, stats: Pointer, out: Pointer
) -> None:
    g, x, out = (p.at(f.block_index * n) for p in (g, x, out))
    mean, inverse = stats.load(f.block_index * 2), stats.load(f.block_index * 2 + 1)
    one = 1.0 / n.cast("sitofp", "float")

    def both(i: Value, a: Value, b: Value) -> list[Value]:
        normal, slope = (x.load(i) - mean) * inverse, g.load(i) * w.load(i)
        return [a + slope, slope.fma(normal, b)]

    a, b = _row(f, n, both, [f.zero("float"), f.zero("float")])
    a, b = f.total(a) * one, f.total(b) * one

    def give(i: Value) -> None:
        normal = (x.load(i) - mean) * inverse
        out.store((g.load(i) * w.load(i) - a - normal * b) * inverse, i)

    _row(f, n, give)


def _rows(name: str, arrays: str, body: Callable[..., None], eps: bool = False) -> Kernel:
    """A kernel with a block for each row of n: (n, *arrays)."""
    params: list[Param] = [("n", "i64"), *([("eps", "float")] if eps else [])]
    return Kernel(name, params + [(a, "float*") for a in arrays.split()], WIDTH, body)


softmax = _rows("softmax", "x y", _softmax)
softmax_backward = _rows("softmax_backward", "g y out", _softmax_backward)
log_softmax = _rows("log_softmax", "x y", _log_softmax)
log_softmax_backward = _rows("log_softmax_backward", "g y out", _log_softmax_backward)
layer_norm = _rows("layer_norm", "x w b y stats", _layer_norm, True)
layer_norm_backward = _rows("layer_norm_backward", "g x w stats out", _layer_norm_backward)


def _adam(p: Any, g: Any, m: Any, v: Any) -> Any:
    """A step of Adam with beta 0.9 and 0.999, step size 1e-3, without the corrections."""
    m = g * 0.1 + m * 0.9
    v = g * g * 0.001 + v * 0.999
    return p - m * 0.001 / (v.sqrt() + 1e-8), m, v


UNARY = (
    "exp expm1 log erf sigmoid tanh rsqrt relu silu gelu gelu_tanh softplus logsigmoid mish "
    "hardsigmoid hardswish"
)
BINARY = (
    "maximum sigmoid_backward tanh_backward relu_backward silu_backward gelu_backward "
    "gelu_tanh_backward softplus_backward logsigmoid_backward hardswish_backward"
)
# formula -> how many arrays and how many numbers it takes
OPTIONS = {
    "softplus_scaled": (1, 2), "softplus_scaled_backward": (2, 2), "hardshrink": (1, 1),
    "hardshrink_backward": (2, 1), "softshrink": (1, 1), "threshold": (1, 2),
    "threshold_backward": (2, 1), "leaky_relu": (1, 1), "leaky_relu_backward": (2, 1),
    "elu": (1, 3), "elu_backward": (2, 3), "clamp": (1, 2), "hardtanh_backward": (2, 2),
}  # fmt: skip
ROWS = {
    k.name: k
    for k in (
        softmax, softmax_backward, log_softmax, log_softmax_backward, layer_norm,
        layer_norm_backward,
    )
}  # fmt: skip
# name -> a kernel over elements: every formula of one and of two values, and what chains of ops
# become
KERNELS = {
    **{name: elements(name, 1, getattr(formulas, name)) for name in UNARY.split()},
    **{name: elements(name, 2, getattr(formulas, name)) for name in BINARY.split()},
    **{
        name: elements(name, inputs, getattr(formulas, name), numbers=numbers)
        for name, (inputs, numbers) in OPTIONS.items()
    },
    "scaled_relu": elements("scaled_relu", 3, lambda x, w, b: formulas.relu(x.fma(w, b))),
    "gated": elements("gated", 2, lambda x, gate: x * formulas.sigmoid(gate) * 0.5 + 1.0),
    "adam": elements("adam", 4, _adam, 3),
}
