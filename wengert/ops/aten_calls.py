"""Which of PyTorch's operators an op is, for those who stand in for operators: one, or several in
turn.

A rule is called as f(call, *operands, **static) and calls `call("add.Tensor", x, y)`. Operands are
tensors, numbers or None. An op without a rule is an operator of its own name (`aten.own`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..declare.registry import FUNCTIONS
from ..engine.op import Op
from ..engine.tensor import Tensor

Call = Callable[..., Any]
Rule = Callable[..., Any]

SAME = (  # one operand or more, and nothing else
    "abs acos acosh angle asin asinh atan atan2 atanh bitwise_not ceil copysign cos cosh deg2rad "
    "det digamma dot entr erf erfc erfinv exp exp2 expm1 floor floor_divide fmax fmin frac "
    "heaviside hypot i0 igamma igammac isfinite isinf isnan isneginf isposinf lgamma log log10 "
    "log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor masked_select "
    "maximum minimum mish mm mv bmm neg nextafter rad2deg reciprocal relu round rsqrt sgn sigmoid "
    "sign signbit silu sin sinc sinh sqrt t tan tanh trace trunc xlogy hardswish hardsigmoid gcd "
    "lcm conj"
)
PAIRS = "eq ne lt le gt ge bitwise_and bitwise_or bitwise_xor remainder fmod"


def given(args: list[Any], defaults: list[Any]) -> list[Any]:
    """Arguments without those at the end that are as PyTorch has them anyway."""
    while defaults and args[-1] == defaults[-1]:
        args, defaults = args[:-1], defaults[:-1]
    return args


def ints(dim: Any) -> list[int]:
    """Dimensions as a list."""
    return [dim] if isinstance(dim, int) else list(dim)


def is_number(x: Any) -> bool:
    return not isinstance(x, Tensor)


def pair(name: str) -> Rule:
    """Two tensors, or a tensor and a number."""
    return lambda call, x, y: call(f"{name}.{'Scalar' if is_number(y) else 'Tensor'}", x, y)


def div(call: Call, x: Any, y: Any) -> Any:
    """A quotient; of a number as PyTorch has it."""
    if is_number(x):
        return call("mul.Tensor", call("reciprocal.default", y), x)
    return call("div.Tensor", x, y)


def sub(call: Call, x: Any, y: Any) -> Any:
    """A difference."""
    return call("rsub.Scalar", y, x) if is_number(x) else call("sub.Tensor", x, y)


def power(call: Call, x: Any, y: Any) -> Any:
    """A power, with a number on one side or none."""
    if is_number(x):
        return call("pow.Scalar", x, y)
    return call("pow.Tensor_Scalar" if is_number(y) else "pow.Tensor_Tensor", x, y)


def scaled(name: str) -> Rule:
    """A sum or difference with a factor."""
    return lambda call, x, y, alpha: call(f"{name}.Tensor", x, y, alpha=alpha)


def reduced(whole: str, along: str) -> Rule:
    """A reduction over everything, or along dimensions."""

    def f(call: Call, x: Any, dim: Any, keepdim: bool) -> Any:
        if dim is None and not keepdim:
            return call(whole, x)
        dims = list(range(x.ndim)) if dim is None else ints(dim)
        return call(along, *given([x, dims, keepdim], [False]))

    return f


def reduced_one(whole: str, along: str) -> Rule:
    """A reduction over everything, or along one dimension."""

    def f(call: Call, x: Any, dim: Any, keepdim: bool) -> Any:
        if dim is None:
            return call(whole, x)
        dims = ints(dim)
        one = dims[0] if len(dims) == 1 else dims
        return call(along if len(dims) == 1 else along + "s", *given([x, one, keepdim], [False]))

    return f


def place(name: str) -> Rule:
    """The position of an extreme."""
    return lambda call, x, dim, keepdim: call(
        name, *given([x, *([] if dim is None else [dim, keepdim])], [False] * (dim is not None))
    )


def extremes(name: str) -> Rule:
    """An extreme along a dimension, and where it is."""
    return lambda call, x, dim, keepdim: call(name, *given([x, dim, keepdim], [False]))


def spread(name: str) -> Rule:
    """A standard deviation or variance."""

    def f(call: Call, x: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
        options = {"keepdim": True} if keepdim else {}
        dims = [] if dim is None else [ints(dim)]
        return call(f"{name}.correction", x, *dims, correction=correction, **options)

    return f


def cast(call: Call, x: Any, dtype: Any) -> Any:
    return call("_to_copy.default", x, dtype=dtypes.as_dtype(dtype))


def viewed(call: Call, x: Any, shape: Any) -> Any:
    """Another shape; of what does not lie in order, of a copy."""
    if x.is_contiguous():
        return call("view.default", x, list(shape))
    y = call("clone.default", x, memory_format=contiguous())
    return call("_unsafe_view.default", y, list(shape))


def contiguous() -> Any:
    from ..base.formats import contiguous_format

    return contiguous_format


def squeezed(call: Call, x: Any, dims: Any) -> Any:
    if len(dims) == 1:
        return call("squeeze.dim", x, dims[0])
    ones = [i for i, n in enumerate(x.shape) if n == 1]
    return call("squeeze.default", x) if ones == list(dims) else call("squeeze.dims", x, [*dims])


def keyed(call: Call, x: Any, key: Any) -> Any:
    """Basic indexing, one step a part of the key."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        taken = sum([p is not None for p in parts]) - 1
        parts[at : at + 1] = [slice(None)] * (x.ndim - taken)
    d, made = 0, False
    for p in parts:
        if p is None:
            x, d, made = call("unsqueeze.default", x, d), d + 1, True
        elif isinstance(p, slice):
            if p != slice(None):
                start = 0 if p.start is None else p.start
                end = 9223372036854775807 if p.stop is None else p.stop
                step = 1 if p.step is None else p.step
                x, made = call("slice.Tensor", *given([x, d, start, end, step], [1])), True
            d += 1
        else:
            x, made = call("select.int", x, d, p), True
    return x if made else call("alias.default", x)


