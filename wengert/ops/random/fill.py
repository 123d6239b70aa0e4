"""Filling a tensor with random numbers in place, and the ops through which interpreters see a draw.

What lives here: one op for each distribution, uniform_, normal_ and the other methods that fill a
tensor, their checks. What does not: rand, randint and others that make tensors (`rand.py`,
`distributions.py`), the numbers (`arrays/random_stream.py`), default streams and the order of
filling (`arrays/random_fill.py`).

Each distribution is an op with the tensor to be replaced as its input and a gradient of zero: so a
traced program draws anew each time it runs, and an overwritten tensor loses its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays import random_fill as streams
from ...arrays.lookup import HOSTED, LIBRARY, NS, RANK, VALUES, namespace
from ...arrays.random_stream import Stream
from ...autodiff.batched import lift_batch
from ...autodiff.dual import Dual
from ...base import dtypes
from ...base.advice import advise
from ...base.modes import state
from ...declare.fast_paths import short
from ...declare.registry import public
from ...engine import views
from ...engine.interp import run_op
from ...engine.kinds import opaque
from ...engine.op import Op, op
from ...engine.tensor import Tensor, wrap
from .fast_paths import overwriting

INT64 = (-(2**63), 2**63 - 1)
# What PyTorch calls the C++ type behind a dtype, in its messages.
_C_NAMES = {
    "uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int",
    "int64": "long int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float",
    "float64": "double",
}  # fmt: skip


# --- the ops -------------------------------------------------------------------------------------


def random_op(
    node: str, whole_batch: bool = False, keeps_order: bool = False
) -> Callable[[Callable[..., Any]], Op]:
    """Define an op that draws: with zero gradients, and a rule for vmap.

    whole_batch: that each element is drawn by itself, so that a batch can be drawn as one array.
    keeps_order: that the result lies in memory as the operand does.
    """

    def define(f: Callable[..., Any]) -> Op:
        o = op(opaque, types="any", node=node, keeps_order=keeps_order)(f)
        zero = lambda xp, g: xp.zeros_like(g)
        o.vjp(complex=False, **dict.fromkeys(o.inputs, zero))
        o.jvp(lambda xp, tangents, *inputs, **static: None)

        def batch(xp: Any, size: int, flags: list[bool], *inputs: Any, **static: Any) -> Any:
            mode = state.vmap[-1][2] if state.vmap else "different"
            if mode == "different":
                return run_op(o, inputs, static) if whole_batch else NotImplemented
            if mode == "same":
                first = [xp.select(x, 0, 0) if f else x for x, f in zip(inputs, flags)]
                one = run_op(o, first, static)
                shape = tuple(one.shape)
                return xp.expand(xp.reshape(one, (1, *shape)), (size, *shape))
            raise _no_randomness(o.name)

        return o.batch(batch)

    return define


def _no_randomness(name: str) -> RuntimeError:
    return RuntimeError(
        f"vmap: {name}: called random operation while in randomness error mode. Please either use "
        "the 'same' or 'different' randomness flags on vmap or perform the randomness operation "
        "out of vmap"
    )


def batches(name: str) -> list[tuple[int, int]]:
    """(level, size) of the vmaps around, outermost first, that want numbers for each example."""
    if any(mode == "error" for _, _, mode in state.vmap):
        raise _no_randomness(name)
    return [(level, size) for level, size, mode in state.vmap if mode == "different"]


def varied(t: Any, name: str) -> Any:
    """A tensor that is the same for all examples of a vmap, repeated so that each draws its own;
    one that has a tangent, or is recorded by a transform inside, without that: draws have none.
    """
    if not state.vmap or not isinstance(t, Tensor):
        return t
    a = t._a
    while isinstance(a, (Dual, Tensor)):
        a = a.content if isinstance(a, Dual) else a._a
    if RANK.get(type(a)) or not (wanted := batches(name)):
        return t
    t = t if a is t._a else wrap(a)
    for level, size in wanted:
        t = lift_batch(NS[Tensor].expand(t, (size, *tuple(t._a.shape))), level)
    return t


def _distribution(kind: str, node: str) -> Op:
    """The op of a distribution: numbers laid out like x."""

    def f(xp, x, args=(), stream=None):
        return streams.fresh(xp, x, stream or default_stream(xp.device_of(x)), kind, args)

    f.__name__, f.__doc__ = (
        f"{kind}_like",
        f"Numbers of the distribution {kind!r}, laid out like x.",
    )
    return random_op(node, whole_batch=kind != "bernoulli_each", keeps_order=True)(f)


# Methods of Stream, and the graph node of a tensor filled by them.
LIKE = {
    kind: _distribution(kind, node)
    for kind, node in {
        "uniform": "UniformBackward0",
        "normal": "NormalBackward0",
        "log_normal": "LogNormalBackward0",
        "exponential": "ExponentialBackward0",
        "cauchy": "CauchyBackward0",
        "geometric": "GeometricBackward0",
        "integers": "RandomBackward0",
        "any_integers": "RandomBackward2",
        "bernoulli": "BernoulliBackward2",
        "dropout": "BernoulliBackward2",
        "bernoulli_each": "BernoulliBackward1",
        "permutations": "RandpermBackward0",
    }.items()
}


@random_op("BernoulliBackward0", whole_batch=True)
def bernoulli_with(xp, x, stream=None):
    """Ones with the probabilities x, else zeros."""
    stream = stream or default_stream(xp.device_of(x))
    return streams.fresh(xp, xp.contiguous(x), stream, "bernoulli_each", (x,))


# --- generators and arguments --------------------------------------------------------------------


def default_stream(dev: Any) -> Stream:
    return streams.default_stream(dev.type, dev.index or 0)


def stream_of(generator: Any, dev: Any, name: str) -> Stream | None:
    """The stream to draw from; None is the default one of the device at hand."""
    if generator is None:
        return None
    stream = getattr(generator, "_stream", None)
    if not isinstance(stream, Stream):
        raise TypeError(
            f"{name}(): argument 'generator' must be torch.Generator, not "
            f"{type(generator).__name__}"
        )
    if generator.device.type != dev.type:
        raise RuntimeError(
            f"{name}(): Expected a '{dev.type}' device type for generator but found "
            f"'{generator.device.type}': make one with torch.Generator(device='{dev.type}')"
        )
    return stream


def check_tensor(x: Any, name: str, argument: str = "input", position: int = 1) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not "
            f"{type(x).__name__}"
        )
    return x


def number(x: Any, name: str, argument: str) -> float:
    """A float argument; a 0-d tensor that does not require grad will do."""
    if isinstance(x, Tensor) and x._a.ndim == 0 and x._n is None:
        x = x.item()
    if not isinstance(x, (int, float)):
        raise TypeError(f"{name}(): argument '{argument}' must be float, not {type(x).__name__}")
    return float(x)


def integer(x: Any, name: str, argument: str) -> int:
    """An int argument that fits 64 bits; a 0-d integer tensor will do."""
    if isinstance(x, Tensor) and x._a.ndim == 0 and x._a.dtype.kind in "iu":
        x = x.item()
    if isinstance(x, (bool, float)) or not hasattr(x, "__index__") or isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument '{argument}' must be int, not {type(x).__name__}")
    x = x.__index__()
    if not INT64[0] <= x <= INT64[1]:
        raise ValueError(f"{name}(): Overflow when unpacking long long: {argument}={x}")
    return x


def unsupported(name: str, d: dtypes.dtype, needs: str) -> NotImplementedError:
    return NotImplementedError(f"\"{name}\" not implemented for '{d._letter}': it needs {needs}")


def check_floating(d: Any, name: str, complex_too: bool = True) -> None:
    """Refuse dtypes that have no fractions."""
    found = dtypes.as_dtype(d)
    if not found.is_inexact or (found.is_complex and not complex_too):
        raise unsupported(name, found, "a floating point dtype, such as torch.float32")


def _between(low: float, high: float, d: Any) -> None:
    """uniform_'s checks of its ends."""
    found = dtypes.as_dtype(d).to_real()
    top, c_name = dtypes.limits(found).max, _C_NAMES[found.name]
    for end, value in (("from", low), ("to", high)):
        if not -top <= value <= top:
            raise RuntimeError(f"uniform_: {end} is out of bounds for {c_name}: {value:g}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > top:
        raise RuntimeError(
            f"uniform_ expects to-from <= the largest {c_name}, but found to={high:g} and "
            f"from={low:g}"
        )


def check_spread(std: float, name: str) -> None:
    if not std >= 0.0:
        raise RuntimeError(f"{name} expects std >= 0.0, but found std {std:g}")


def integer_range(low: int, high: int | None, dt: Any) -> tuple[int, int]:
    """random_'s range [low, high) as the dtype can hold it; high None is one past its largest."""
    d = dtypes.as_dtype(dt)
    if d.is_complex:
        raise RuntimeError(
            f"random_ handles only integral, floating-point and boolean types, not {d}"
        )
    digits = digits_of(d) if d.is_floating_point else 0
    whole = high is None and low == INT64[0]
    if whole and d.name not in ("int64", "float64", "float32", "bfloat16"):
        raise unsupported("random_ over 64 bits", d, "int64, float64, float32 or bfloat16")
    if whole:
        return low, INT64[1] + 1
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    # An end that the dtype would round outwards moves to the dtype's next number inwards.
    if digits and (up := _rounded(low + 1, digits)) < low:
        low = up + (1 << (abs(low + 1).bit_length() - digits))
    if high is None:
        largest = (
            2**digits if digits else 1 if d.category == dtypes.BOOLEAN else int(dtypes.iinfo(d).max)
        )
        high = min(largest, INT64[1]) + 1
    elif digits and (down := _rounded(high - 1, digits)) >= high:
        high = down - (1 << (abs(high - 1).bit_length() - digits))
    if digits:
        bottom, top = -dtypes.limits(d).max, dtypes.limits(d).max
    elif d.category == dtypes.BOOLEAN:
        bottom, top = 0, 1
    else:
        bottom, top = int(dtypes.iinfo(d).min), min(int(dtypes.iinfo(d).max), INT64[1])
    for end, value in (("from", low), ("to - 1", high - 1)):
        if not bottom <= value <= top:
            c_name = _C_NAMES.get(d.name, d.name)
            raise RuntimeError(f"random_: {end} is out of bounds for {c_name}: {value}")
        if digits and abs(value) > 2**digits:
            advise(
                f"random_: {end} is out of bounds [-(2^{digits}), 2^{digits}]: {d} cannot hold "
                "all integers of this range",
            )
    if low >= high:
        raise RuntimeError(f"random_: no number of {d} lies in the range asked for")
    return low, high


def digits_of(d: dtypes.dtype) -> int:
    """Binary digits of a floating dtype's significand."""
    return round(-math.log2(dtypes.limits(d).eps)) + 1


def _rounded(value: int, digits: int) -> int:
    """An integer rounded to so many binary digits, half to even."""
    shift = max(0, abs(value).bit_length() - digits)
    return round(value / 2**shift) * 2**shift if shift < 900 else value


def refill(t: Tensor, name: str, kind: str, generator: Any, *args: Any) -> Tensor:
    """Overwrite t with the numbers of a distribution."""
    a = t._a
    stream = stream_of(generator, t.device, name)
    if state.vmap and varied(t, name) is not t:
        raise RuntimeError(
            f"vmap: {name}: Cannot ask for different inplace randomness on an unbatched tensor: it "
            "would be the same for all examples. Make a new tensor, for instance by rand_like"
        )
    if RANK.get(type(a), 0) or (state.grad and t._n is not None):
        return views.inplace(t, name, LIKE[kind].entry(t, args, stream))
    views.check_inplace(t, name)
    strides = getattr(a, "strides", ())
    if 0 in strides and a.size and any(s == 0 and n > 1 for s, n in zip(strides, a.shape)):
        raise RuntimeError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers "
            "to a single memory location. Please clone() the tensor before the operation."
        )
    xp = namespace(a)
    if xp.has(VALUES):
        streams.refill(xp, a, stream or default_stream(xp.device_of(a)), kind, args)
    views.mutated(t)
    return t


