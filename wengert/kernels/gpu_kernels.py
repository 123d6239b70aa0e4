"""Kernels for GPUs, in the language of `gpu.py`, from the formulas that serve the CPU: chains over
elements, and rows (softmax and its gradients).

They are checked on the CPU thread by thread. None of them has run on a GPU. Which words use them:
`arrays/cuda_kernels.py`. Not here: norms (`gpu_norms.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import formulas
from .gpu import Kernel, Threads
from .lanes import Param
from .values import Pointer, Value

__all__ = ["KERNELS", "OPTIONS", "ROWS", "elements", "log_softmax", "log_softmax_backward", "row",
           "softmax", "softmax_backward"]  # fmt: skip

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


def row(
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
    (top,) = row(f, n, lambda i, a: [x.load(i).most(a)], [low])
    top = f.greatest(top)

    def exps(i: Value, s: Value) -> list[Value]:
        e = formulas.exp(x.load(i) - top)
        y.store(e, i)
        return [s + e]

    (s,) = row(f, n, exps, [f.zero("float")])
    scale = 1.0 / f.total(s)
    row(f, n, lambda i: y.store(y.load(i) * scale, i))


def _softmax_backward(f: Threads, n: Value, g: Pointer, y: Pointer, out: Pointer) -> None:
    g, y, out = (p.at(f.block_index * n) for p in (g, y, out))
    (s,) = row(f, n, lambda i, s: [g.load(i).fma(y.load(i), s)], [f.zero("float")])
    s = f.total(s)
    row(f, n, lambda i: out.store((g.load(i) - s) * y.load(i), i))


def _log_softmax(f: Threads, n: Value, x: Pointer, y: Pointer) -> None:
    x, y = x.at(f.block_index * n), y.at(f.block_index * n)
    low = f.constant(-float("inf"), "float")
    (top,) = row(f, n, lambda i, a: [x.load(i).most(a)], [low])
    top = f.greatest(top)
    (s,) = row(f, n, lambda i, s: [s + formulas.small_exp(x.load(i) - top)], [f.zero("float")])
    s = formulas.log(f.total(s))
    row(f, n, lambda i: y.store(x.load(i) - top - s, i))


def _log_softmax_backward(f: Threads, n: Value, g: Pointer, y: Pointer, out: Pointer) -> None:
    g, y, out = (p.at(f.block_index * n) for p in (g, y, out))
    (s,) = row(f, n, lambda i, s: [s + g.load(i)], [f.zero("float")])
    s = f.total(s)
    row(f, n, lambda i: out.store(g.load(i) - formulas.exp(y.load(i)) * s, i))


def _rows(name: str, arrays: str, body: Callable[..., None]) -> Kernel:
    """A kernel with a block for each row of n: (n, *arrays)."""
    return Kernel(name, [("n", "i64"), *((a, "float*") for a in arrays.split())], WIDTH, body)


softmax = _rows("softmax", "x y", _softmax)
softmax_backward = _rows("softmax_backward", "g y out", _softmax_backward)
log_softmax = _rows("log_softmax", "x y", _log_softmax)
log_softmax_backward = _rows("log_softmax_backward", "g y out", _log_softmax_backward)


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
ROWS = {k.name: k for k in (softmax, softmax_backward, log_softmax, log_softmax_backward)}
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