def taken(call: Call, x: Any, *indices: Any, spec: Any) -> Any:
    """Advanced indexing: what is not an index array first, then all of them at once."""
    basic = tuple([slice(None) if isinstance(k, str) else k for k in spec])
    if any(k is Ellipsis or k is None or isinstance(k, int) for k in basic):
        return NotImplemented
    if any(k != slice(None) for k in basic):
        x = keyed(call, x, basic)
    arrays = iter(indices)
    places = [next(arrays) if isinstance(k, str) else None for k in spec]
    while places[-1] is None:
        places.pop()
    return call("index.Tensor", x, places)


def product(call: Call, x: Any, y: Any) -> Any:
    """A product of matrices, vectors and batches of them."""
    n, m = x.ndim, y.ndim
    if n == 1 and m == 1:
        return call("dot.default", x, y)
    if n == 2 and m == 1:
        return call("mv.default", x, y)
    if n == 1 and m == 2:
        made = call("mm.default", call("unsqueeze.default", x, 0), y)
        return call("squeeze_.dim", made, 0)
    if n == 2 and m == 2:
        return call("mm.default", x, y)
    if m <= 2 and n > 2:
        flat = call("view.default", x, [math.prod(x.shape[:-1]), x.shape[-1]])
        made = call("mm.default" if m == 2 else "mv.default", flat, y)
        return call("_unsafe_view.default", made, [*x.shape[:-1], *y.shape[1:]])
    return batches(call, x, y)


def batches(call: Call, x: Any, y: Any) -> Any:
    """A product of batches, with broadcasting."""
    vector, column = x.ndim == 1, y.ndim == 1
    if vector:
        x = call("unsqueeze.default", x, 0)
    if column:
        y = call("unsqueeze.default", y, 1)
    n = max(x.ndim, y.ndim) - 2
    both = [(1,) * (n + 2 - t.ndim) + tuple(t.shape[:-2]) for t in (x, y)]
    batch = [b if a == 1 else a for a, b in zip(*both)]
    flat = []
    for t in (x, y):
        shape = [*batch, *t.shape[-2:]]
        wide = call("expand.default", t, shape)
        size = [math.prod(batch), *t.shape[-2:]]
        same = list(t.shape) == shape and len(batch) == 1
        flat.append(call("view.default", wide, size) if same else viewed(call, wide, size))
    made = call("bmm.default", *flat)
    tail = [] if vector else [x.shape[-2]]
    return call("_unsafe_view.default", made, [*batch, *tail, *([] if column else [y.shape[-1]])])