# --- in place ------------------------------------------------------------------------------------


@public("Tensor.uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None)")
@short(overwriting("uniform"))
def uniform_(self: Tensor, from_: float = 0, to: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with uniform numbers: uniform_(from=0, to=1).

    Args:
        from, to: the ends; to is excluded. RuntimeError if they are in the wrong order or do not
            fit the dtype.
        generator: source of randomness; the default generator if None.

    >>> bool((torch.zeros(9).uniform_(2, 3) >= 2).all())
    True
    """
    low, high = number(from_, "uniform_", "from"), number(to, "uniform_", "to")
    check_floating(self._a.dtype, "uniform_")
    _between(low, high, self._a.dtype)
    return refill(self, "uniform_", "uniform", generator, low, high)


@public("Tensor.normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None)")
@short(overwriting("normal"))
def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers. RuntimeError if std is negative.

    >>> torch.zeros(2).normal_(3, 0)
    tensor([3., 3.])
    """
    mean, std = number(mean, "normal_", "mean"), number(std, "normal_", "std")
    check_spread(std, "normal")
    if self._a.size:
        check_floating(self._a.dtype, "normal_")
    return refill(self, "normal_", "normal", generator, mean, std)


@public("Tensor.log_normal_(Tensor self, float mean=1, float std=2, *, Generator? generator=None)")
def log_normal_(self: Tensor, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
    """Fill with exp of normal numbers. RuntimeError unless std is positive.

    >>> bool((torch.zeros(9).log_normal_() > 0).all())
    True
    """
    mean, std = number(mean, "log_normal_", "mean"), number(std, "log_normal_", "std")
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if self._a.size:
        check_floating(self._a.dtype, "log_normal_", complex_too=False)
    return refill(self, "log_normal_", "log_normal", generator, mean, std)


@public("Tensor.exponential_(Tensor self, float lambd=1, *, Generator? generator=None)")
def exponential_(self: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with exponential numbers of rate lambd. RuntimeError unless it is positive.

    >>> bool((torch.zeros(9).exponential_(2.0) >= 0).all())
    True
    """
    lambd = number(lambd, "exponential_", "lambd")
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    if self._a.size:
        _continuous(self, "exponential_")
    return refill(self, "exponential_", "exponential", generator, lambd)


def _continuous(t: Tensor, name: str) -> None:
    if not t.dtype.is_floating_point:
        raise RuntimeError(
            f"{name}: this is a continuous probability distribution. dtype must be a floating "
            f"point but you specified {t.dtype}"
        )


@public("Tensor.cauchy_(Tensor self, float median=0, float sigma=1, *, Generator? generator=None)")
def cauchy_(self: Tensor, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with Cauchy numbers. RuntimeError unless sigma is positive.

    >>> torch.zeros(2, 3).cauchy_().shape
    torch.Size([2, 3])
    """
    median, sigma = number(median, "cauchy_", "median"), number(sigma, "cauchy_", "sigma")
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    _continuous(self, "cauchy_")
    return refill(self, "cauchy_", "cauchy", generator, median, sigma)


@public("Tensor.geometric_(Tensor self, float p, *, Generator? generator=None)")
def geometric_(self: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with numbers of trials up to the first success. RuntimeError unless 0 < p < 1.

    >>> bool((torch.zeros(9).geometric_(0.5) >= 1).all())
    True
    """
    p = number(p, "geometric_", "p")
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if self.dtype.category in (dtypes.BOOLEAN, dtypes.COMPLEX) or self.dtype.name in (
        "uint16",
        "uint32",
        "uint64",
    ):
        raise unsupported("geometric_", self.dtype, "an integer or floating point tensor")
    return refill(self, "geometric_", "geometric", generator, p)


@public(
    "Tensor.random_(Tensor self, int from, int? to, *, Generator? generator=None)",
    "Tensor.random_(Tensor self, int to, *, Generator? generator=None)",
    "Tensor.random_(Tensor self, *, Generator? generator=None)",
)
def random_(self: Tensor, from_: Any = None, to: Any = None, *, generator: Any = None) -> Tensor:
    """Fill with integers: random_(), random_(to) or random_(from, to), to excluded.

    Without ends, from 0 to the largest number of the dtype (2**24 for float32, and so on); with
    to=None from `from` to that. RuntimeError if the range is empty or does not fit the dtype.

    >>> torch.zeros(2).random_(3, 4)
    tensor([3., 3.])
    """
    d = self._a.dtype
    if from_ is None and to is None:
        found = dtypes.as_dtype(d)
        if found.is_complex or found.name in ("uint16", "uint32", "uint64"):
            raise unsupported("random_", found, "random_(from, to) here, or another dtype")
        return refill(self, "random_", "any_integers", generator)
    low = integer(0 if from_ is None else from_, "random_", "from")
    high = None if to is None else integer(to, "random_", "to")
    return refill(self, "random_", "integers", generator, *integer_range(low, high, d))


@public(
    "Tensor.bernoulli_(Tensor self, Tensor p, *, Generator? generator=None)",
    "Tensor.bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None)",
)
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with ones of probability p, a number or a tensor that broadcasts to self, and zeros.

    RuntimeError if a probability lies outside of [0, 1].

    >>> torch.zeros(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    if self.dtype.is_complex or self.dtype.name in ("uint16", "uint32", "uint64"):
        raise unsupported("bernoulli_", self.dtype, "a real tensor")
    if not isinstance(p, Tensor):
        p = number(p, "bernoulli_", "p")
        check_probability(p)
        return refill(self, "bernoulli_", "bernoulli", generator, p)
    check_probabilities(p, "bernoulli_")
    shape = tuple(self._a.shape)
    try:
        each = p.expand(shape)
    except ValueError:
        raise RuntimeError(
            f"bernoulli_: The expanded size of the tensor must match: p has the shape "
            f"{list(p.shape)}, the tensor {list(shape)}"
        ) from None
    if RANK.get(type(self._a), 0) or RANK.get(type(p._a), 0):
        stream = stream_of(generator, self.device, "bernoulli_")
        return views.inplace(self, "bernoulli_", bernoulli_with.entry(each, stream))
    return refill(self, "bernoulli_", "bernoulli_each", generator, each._a)


def check_probability(p: float) -> None:
    """Refuse a number that is no probability."""
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")


def check_probabilities(p: Tensor, name: str) -> None:
    """Refuse tensors that are no probabilities."""
    check_floating(p._a.dtype, name, complex_too=False)
    if RANK.get(type(p._a), LIBRARY) == LIBRARY and NS[type(p._a)].has(VALUES) and p._a.size:
        if type(p._a) in HOSTED:
            flat = p._a.reshape(-1)  # the places are found by methods without Python
            low, high = float(flat[flat.argmin()]), float(flat[flat.argmax()])
        else:
            low, high = float(p._a.min()), float(p._a.max())
        if not (low >= 0.0 and high <= 1.0):  # NaN included
            raise RuntimeError(
                f"{name}: Expected p_in >= 0 && p_in <= 1 to be true: the probabilities go from "
                f"{low:g} to {high:g}"
            )
