"""Random tensors: rand, randn, randint, ... and the methods that fill a tensor in place.

What lives here: what users call, with PyTorch's overloads and refusals, and the ops through which
interpreters see a draw. What does not: the numbers (`arrays/sampling.py`), default streams and the
order of filling (`arrays/streams.py`), `Generator` and seeds (`tensor/generator.py`).

Each distribution is an op with the tensor to be replaced as its input and a gradient of zero: so a
traced program draws anew each time it runs, and an overwritten tensor loses its gradient.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ..arrays import streams
from ..arrays.lookup import NS, RANK
from ..arrays.sampling import Stream
from ..base import dtypes
from ..base.devices import default_device, device as device_
from ..base.modes import state
from ..engine import views
from ..engine.interp import run_op
from ..engine.kinds import opaque
from ..engine.op import Op, op, public
from ..engine.tensor import Tensor
from .creation import finish, sized, space

INT64 = (-(2**63), 2**63 - 1)
# What PyTorch calls the C++ type behind a dtype, in its messages.
_C_NAMES = {"uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long int",
            "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double"}  # fmt: skip


# --- the ops -------------------------------------------------------------------------------------


def _in_vmap(o: Op) -> Callable[..., Any]:
    """The rule for batches: vmap(randomness=...) says whether its elements get numbers of their own."""

    def rule(xp: Any, size: int, flags: list[bool], x: Any, **static: Any) -> Any:
        mode = getattr(state, "randomness", "error")
        if mode == "different":
            return run_op(o, (x,), static)
        if mode == "same":
            one = run_op(o, (xp.select(x, 0, 0),), static)
            return xp.expand(xp.reshape(one, (1, *tuple(one.shape))), (size, *tuple(one.shape)))
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
            "'different' randomness flags on vmap or perform the randomness operation out of vmap"
        )

    return rule


def _distribution(kind: str, node: str) -> Callable[[Callable[..., Any]], Op]:
    """Define the op of a distribution: fresh(x, *parameters, stream), laid out like x."""

    def define(f: Callable[..., Any]) -> Op:
        o = op(opaque, types="any", public=False, method=False, node=node, name=kind + "_like")(f)
        o.vjp(x=lambda xp, g: xp.zeros_like(g))
        o.jvp(lambda xp, tangents, x, **static: None)
        return o.batch(_in_vmap(o))

    return define


def _fresh(xp: Any, x: Any, stream: Stream | None, kind: str, *args: Any) -> Any:
    return streams.fresh(xp, x, stream or _default(xp.device_of(x)), kind, args)


@_distribution("uniform", "UniformBackward0")
def uniform_like(xp, x, low=0.0, high=1.0, stream=None):
    """Uniform numbers in [low, high)."""
    return _fresh(xp, x, stream, "uniform", low, high)


@_distribution("normal", "NormalBackward0")
def normal_like(xp, x, mean=0.0, std=1.0, stream=None):
    """Normal numbers."""
    return _fresh(xp, x, stream, "normal", mean, std)


@_distribution("log_normal", "LogNormalBackward0")
def log_normal_like(xp, x, mean=1.0, std=2.0, stream=None):
    """exp of normal numbers."""
    return _fresh(xp, x, stream, "log_normal", mean, std)


@_distribution("integers", "RandomBackward0")
def integers_like(xp, x, low=0, high=1, stream=None):
    """Integers in [low, high)."""
    return _fresh(xp, x, stream, "integers", low, high)


@_distribution("any_integers", "RandomBackward2")
def any_integers_like(xp, x, stream=None):
    """Integers over the range of the dtype."""
    return _fresh(xp, x, stream, "any_integers")


@_distribution("bernoulli", "BernoulliBackward2")
def bernoulli_like(xp, x, p=0.5, stream=None):
    """Ones with probability p, else zeros."""
    return _fresh(xp, x, stream, "bernoulli", p)


@_distribution("exponential", "ExponentialBackward0")
def exponential_like(xp, x, rate=1.0, stream=None):
    """Exponential numbers."""
    return _fresh(xp, x, stream, "exponential", rate)


@_distribution("cauchy", "CauchyBackward0")
def cauchy_like(xp, x, median=0.0, scale=1.0, stream=None):
    """Cauchy numbers."""
    return _fresh(xp, x, stream, "cauchy", median, scale)


@_distribution("geometric", "GeometricBackward0")
def geometric_like(xp, x, p=0.5, stream=None):
    """Numbers of trials up to the first success."""
    return _fresh(xp, x, stream, "geometric", p)


@_distribution("bernoulli_each", "BernoulliBackward0")
def bernoulli_each_like(xp, x, stream=None):
    """Ones with the probabilities x, else zeros."""
    x = xp.contiguous(x)
    return _fresh(xp, x, stream, "bernoulli_each", x)


@_distribution("poisson", "PoissonBackward0")
def poisson_like(xp, x, stream=None):
    """Poisson counts with the rates x."""
    return streams.sampled(xp, "poisson", stream or _default(xp.device_of(x)), x)


# --- generators and arguments --------------------------------------------------------------------


def _default(dev: Any) -> Stream:
    return streams.default_stream(dev.type, dev.index or 0)


def _stream(generator: Any, dev: Any, name: str) -> Stream | None:
    """The stream to draw from; None is the default one of the device at hand."""
    if generator is None:
        return None
    stream = getattr(generator, "_stream", None)
    if type(stream) is not Stream:
        raise TypeError(
            f"{name}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}"
        )
    if generator.device.type != dev.type:
        raise RuntimeError(
            f"{name}(): Expected a '{dev.type}' device type for generator but found "
            f"'{generator.device.type}': make one with torch.Generator(device='{dev.type}')"
        )
    return stream


def _tensor(x: Any, name: str, argument: str = "input", position: int = 1) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(x).__name__}"
        )
    return x


def _number(x: Any, name: str, argument: str) -> float:
    """A float argument; a 0-d tensor that does not require grad will do."""
    if isinstance(x, Tensor) and x._a.ndim == 0 and x._n is None:
        x = x.item()
    if not isinstance(x, (int, float)):
        raise TypeError(f"{name}(): argument '{argument}' must be float, not {type(x).__name__}")
    return float(x)


def _integer(x: Any, name: str, argument: str) -> int:
    """An int argument that fits 64 bits; a 0-d integer tensor will do."""
    if isinstance(x, Tensor) and x._a.ndim == 0 and x._a.dtype.kind in "iu":
        x = x.item()
    if isinstance(x, (bool, float)) or not hasattr(x, "__index__") or isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument '{argument}' must be int, not {type(x).__name__}")
    x = x.__index__()
    if not INT64[0] <= x <= INT64[1]:
        raise ValueError(f"{name}(): Overflow when unpacking long long: {argument}={x}")
    return x


def _unsupported(name: str, d: dtypes.dtype, needs: str) -> NotImplementedError:
    return NotImplementedError(f"\"{name}\" not implemented for '{d._letter}': it needs {needs}")


def _floating(d: Any, name: str, complex_too: bool = True) -> None:
    """Refuse dtypes that have no fractions."""
    found = dtypes.as_dtype(d)
    if found.category < 2 or (found.category == 3 and not complex_too):
        raise _unsupported(name, found, "a floating point dtype, such as torch.float32")


def _between(low: float, high: float, d: Any) -> None:
    """uniform_'s checks of its ends."""
    found = dtypes.as_dtype(d).to_real()
    top, c_name = dtypes.finfo(found).max, _C_NAMES[found.name]
    for end, value in (("from", low), ("to", high)):
        if not -top <= value <= top:
            raise RuntimeError(f"uniform_: {end} is out of bounds for {c_name}: {value:g}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > top:
        raise RuntimeError(
            f"uniform_ expects to-from <= the largest {c_name}, but found to={high:g} and from={low:g}"
        )


def _spread(std: float, name: str) -> None:
    if not std >= 0.0:
        raise RuntimeError(f"{name} expects std >= 0.0, but found std {std:g}")


def _integer_range(low: int, high: int | None, dt: Any) -> tuple[int, int]:
    """random_'s range [low, high) as the dtype can hold it; high None is the dtype's largest."""
    d = dtypes.as_dtype(dt)
    if d.category == 3:
        raise RuntimeError(
            f"random_ handles only integral, floating-point and boolean types, not {d}"
        )
    digits = _digits(d) if d.category == 2 else 0
    if high is None:
        if low == INT64[0] and d.name not in ("int64", "float64", "float32", "bfloat16"):
            raise _unsupported("random_ over 64 bits", d, "int64, float64, float32 or bfloat16")
        if low == INT64[0]:
            return low, INT64[1] + 1
        high = 2 if d.category == 0 else 2**digits + 1 if digits else int(dtypes.iinfo(d).max) + 1
        high = min(high, INT64[1] + 1)
    elif low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    elif digits:
        # Ends that the dtype rounds outwards move to its next number inwards.
        if (up := int(_rounded(low + 1, digits))) < low:
            low = up + (1 << (abs(low + 1).bit_length() - digits))
        if (down := int(_rounded(high - 1, digits))) >= high:
            high = down - (1 << (abs(high - 1).bit_length() - digits))
    if digits:
        bottom, top = -dtypes.finfo(d).max, dtypes.finfo(d).max
    elif d.category == 0:
        bottom, top = 0, 1
    else:
        bottom, top = int(dtypes.iinfo(d).min), min(int(dtypes.iinfo(d).max), INT64[1])
    for end, value in (("from", low), ("to - 1", high - 1)):
        if not bottom <= value <= top:
            c_name = _C_NAMES.get(d.name, d.name)
            raise RuntimeError(f"random_: {end} is out of bounds for {c_name}: {value}")
        if digits and abs(value) > 2**digits:
            warnings.warn(
                f"random_: {end} is out of bounds [-(2^{digits}), 2^{digits}]: {d} cannot hold all integers "
                "of this range",
                stacklevel=3,
            )
    return low, high


def _digits(d: dtypes.dtype) -> int:
    """Binary digits of a floating dtype's significand."""
    return round(-math.log2(dtypes.finfo(d).eps)) + 1


def _rounded(value: int, digits: int) -> int:
    """An integer rounded to so many binary digits, half to even."""
    shift = max(0, abs(value).bit_length() - digits)
    return round(value / 2**shift) * 2**shift if shift < 900 else value


def _overlapping(a: Any) -> bool:
    return any(s == 0 and n > 1 for s, n in zip(getattr(a, "strides", ()), a.shape))


def _refill(t: Tensor, name: str, o: Op, generator: Any, *args: Any) -> Tensor:
    """Overwrite t with the numbers of a distribution's op."""
    a = t._a
    stream = _stream(generator, t.device, name)
    if RANK.get(type(a), 0) or (state.grad and t._n is not None):
        return views.inplace(t, name, o.entry(t, *args, stream))
    views.check_inplace(t, name, False)
    if _overlapping(a):
        raise RuntimeError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    xp = NS[type(a)]
    if xp.name != "meta":
        kind = o.name.removesuffix("_like")
        streams.refill(xp, a, stream or _default(xp.device_of(a)), kind, args)
    views.mutated(t)
    return t


def _new(
    name: str, o: Op, shape: tuple[int, ...], args: tuple[Any, ...], generator: Any, out: Any, d: Any,
    device: Any, requires_grad: bool,
) -> Tensor:  # fmt: skip
    """A tensor of fresh numbers, or out with them."""
    if out is not None:
        return _into(name, o, shape, args, generator, out)
    dev = default_device() if device is None else device_(device)
    stream = _stream(generator, dev, name)
    xp = space(dev)
    if dev.type == "cpu":  # straight into a tensor, without a copy
        kind = o.name.removesuffix("_like")
        values = getattr(stream or _default(dev), kind)(shape, d, *args)
        return finish(values, requires_grad)
    a = xp.empty(shape, d)
    if xp.name != "meta":
        a = streams.fresh(xp, a, stream or _default(dev), o.name.removesuffix("_like"), args)
    return finish(a, requires_grad)


def _into(
    name: str, o: Op, shape: tuple[int, ...], args: tuple[Any, ...], generator: Any, out: Any
) -> Tensor:
    """out=: its dtype decides what is drawn."""
    _resized(name, shape, out)
    return _refill(out, name, o, generator, *args)


def _resized(name: str, shape: tuple[int, ...], out: Any) -> None:
    """Check an out= tensor and give it a shape."""
    _tensor(out, name, "out")
    if out._n is not None and state.grad:
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one "
            "of the arguments requires grad: leave out= away"
        )
    if tuple(out._a.shape) != shape:
        if out._a.size:
            warnings.warn(
                f"{name}: An output with one or more elements was resized since it had shape "
                f"{list(out._a.shape)}, which does not match the required output shape {list(shape)}",
                stacklevel=5,
            )
        out._a = NS[type(out._a)].empty(shape, out._a.dtype)