def affine(call: Call, x: Any, w: Any, bias: Any) -> Any:
    """A linear layer."""
    if bias is None:
        if x.ndim == 1:
            if w.ndim == 1:
                return call("dot.default", x, w)
            made = call("mm.default", call("unsqueeze.default", x, 0), call("t.default", w))
            return call("squeeze_.dim", made, 0)
        if w.ndim == 1:
            return product(call, x, w)
        return product(call, x, call("t.default", w))
    if x.ndim == 2 and w.ndim == 2:
        return call("addmm.default", bias, x, call("t.default", w))
    if x.ndim > 2 and w.ndim == 2:
        flat = call("view.default", x, [math.prod(x.shape[:-1]), x.shape[-1]])
        made = call("addmm.default", bias, flat, call("t.default", w))
        return call("view.default", made, [*x.shape[:-1], w.shape[0]])
    return call("add.Tensor", affine(call, x, w, None), bias)


def added_product(name: str) -> Rule:
    """A product of matrices that is added to something."""

    def f(call: Call, x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
        options = {k: v for k, v in (("beta", beta), ("alpha", alpha)) if v != 1}
        return call(name, x, a, b, **options)

    return f


def convolved(call: Call, x: Any, w: Any, bias: Any, geometry: Any) -> Any:
    if any(a != b for a, b in geometry.padding):
        return NotImplemented
    sizes = list(geometry.stride), [a for a, _ in geometry.padding], list(geometry.dilation)
    none = [0] * len(sizes[0])
    return call("convolution.default", x, w, bias, *sizes, False, none, geometry.groups)


def normed(call: Call, x: Any, weight: Any, bias: Any, dims: int, eps: float) -> Any:
    return call("native_layer_norm.default", x, list(x.shape[x.ndim - dims :]), weight, bias, eps)


def chosen(call: Call, condition: Any, x: Any, y: Any) -> Any:
    kind = ("Scalar" if is_number(x) else "") + ("Other" if is_number(y) else "Self")
    which = {"Self": "self", "Other": "ScalarOther", "ScalarSelf": "ScalarSelf"}.get(kind, "Scalar")
    return call(f"where.{which}", condition, x, y)


def clamped(call: Call, x: Any, low: Any, high: Any) -> Any:
    return call("clamp.default", *given([x, low, high], [None]))


def with_options(name: str, *defaults: Any) -> Rule:
    """Operands, then the static arguments without those that are as usual."""

    def f(call: Call, *ins: Any, **static: Any) -> Any:
        values = [list(v) if isinstance(v, tuple) else v for v in static.values()]
        return call(name, *given([*ins, *values], list(defaults)))

    return f


def by_keyword(name: str, keyword: str, default: Any) -> Rule:
    """Operands, and one static argument by name unless it is as usual."""

    def f(call: Call, *ins: Any, **static: Any) -> Any:
        (value,) = static.values()
        return call(name, *ins, **({} if value == default else {keyword: value}))

    return f


def normed_vector(call: Call, x: Any, ord: Any, dim: Any, keepdim: bool) -> Any:
    dims = None if dim is None else ints(dim)
    return call("linalg_vector_norm.default", *given([x, ord, dims, keepdim], [2, None, False]))


def strided(call: Call, x: Any, size: Any, stride: Any, offset: int, place: Any) -> Any:
    if place is not None:
        return NotImplemented
    return call("as_strided.default", *given([x, [*size], [*stride], offset], [0]))


def along(name: str, *defaults: Any) -> Rule:
    """A tensor, a dimension, and more tensors."""

    def f(call: Call, x: Any, *rest: Any, dim: Any, **more: Any) -> Any:
        return call(name, x, dim, *rest, *given([*more.values()], list(defaults)))

    return f


def joined(name: str) -> Rule:
    """Tensors in a list."""
    return lambda call, *xs, dim: call(name, *given([list(xs), dim], [0]))


RULES: dict[str, Rule] = {
    **{n: with_options(f"{n}.default") for n in SAME.split()},
    **{n: pair(n) for n in PAIRS.split()},
    "add": with_options("add.Tensor"), "mul": with_options("mul.Tensor"), "div": div, "sub": sub,
    "rsub": lambda call, x, y: call(f"rsub.{'Scalar' if is_number(y) else 'Tensor'}", x, y),
    "add_scaled": scaled("add"), "sub_scaled": scaled("sub"),
    "pow": power, "pow_tensor": power, "pow_base": power,
    "sum": reduced("sum.default", "sum.dim_IntList"), "mean": reduced("mean.default", "mean.dim"),
    "sum_all": with_options("sum.default"), "mean_all": with_options("mean.default"),
    "amax": reduced("amax.default", "amax.default"),
    "amin": reduced("amin.default", "amin.default"),
    "prod": reduced_one("prod.default", "prod.dim_int"),
    "all": reduced_one("all.default", "all.dim"), "any": reduced_one("any.default", "any.dim"),
    "logsumexp": reduced("logsumexp.default", "logsumexp.default"),
    "argmax": place("argmax.default"), "argmin": place("argmin.default"),
    "max_all": with_options("max.default"), "min_all": with_options("min.default"),
    "max_along": extremes("max.dim"), "min_along": extremes("min.dim"),
    "std": spread("std"), "var": spread("var"), "astype": cast,
    "view": viewed, "reshape": viewed, "squeeze": squeezed,
    "unsqueeze": with_options("unsqueeze.default"), "expand": with_options("expand.default"),
    "permute": with_options("permute.default"), "transpose": with_options("transpose.int"),
    "select": with_options("select.int"), "diagonal": with_options("diagonal.default", 0, 0, 1),
    "unfold": with_options("unfold.default"), "flip": with_options("flip.default"),
    "repeat": with_options("repeat.default"), "roll": with_options("roll.default", []),
    "tril": with_options("tril.default", 0), "triu": with_options("triu.default", 0),
    **{n: keyed for n in ("getitem", "select_item", "unsqueeze_item", "alias_item", "split_item",
                          "sizes_item", "unbind_item")},
    "take": taken, "index_select": along("index_select.default"), "gather": along("gather.default"),
    "scatter_set": along("scatter.src"), "scatter_add": along("scatter_add.default"),
    "cumsum": along("cumsum.default"), "cumprod": along("cumprod.default"),
    "masked_fill": with_options("masked_fill.Scalar"), "where": chosen,
    "vector_norm": normed_vector, "as_strided": strided,
    "cat": joined("cat.default"), "stack": joined("stack.default"),
    "clamp_scalar": clamped, "clamp_above": with_options("clamp_min.Tensor"),
    "clamp_below": with_options("clamp_max.Tensor"), "clamp_between": with_options("clamp.Tensor"),
    "copy": with_options("clone.default"),
    "contiguous": lambda call, x: call("clone.default", x, memory_format=contiguous()),
    "matmul": product, "batched_matmul": product, "linear": affine,
    "addmm": added_product("addmm.default"), "baddbmm": added_product("baddbmm.default"),
    "addmv": added_product("addmv.default"), "conv": convolved, "layer_norm": normed,
    "softmax": lambda call, x, dim: call("_softmax.default", x, dim, False),
    "log_softmax": lambda call, x, dim: call("_log_softmax.default", x, dim, False),
    "gelu": by_keyword("gelu.default", "approximate", "none"),
    "leaky_relu": with_options("leaky_relu.default", 0.01),
    "elu": with_options("elu.default", 1, 1), "softplus": with_options("softplus.default", 1, 20),
    "hardtanh": with_options("hardtanh.default"), "threshold": with_options("threshold.default"),
    "lerp_number": with_options("lerp.Scalar"), "lerp": with_options("lerp.Tensor"),
    "addcmul": by_keyword("addcmul.default", "value", 1),
    "addcdiv": by_keyword("addcdiv.default", "value", 1),
    "embedding": with_options("embedding.default", -1, False, False),
    "sort_along": with_options("sort.default", -1, False),
    "topk_along": with_options("topk.default", -1, True),
    "constant_pad": with_options("constant_pad_nd.default"),
    "filled": lambda call, x, value: call("full_like.default", x, value),
    "relu_backward": lambda call, g, out: call("threshold_backward.default", g, out, 0),
    "sigmoid_backward": with_options("sigmoid_backward.default"),
    "tanh_backward": with_options("tanh_backward.default"),
    "softmax_backward": lambda call, g, out, dim: call(
        "_softmax_backward_data.default", g, out, dim, out.dtype
    ),
    "log_softmax_backward": lambda call, g, out, dim: call(
        "_log_softmax_backward_data.default", g, out, dim, out.dtype
    ),
}  # fmt: skip


def rule_of(op: Op) -> Rule | None:
    """The rule for an op; None where it has no operator of PyTorch's."""
    rule = RULES.get(op.name)
    if rule is None and not (op.static or op.hidden or op.variadic) and op.name in FUNCTIONS[""]:
        rule = RULES[op.name] = with_options(f"{op.name}.default")
    return rule
