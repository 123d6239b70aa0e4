"""Converters of operations element by element and of reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..capture import Value
from .builder import Builder, NoConversion, converts, dtype_of, rank

__all__: list[str] = []

# op -> node of one input
UNARY = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh",
    "atan": "Atan", "atanh": "Atanh", "bitwise_not": "BitwiseNot", "ceil": "Ceil", "cos": "Cos",
    "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor", "isinf": "IsInf",
    "isnan": "IsNaN", "log": "Log", "logical_not": "Not", "neg": "Neg", "reciprocal": "Reciprocal",
    "relu": "Relu", "round": "Round", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin",
    "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
    "alias_item": "Identity", "contiguous": "Identity", "copy": "Identity",
}  # fmt: skip

# op -> node of two inputs
BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "pow": "Pow", "pow_tensor": "Pow", "pow_base": "Pow",
    "maximum": "Max", "minimum": "Min", "eq": "Equal", "lt": "Less", "le": "LessOrEqual",
    "gt": "Greater", "ge": "GreaterOrEqual", "logical_and": "And", "logical_or": "Or",
    "logical_xor": "Xor", "bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr",
    "bitwise_xor": "BitwiseXor",
}  # fmt: skip
OF_BOOLS = {"BitwiseAnd": "And", "BitwiseOr": "Or", "BitwiseXor": "Xor", "BitwiseNot": "Not"}


def _unary(kind: str) -> Any:
    def convert(b: Builder, x: Value) -> str:
        return b.add(OF_BOOLS.get(kind, kind) if x.dtype == "bool" else kind, [x])

    return convert


def _binary(kind: str) -> Any:
    def convert(b: Builder, x: Any, y: Any) -> str:
        x, y = both(b, x, y)
        boolean = kind in OF_BOOLS and b.out is not None and b.out.dtype == "bool"
        return b.add(OF_BOOLS[kind] if boolean else kind, [x, y])

    return convert


for _op, _kind in UNARY.items():
    converts(_op)(_unary(_kind))
for _op, _kind in BINARY.items():
    converts(_op)(_binary(_kind))


def both(b: Builder, x: Any, y: Any) -> tuple[str, str]:
    """The names of two operands, of which one may be a number."""
    like = x if isinstance(x, Value) else y
    return b.name(x, like), b.name(y, like)


def number(b: Builder, value: float, like: Value) -> str:
    """A number in the dtype of a value."""
    return b.constant(np.array(value, dtype_of(like)))


@converts("div")
def _div(b: Builder, x: Any, y: Any) -> str:
    return b.add("Div", both(b, x, y))


@converts("rsub")
def _rsub(b: Builder, x: Any, y: Any) -> str:
    return b.add("Sub", both(b, x, y)[::-1])


@converts("ne")
def _ne(b: Builder, x: Any, y: Any) -> str:
    return b.add("Not", [b.add("Equal", both(b, x, y))])


@converts("floor_divide")
def _floor_divide(b: Builder, x: Any, y: Any) -> str:
    like = x if isinstance(x, Value) else y
    x, y = both(b, x, y)
    if dtype_of(like).kind != "f":  # what is left without the remainder, which has y's sign
        return b.add("Div", [b.add("Sub", [x, b.add("Mod", [x, y])]), y])
    return b.add("Floor", [b.add("Div", [x, y])])


@converts("remainder")
def _remainder(b: Builder, x: Any, y: Any) -> str:
    like = x if isinstance(x, Value) else y
    x, y = both(b, x, y)
    if dtype_of(like).kind != "f":
        return b.add("Mod", [x, y])
    return b.add("Sub", [x, b.add("Mul", [b.add("Floor", [b.add("Div", [x, y])]), y])])


@converts("fmod")
def _fmod(b: Builder, x: Any, y: Any) -> str:
    return b.add("Mod", both(b, x, y), fmod=1)


def _add_product(kind: str) -> Any:
    def convert(b: Builder, x: Value, a: Value, c: Value, value: float = 1) -> str:
        step = b.add(kind, [a, c])
        return b.add("Add", [x, b.add("Mul", [step, number(b, value, x)])])

    return convert


converts("addcmul")(_add_product("Mul"))
converts("addcdiv")(_add_product("Div"))


@converts("lerp", "lerp_number")
def _lerp(b: Builder, x: Value, end: Value, weight: Any) -> str:
    step = b.add("Mul", [b.add("Sub", [end, x]), b.name(weight, x)])
    return b.add("Add", [x, step])


@converts("where")
def _where(b: Builder, condition: Value, x: Any, y: Any) -> str:
    assert b.out is not None
    return b.add("Where", [condition, b.name(x, b.out), b.name(y, b.out)])


@converts("astype")
def _astype(b: Builder, x: Value, dtype: Any = None) -> str:
    assert b.out is not None
    return b.cast(x, dtype_of(b.out))


@converts("clamp_scalar", "hardtanh")
def _clip(b: Builder, x: Value, low: Any = None, high: Any = None) -> str:
    limits = [None if v is None else number(b, v, x) for v in (low, high)]
    return b.add("Clip", [x, *limits])


# --- written in terms of others ------------------------------------------------------------------


@converts("rsqrt")
def _rsqrt(b: Builder, x: Value) -> str:
    return b.add("Reciprocal", [b.add("Sqrt", [x])])


@converts("log1p")
def _log1p(b: Builder, x: Value) -> str:
    return b.add("Log", [b.add("Add", [x, number(b, 1, x)])])


@converts("expm1")
def _expm1(b: Builder, x: Value) -> str:
    return b.add("Sub", [b.add("Exp", [x]), number(b, 1, x)])


def _logarithm(base: float) -> Any:
    return lambda b, x: b.add("Div", [b.add("Log", [x]), number(b, math.log(base), x)])


converts("log2")(_logarithm(2))
converts("log10")(_logarithm(10))


@converts("exp2")
def _exp2(b: Builder, x: Value) -> str:
    return b.add("Pow", [number(b, 2, x), x])


@converts("erfc")
def _erfc(b: Builder, x: Value) -> str:
    return b.add("Sub", [number(b, 1, x), b.add("Erf", [x])])


@converts("trunc")
def _trunc(b: Builder, x: Value) -> str:
    return b.add("Mul", [b.add("Sign", [x]), b.add("Floor", [b.add("Abs", [x])])])


@converts("frac")
def _frac(b: Builder, x: Value) -> str:
    return b.add("Sub", [x, _trunc(b, x)])


@converts("atan2")
def _atan2(b: Builder, x: Value, y: Value) -> str:
    angle = b.add("Atan", [b.add("Div", [x, y])])
    zero, pi = number(b, 0, x), number(b, math.pi, x)
    up = b.add("Where", [b.add("Less", [x, zero]), b.add("Neg", [pi]), pi])
    return b.add("Where", [b.add("Less", [y, zero]), b.add("Add", [angle, up]), angle])


@converts("silu")
def _silu(b: Builder, x: Value) -> str:
    return b.add("Mul", [x, b.add("Sigmoid", [x])])


@converts("gelu")
def _gelu(b: Builder, x: Value, approximate: str = "none") -> str:
    if b.opset >= 20:
        return b.add("Gelu", [x], approximate=approximate)
    half = b.add("Mul", [x, number(b, 0.5, x)])
    if approximate == "tanh":
        cube = b.add("Pow", [x, number(b, 3, x)])
        inner = b.add("Add", [x, b.add("Mul", [cube, number(b, 0.044715, x)])])
        scaled = b.add("Mul", [inner, number(b, math.sqrt(2 / math.pi), x)])
        bell = b.add("Tanh", [scaled])
    else:
        bell = b.add("Erf", [b.add("Mul", [x, number(b, math.sqrt(0.5), x)])])
    return b.add("Mul", [half, b.add("Add", [bell, number(b, 1, x)])])


@converts("leaky_relu")
def _leaky_relu(b: Builder, x: Value, negative_slope: float = 0.01) -> str:
    return b.add("LeakyRelu", [x], alpha=float(negative_slope))


@converts("elu")
def _elu(
    b: Builder, x: Value, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> str:
    if input_scale != 1:
        raise NoConversion(f"elu with input_scale={input_scale}")
    if scale == 1:
        return b.add("Elu", [x], alpha=float(alpha))
    return b.add("Selu", [x], alpha=float(alpha), gamma=float(scale))


@converts("celu")
def _celu(b: Builder, x: Value, alpha: float = 1.0) -> str:
    return b.add("Celu", [x], alpha=float(alpha))


@converts("softplus")
def _softplus(b: Builder, x: Value, beta: float = 1.0, threshold: float = 20.0) -> str:
    if beta == 1:
        return b.add("Softplus", [x])
    beta_ = number(b, beta, x)
    return b.add("Div", [b.add("Softplus", [b.add("Mul", [x, beta_])]), beta_])


@converts("logsigmoid")
def _logsigmoid(b: Builder, x: Value) -> str:
    return b.add("Neg", [b.add("Softplus", [b.add("Neg", [x])])])


@converts("mish")
def _mish(b: Builder, x: Value) -> str:
    return b.add("Mish", [x])


@converts("hardsigmoid")
def _hardsigmoid(b: Builder, x: Value) -> str:
    return b.add("HardSigmoid", [x], alpha=1 / 6, beta=0.5)


@converts("hardswish")
def _hardswish(b: Builder, x: Value) -> str:
    return b.add("HardSwish", [x])


@converts("hardshrink")
def _hardshrink(b: Builder, x: Value, lambd: float = 0.5) -> str:
    return b.add("Shrink", [x], lambd=float(lambd), bias=0.0)


@converts("softshrink")
def _softshrink(b: Builder, x: Value, lambd: float = 0.5) -> str:
    return b.add("Shrink", [x], lambd=float(lambd), bias=float(lambd))


@converts("threshold")
def _threshold(b: Builder, x: Value, threshold: float = 0.0, value: float = 0.0) -> str:
    above = b.add("Greater", [x, number(b, threshold, x)])
    return b.add("Where", [above, x, number(b, value, x)])


@converts("prelu")
def _prelu(b: Builder, x: Value, w: Value) -> str:
    return b.add("PRelu", [x, w])


@converts("glu")
def _glu(b: Builder, x: Value, dim: int = -1) -> str:
    value, gate = b.add("Split", [x], 2, axis=dim, num_outputs=2)
    return b.add("Mul", [value, b.add("Sigmoid", [gate])])


# --- reductions ----------------------------------------------------------------------------------


def dims_of(dim: Any) -> list[int] | None:
    """The dims of a reduction as a list; None for all."""
    if dim is None:
        return None
    return [dim] if isinstance(dim, int) else list(dim)


def reduced(b: Builder, kind: str, x: Any, dim: Any, keepdim: bool) -> str:
    """A reduction; all ONNX reductions from version 18 on take their dims as an input."""
    dims = dims_of(dim)
    axes = None if dims is None else b.ints(dims)
    return b.add(kind, [x, axes], keepdims=int(keepdim))


def _reduction(kind: str) -> Any:
    def convert(b: Builder, x: Value, dim: Any = None, keepdim: bool = False) -> str:
        return reduced(b, kind, x, dim, keepdim)

    return convert


REDUCTIONS = {
    "sum": "ReduceSum", "sum_all": "ReduceSum", "mean": "ReduceMean", "mean_all": "ReduceMean",
    "amax": "ReduceMax", "max_all": "ReduceMax", "amin": "ReduceMin", "min_all": "ReduceMin",
    "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp",
}  # fmt: skip
for _op, _kind in REDUCTIONS.items():
    converts(_op)(_reduction(_kind))


def _arg(kind: str) -> Any:
    def convert(b: Builder, x: Value, dim: Any = None, keepdim: bool = False) -> str:
        if dim is None:
            flat = b.add("Reshape", [x, b.ints([-1])])
            return b.add(kind, [flat], axis=0, keepdims=0)
        return b.add(kind, [x], axis=dim, keepdims=int(keepdim))

    return convert


converts("argmax")(_arg("ArgMax"))
converts("argmin")(_arg("ArgMin"))


def _bool_reduction(kind: str) -> Any:
    def convert(b: Builder, x: Value, dim: Any = None, keepdim: bool = False) -> str:
        numbers = b.cast(b.cast(x, np.bool_), np.int32)
        return b.cast(reduced(b, kind, numbers, dim, keepdim), np.bool_)

    return convert


converts("any")(_bool_reduction("ReduceMax"))
converts("all")(_bool_reduction("ReduceMin"))


@converts("max_values", "min_values", "sort_values", "topk_values", "median_values")
def _at_index(b: Builder, x: Value, index: Value, dim: int = 0, keepdim: bool = True) -> str:
    """The elements of x at the positions found along dim."""
    if rank(index) < rank(x):
        where = b.add("Unsqueeze", [index, b.ints([dim])])
    else:
        where = b.name(index)
    found = b.add("GatherElements", [x, where], axis=dim)
    assert b.out is not None
    return found if rank(b.out) == rank(x) else b.add("Squeeze", [found, b.ints([dim])])


@converts("topk_indices")
def _topk(
    b: Builder, x: Value, k: int = 1, dim: int = -1, largest: bool = True, ordered: bool = True
) -> str:
    return b.add("TopK", [x, b.ints([k])], 2, axis=dim, largest=int(largest))[1]


@converts("argsort")
def _argsort(b: Builder, x: Value, dim: int = -1, descending: bool = False) -> str:
    count = b.ints([x.shape[dim]], x)
    return b.add("TopK", [x, count], 2, axis=dim, largest=int(descending))[1]


@converts("var")
def _var(
    b: Builder, x: Value, dim: Any = None, correction: float = 1, keepdim: bool = False
) -> str:
    dims = dims_of(dim)
    sizes = x.shape if dims is None else [x.shape[d] for d in dims]
    away = b.add("Sub", [x, reduced(b, "ReduceMean", x, dim, True)])
    square = b.add("Mul", [away, away])
    if correction == 0:
        return reduced(b, "ReduceMean", square, dim, keepdim)
    total = reduced(b, "ReduceSum", square, dim, keepdim)
    elements = b.add("ReduceProd", [b.ints(sizes, x)], keepdims=0)
    freedom = b.add("Sub", [b.cast(elements, dtype_of(x)), number(b, correction, x)])
    return b.add("Div", [total, freedom])


@converts("std")
def _std(
    b: Builder, x: Value, dim: Any = None, correction: float = 1, keepdim: bool = False
) -> str:
    return b.add("Sqrt", [_var(b, x, dim, correction, keepdim)])


@converts("vector_norm")
def _vector_norm(
    b: Builder, x: Value, ord: float = 2.0, dim: Any = None, keepdim: bool = False
) -> str:
    if ord in (1, 2):
        return reduced(b, f"ReduceL{int(ord)}", x, dim, keepdim)
    size = b.add("Abs", [x])
    if math.isinf(ord):
        return reduced(b, "ReduceMax" if ord > 0 else "ReduceMin", size, dim, keepdim)
    powers = reduced(b, "ReduceSum", b.add("Pow", [size, number(b, ord, x)]), dim, keepdim)
    return b.add("Pow", [powers, number(b, 1 / ord, x)])


@converts("cumsum")
def _cumsum(b: Builder, x: Value, dim: int = 0) -> str:
    return b.add("CumSum", [x, b.constant(np.int64(dim))])


@converts("softmax")
def _softmax(b: Builder, x: Value, dim: int = -1) -> str:
    return b.add("Softmax", [x], axis=dim)


@converts("log_softmax")
def _log_softmax(b: Builder, x: Value, dim: int = -1) -> str:
    return b.add("LogSoftmax", [x], axis=dim)