def _dtype_for(dtype: Any, out: Any, default: Any, name: str) -> Any:
    """The NumPy dtype of a new tensor from dtype=, out= and a default."""
    if isinstance(out, Tensor):
        if dtype is not None and dtypes.as_dtype(dtype) is not out.dtype:
            raise RuntimeError(
                f"{name}(): dtype {dtypes.as_dtype(dtype)} does not match dtype of out parameter ({out.dtype})"
            )
        return out._a.dtype
    if isinstance(dtype, str):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not str: write torch.{dtype}")
    return dtypes.as_np(default() if dtype is None else dtype)


def _int64() -> dtypes.dtype:
    return dtypes.int64


# --- making tensors ------------------------------------------------------------------------------


@public(method=False)
def rand(
    *sizes: Any, size: Any = None, generator: Any = None, out: Tensor | None = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1): rand(2, 3) or rand((2, 3)).

    Args:
        sizes: the shape; also size=.
        generator: source of randomness; the default generator if None.
        out: a tensor to fill; its dtype decides.
        dtype, device, requires_grad: of the result. NotImplementedError for integer dtypes.

    >>> torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    shape = _shape(sizes, size, "rand")
    d = _dtype_for(dtype, out, dtypes.get_default_dtype, "rand")
    _floating(d, "rand")
    return _new("rand", uniform_like, shape, (), generator, out, d, device, requires_grad)


