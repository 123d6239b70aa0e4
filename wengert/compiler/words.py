"""The vocabulary over lanes: what the elementwise ops that can be joined are as instructions.

Each word takes values of `kernels/lanes.py`, or numbers, and the op's settings by position. Words
in `SINGLE` are right in float32 alone, the others in float64 too. An op that is not here is its
library's own business.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..kernels import formulas as F
from ..kernels.lanes import Value

V = Any


def both(f: Callable[[V, V], V]) -> Callable[..., V]:
    """A word of two operands, one of which may be a number."""

    def word(x: V, y: V) -> V:
        return f(x if isinstance(x, Value) else y.constant(x), y)

    return word


def power(x: V, n: float) -> V:
    return {2: lambda: x * x, 3: lambda: x * x * x, 0.5: x.sqrt, 1: lambda: x}[n]()


def clamp_scalar(x: V, low: Any = None, high: Any = None) -> V:
    if low is not None:
        x = F.most(x, low)
    return x if high is None else F.least(x, high)


def where(mask: V, x: V, y: V) -> V:
    return mask.choose(x, y)


def gelu(x: V, approximate: str = "none") -> V:
    return F.gelu(x) if approximate == "none" else F.gelu_tanh(x)


def gelu_backward(g: V, x: V, approximate: str = "none") -> V:
    return F.gelu_backward(g, x) if approximate == "none" else F.gelu_tanh_backward(g, x)


def lerp(x: V, end: V, weight: float) -> V:
    return x + (end - x) * float(weight)


def addcmul(x: V, a: V, b: V, value: float = 1) -> V:
    return x + (a if value == 1 else a * float(value)) * b


def softplus(x: V, beta: float = 1.0, threshold: float = 20.0) -> V:
    y = x * float(beta)
    return where(y > float(threshold), x, F.softplus(y) * (1.0 / beta))


WORDS: dict[str, Callable[..., V]] = {
    "add": both(lambda x, y: x + y),
    "sub": both(lambda x, y: x - y),
    "mul": both(lambda x, y: x * y),
    "div": both(lambda x, y: x / y),
    "neg": lambda x: -x,
    "abs": lambda x: x.abs(),
    "sqrt": lambda x: x.sqrt(),
    "reciprocal": lambda x: 1.0 / x,
    "maximum": both(F.maximum),
    "minimum": both(F.minimum),
    "eq": both(lambda x, y: x.equals(y)),
    "ne": both(lambda x, y: x.differs(y)),
    "lt": both(lambda x, y: x < y),
    "le": both(lambda x, y: x <= y),
    "gt": both(lambda x, y: x > y),
    "ge": both(lambda x, y: x >= y),
    "logical_not": lambda x: ~x,
    "logical_and": lambda x, y: x & y,
    "logical_or": lambda x, y: x | y,
    "where": where,
    "keep": lambda x, mask: mask.choose(x, 0.0),
    "copy": lambda x: x,
    "clamp_scalar": clamp_scalar,
    "lerp_number": lerp,
    "pow": power,
    "rsqrt": F.rsqrt,
    "floor": lambda x: x.call("floor"),
    "ceil": lambda x: x.call("ceil"),
    "trunc": lambda x: x.call("trunc"),
    "round": F.nearest,
    "frac": lambda x: x - x.call("trunc"),
    "isnan": lambda x: x.isnan(),
    "isinf": lambda x: x.abs().equals(math.inf),
    "isfinite": lambda x: x.abs() < math.inf,
    "logical_xor": lambda x, y: x ^ y,
    "masked_fill": lambda x, mask, value: mask.choose(float(value), x),
    "addcmul": addcmul,
    "leaky_relu": F.leaky_relu,
    "leaky_relu_backward": F.leaky_relu_backward,
    "relu": F.relu,
    "relu_backward": F.relu_backward,
    "sigmoid_backward": F.sigmoid_backward,
    "tanh_backward": F.tanh_backward,
}
SINGLE: dict[str, Callable[..., V]] = {
    "exp": F.exp,
    "tanh": F.tanh,
    "erf": F.erf,
    "sigmoid": F.sigmoid,
    "silu": F.silu,
    "silu_backward": F.silu_backward,
    "gelu": gelu,
    "gelu_backward": gelu_backward,
    "sign": F.sign,
    "elu": F.elu,
    "elu_backward": F.elu_backward,
    "softplus": softplus,
    "logsigmoid": F.logsigmoid,
    "logsigmoid_backward": F.logsigmoid_backward,
    "mish": F.mish,
    "hardtanh": F.clamp,
    "hardtanh_backward": F.hardtanh_backward,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardswish_backward": F.hardswish_backward,
    "threshold": F.threshold,
    "threshold_backward": F.threshold_backward,
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
}


def analytic(name: str) -> Callable[..., V]:
    """A function of `kernels/functions.py`, whose formulas bear no rounding but their own."""

    def word(*xs: V) -> V:
        from ..kernels import functions  # with tables that few programs need

        module = next(x for x in xs if isinstance(x, Value)).f.module
        before = module.flags, module.short
        module.flags, module.short = {}, xs[0].word == "float"
        try:
            return functions.double(getattr(functions, name))(*xs)
        finally:
            module.flags, module.short = before

    return word


# Right in both types, but dearer than what the library has for many elements.
FEW: dict[str, Callable[..., V]] = {
    name: analytic(name)
    for name in (
        *("sin", "cos", "tan", "exp", "exp2", "expm1", "sinh", "cosh", "tanh"),
        *("log", "log2", "log10", "log1p", "asinh", "acosh", "atanh", "atan", "asin", "acos"),
        *("erf", "erfc"),
    )
}
FEW["sigmoid"] = lambda x: 1.0 / (FEW["exp"](-x) + 1.0)
MASKS = {"logical_not", "logical_and", "logical_or", "logical_xor"}
FILLS = {"keep", "masked_fill"}  # of numbers and a mask