@public(method=False)
def randn(
    *sizes: Any, size: Any = None, generator: Any = None, out: Tensor | None = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Normal numbers of mean 0 and variance 1: randn(2, 3) or randn((2, 3)).

    Args: as `rand`. Complex numbers have variance 1/2 in each part.

    >>> torch.manual_seed(0)
    >>> torch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    shape = _shape(sizes, size, "randn")
    d = _dtype_for(dtype, out, dtypes.get_default_dtype, "randn")
    _floating(d, "randn")
    return _new("randn", normal_like, shape, (), generator, out, d, device, requires_grad)


def _shape(sizes: tuple[Any, ...], size: Any, name: str) -> tuple[int, ...]:
    """The shape given as separate numbers, as one sequence or by keyword."""
    if sizes and size is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments: sizes twice, as {sizes} and size={size}")
    for s in sizes:
        if isinstance(s, (bool, float)) or s is None:
            raise TypeError(f"{name}(): argument 'size' must be tuple of ints, not {type(s).__name__}")
    return sized(sizes, size, name)


@public(method=False)
def randint(
    *args: Any, low: Any = None, high: Any = None, size: Any = None, generator: Any = None,
    out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Integers in [low, high): randint(high, size) or randint(low, high, size).

    Args:
        low, high: the bounds, low = 0 if left out. RuntimeError if the range is empty or too wide for the dtype.
        size: the shape, a tuple.
        dtype: int64 by default; floating dtypes are allowed.
        generator, out, device, requires_grad: as in `rand`.

    >>> torch.randint(3, 4, (2,))
    tensor([3, 3])
    """
    name, positional = "randint", list(args)
    if size is None:
        if not positional or not isinstance(positional[-1], (tuple, list)):
            raise TypeError(
                f"randint() received an invalid combination of arguments: the size must be a tuple of ints at the "
                f"end, got {args}"
            )
        size = positional.pop()
    low, high = _bounds(positional, low, high, name)
    shape = _shape((), size, name)
    d = _dtype_for(dtype, out, _int64, name)
    bounds = _integer_range(low, high, d)
    return _new(name, integers_like, shape, bounds, generator, out, d, device, requires_grad)


def _bounds(positional: list[Any], low: Any, high: Any, name: str) -> tuple[int, int]:
    """(low, high) of (high), (low, high), or either by name."""
    if len(positional) == 2 and low is None and high is None:
        low, high = positional
    elif len(positional) == 1 and high is None and low is None:
        high = positional[0]
    elif len(positional) == 1 and low is None:
        low = positional[0]
    elif positional or high is None:
        raise TypeError(f"{name}() received an invalid combination of arguments: expected high, or low and high")
    return _integer(0 if low is None else low, name, "low"), _integer(high, name, "high")


@public(method=False)
def randperm(
    n: int, *, generator: Any = None, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The numbers from 0 to n - 1 in random order.

    Args:
        n: how many; RuntimeError if negative, or too many for the dtype.
        generator, out, device, requires_grad: as in `rand`. dtype: int64 by default.

    >>> torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([2, 0, 1, 3])
    """
    n = _integer(n, "randperm", "n")
    d = _dtype_for(dtype, out, _int64, "randperm")
    found = dtypes.as_dtype(d)
    if n < 0:
        raise RuntimeError(f"randperm: Trying to create tensor with negative dimension {n}: [{n}]")
    if found.category in (0, 3):
        raise _unsupported("randperm", found, "an integer or floating point dtype")
    top = 2 ** _digits(found) + 1 if found.category == 2 else dtypes.iinfo(found).max
    if n > top:
        raise RuntimeError(f"randperm: n cannot be greater than {top} for {found}, got {n}")
    dev = default_device() if out is None and device is None else device_(device or out.device)
    stream = _stream(generator, dev, "randperm")
    xp = space(dev)
    if xp.name == "meta":
        values = xp.empty((n,), d)
    else:
        values = (stream or _default(dev)).permutation(n).astype(d, copy=False)
        values = values if dev.type == "cpu" else xp.asarray(values)
    if out is None:
        return finish(values, requires_grad)
    _resized("randperm", (n,), out)
    views.store(out, values)
    return out


def _like(
    name: str, o: Op, input: Any, args: tuple[Any, ...], dtype: Any, device: Any, requires_grad: bool,
    memory_format: Any, generator: Any,
) -> Tensor:  # fmt: skip
    """Fresh numbers in input's shape, dtype and order of memory, unless others are asked for."""
    d = input._a.dtype if dtype is None else dtypes.as_np(dtype)
    dev = input.device if device is None else device_(device)
    stream = _stream(generator, dev, name)
    if RANK.get(type(input._a)) and device is None:  # an interpreter's array: it has to see the draw
        like = input.detach() if dtype is None else input.detach().to(dtype)
        t = o.entry(like, *args, stream)
        return t.requires_grad_() if requires_grad else t
    keep = memory_format is None or "preserve" in str(memory_format)
    a = input._a if keep and dev == input.device else None
    if a is None or (a.dtype == d and a.flags.c_contiguous) or dev.type != "cpu":
        shape = tuple(input._a.shape)
        return _new(name, o, shape, args, generator, None, d, dev, requires_grad)
    like = a.__array_namespace__().empty_like(a, dtype=d)
    kind = o.name.removesuffix("_like")
    values = streams.fresh(NS[type(a)], like, stream or _default(dev), kind, args)
    return finish(values, requires_grad)


@public(method=False)
def rand_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None, pin_memory: bool = False, generator: Any = None,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1) in input's shape and dtype.

    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    _tensor(input, "rand_like")
    _floating(dtype or input.dtype, "rand_like")
    return _like(
        "rand_like", uniform_like, input, (), dtype, device, requires_grad, memory_format, generator
    )


@public(method=False)
def randn_like(
    input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None, pin_memory: bool = False, generator: Any = None,
) -> Tensor:  # fmt: skip
    """Normal numbers of mean 0 and variance 1 in input's shape and dtype.

    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    _tensor(input, "randn_like")
    _floating(dtype or input.dtype, "randn_like")
    return _like(
        "randn_like", normal_like, input, (), dtype, device, requires_grad, memory_format, generator
    )


@public(method=False)
def randint_like(
    input: Tensor, *args: Any, low: Any = None, high: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """Integers in [low, high) in input's shape and dtype: randint_like(x, high) or randint_like(x, low, high).

    >>> torch.randint_like(torch.zeros(2), 3, 4)
    tensor([3., 3.])
    """
    _tensor(input, "randint_like")
    low, high = _bounds(list(args), low, high, "randint_like")
    bounds = _integer_range(low, high, input._a.dtype if dtype is None else dtypes.as_np(dtype))
    return _like(
        "randint_like", integers_like, input, bounds, dtype, device, requires_grad, memory_format, generator
    )
