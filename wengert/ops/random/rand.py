"""Random tensors: rand, randn, randint, randperm and their _like forms.

What lives here: the functions that make tensors, with PyTorch's overloads and refusals. What does
not: draws with parameters per element (`distributions.py`), filling in place and the ops behind it
(`fill.py`), the numbers (`arrays/random_stream.py`), `Generator` (`api/generator.py`).
"""

from __future__ import annotations

from typing import Any

from ...arrays import random_fill as streams
from ...arrays.lookup import HOST, NS, RANK, VALUES, namespace
from ...arrays.random_stream import Stream
from ...autodiff.batched import Batched
from ...base import dtypes
from ...base.advice import advise
from ...base.devices import default_device
from ...base.devices import device as device_
from ...base.formats import ORDERS, contiguous_format, refuse_rank
from ...base.modes import everyone, state
from ...declare.fast_paths import short
from ...declare.registry import public
from ...engine import views
from ...engine.overlap import check_overlap
from ...engine.tensor import Tensor
from ..creation.filled import finish, lying_as, sized, space
from .fast_paths import integers, like, shuffled
from .fast_paths import sized as shaped
from .fill import (  # fmt: skip
    LIKE,
    batches,
    check_floating,
    check_tensor,
    default_stream,
    digits_of,
    integer,
    integer_range,
    refill,
    stream_of,
    unsupported,
    varied,
)


def made(
    name: str,
    kind: str,
    shape: tuple[int, ...],
    args: tuple[Any, ...],
    generator: Any,
    out: Any,
    d: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """A tensor of fresh numbers, or out with them."""
    if out is not None:
        resized(name, shape, out)
        drawn = refill(out, name, kind, generator, *args)
        return drawn.requires_grad_() if requires_grad else drawn
    dev = default_device() if device is None else device_(device)
    stream = stream_of(generator, dev, name)
    xp = space(dev)
    if (
        state.capture is not None and not state.vmap and kind in LIKE
    ):  # drawn anew whenever the program runs
        t = LIKE[kind].entry(finish(xp.zeros(shape, d), False), args, stream)
        return t.requires_grad_() if requires_grad else t
    vmaps = batches(name) if state.vmap else []
    shape = (*[size for _, size in vmaps], *shape)
    if xp.has(HOST):  # straight into a tensor, without a copy
        a = getattr(stream or default_stream(dev), kind)(shape, d, *args)
    elif not xp.has(VALUES):
        a = xp.empty(shape, d)
    else:
        a = streams.fresh(xp, xp.empty(shape, d), stream or default_stream(dev), kind, args)
    for level, _ in vmaps:
        a = Batched(level, a)
    return finish(a, requires_grad)


def resized(name: str, shape: tuple[int, ...], out: Any, told: bool = False) -> None:
    """Check an out= tensor and give it a shape; told: with a warning."""
    check_tensor(out, name, "out")
    if out._n is not None and state.grad:
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad: leave out= away"
        )
    if tuple(out._a.shape) != shape:
        if told and out._a.size:
            advise(
                f"{name}: An output with one or more elements was resized since it had shape "
                f"{list(out._a.shape)}, which does not match the required output shape "
                f"{list(shape)}",
            )
        out._a = namespace(out._a).empty(shape, out._a.dtype)
    else:
        check_overlap(out, name)


def dtype_for(dtype: Any, out: Any, default: Any, name: str) -> Any:
    """The NumPy dtype of a new tensor from dtype=, out= and a default."""
    if isinstance(out, Tensor):
        if dtype is not None and dtypes.as_dtype(dtype) is not out.dtype:
            raise RuntimeError(
                f"{name}(): dtype {dtypes.as_dtype(dtype)} does not match dtype of out parameter "
                f"({out.dtype})"
            )
        return out._a.dtype
    if isinstance(dtype, str):
        raise TypeError(
            f"{name}(): argument 'dtype' must be torch.dtype, not str: write torch.{dtype}"
        )
    return dtypes.as_np(default() if dtype is None else dtype)


def _int64() -> dtypes.dtype:
    return dtypes.int64


# --- making tensors ------------------------------------------------------------------------------


@public("rand(int[] size, *, Generator? generator=None, out, options)", method=False)
@short(shaped(Stream.uniform))
def rand(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1): rand(2, 3) or rand((2, 3)).

    Args:
        sizes: the shape; also size=.
        generator: source of randomness; the default generator if None.
        out: a tensor to fill; its dtype decides.
        dtype, device, requires_grad: of the result. NotImplementedError for integer dtypes.

    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    shape = shape_of(sizes, size, "rand")
    d = dtype_for(dtype, out, dtypes.get_default_dtype, "rand")
    check_floating(d, "rand")
    return made("rand", "uniform", shape, (), generator, out, d, device, requires_grad)


_quick = shaped(Stream.uniform)(rand)


def uniform_beside(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Uniform numbers in the dtype of a tensor, where it is."""
    usual = t.dtype is dtypes.get_default_dtype() and t.device.type == "cpu"
    if usual and not everyone.special:
        r: Tensor = _quick(shape)
        return r
    return rand(*shape, dtype=t.dtype, device=t.device)


@public("randn(int[] size, *, Generator? generator=None, out, options)", method=False)
@short(shaped(Stream.normal))
def randn(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1: randn(2, 3) or randn((2, 3)).

    Args: as `rand`. Complex numbers have variance 1/2 in each part.

    >>> _ = torch.manual_seed(0)
    >>> torch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    shape = shape_of(sizes, size, "randn")
    d = dtype_for(dtype, out, dtypes.get_default_dtype, "randn")
    check_floating(d, "randn")
    return made("randn", "normal", shape, (), generator, out, d, device, requires_grad)


def shape_of(sizes: tuple[Any, ...], size: Any, name: str) -> tuple[int, ...]:
    """The shape given as separate numbers, as one sequence or by keyword."""
    if sizes and size is not None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: sizes twice, as {sizes} and "
            f"size={size}"
        )
    for s in sizes:
        if isinstance(s, (bool, float)) or s is None or (isinstance(s, Tensor) and s._a.ndim):
            raise TypeError(
                f"{name}(): argument 'size' must be tuple of ints, not {type(s).__name__}"
            )
    return sized(sizes, size, name)


@public(
    "randint(int high, int[] size, *, Generator? generator=None, out, options)",
    "randint(int low, int high, int[] size, *, Generator? generator=None, out, options)",
    method=False,
)
@short(integers)
def randint(
    *args: Any,
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [low, high): randint(high, size) or randint(low, high, size).

    Args:
        low, high: the bounds; low is 0 if left out. RuntimeError if the range is empty, or too
            wide for the dtype.
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
                "randint() received an invalid combination of arguments: the size must be a tuple "
                f"of ints at the end, got {args}"
            )
        size = positional.pop()
    low, high = _bounds(positional, low, high, name)
    shape = shape_of((), size, name)
    d = dtype_for(dtype, out, _int64, name)
    bounds = integer_range(low, high, d)
    return made(name, "integers", shape, bounds, generator, out, d, device, requires_grad)


def _bounds(positional: list[Any], low: Any, high: Any, name: str) -> tuple[int, int]:
    """(low, high) of (high), (low, high), or either by name."""
    if len(positional) == 2 and low is None and high is None:
        low, high = positional
    elif len(positional) == 1 and high is None and low is None:
        high = positional[0]
    elif len(positional) == 1 and low is None:
        low = positional[0]
    elif positional or high is None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments: expected high, or low and high"
        )
    return integer(0 if low is None else low, name, "low"), integer(high, name, "high")


@public("randperm(int n, *, Generator? generator=None, out, options)", method=False)
@short(shuffled)
def randperm(
    n: int,
    *,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers from 0 to n - 1 in random order.

    Args:
        n: how many; RuntimeError if negative, or too many for the dtype.
        generator, out, device, requires_grad: as in `rand`. dtype: int64 by default.

    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    n = integer(n, "randperm", "n")
    d = dtype_for(dtype, out, _int64, "randperm")
    found = dtypes.as_dtype(d)
    if n < 0:
        raise RuntimeError(f"randperm: Trying to create tensor with negative dimension {n}: [{n}]")
    if found.category in (dtypes.BOOLEAN, dtypes.COMPLEX):
        raise unsupported("randperm", found, "an integer or floating point dtype")
    top = 2 ** digits_of(found) + 1 if found.is_floating_point else dtypes.iinfo(found).max
    if n > top:
        raise RuntimeError(f"randperm: n cannot be greater than {top} for {found}, got {n}")
    if out is None:
        return made("randperm", "permutations", (n,), (), generator, None, d, device, requires_grad)
    drawn = randperm(n, generator=generator, dtype=out.dtype, device=out.device)
    resized("randperm", (n,), out)
    views.store(out, drawn._a)
    return out


def _like(
    name: str,
    kind: str,
    input: Any,
    args: tuple[Any, ...],
    dtype: Any,
    device: Any,
    requires_grad: bool,
    memory_format: Any,
    generator: Any,
) -> Tensor:
    """Fresh numbers in input's shape, dtype and order of memory, unless others are asked for."""
    d = input._a.dtype if dtype is None else dtypes.as_np(dtype)
    dev = input.device if device is None else device_(device)
    stream = stream_of(generator, dev, name)
    # An interpreter has to see the draw.
    if RANK.get(type(input._a)) and device is None:
        like = input.detach() if dtype is None else input.detach().to(dtype)
        t = LIKE[kind].entry(varied(like, name), args, stream)
        return t.requires_grad_() if requires_grad else t
    a = input._a
    refuse_rank(memory_format, a.ndim)
    keep = memory_format is not contiguous_format
    if memory_format in ORDERS and not RANK.get(type(a)):
        a = lying_as(a, memory_format, lambda s: namespace(a).empty(s, d))
    plain = (
        not NS[type(a)].has(HOST) or input.device != dev or a.flags.c_contiguous or 0 in a.strides
    )
    if plain or not keep or state.vmap:
        return made(name, kind, tuple(a.shape), args, generator, None, d, dev, requires_grad)
    values = streams.fresh(namespace(a), a, stream or default_stream(dev), kind, args, d)
    return finish(values, requires_grad)


@public(
    "rand_like(Tensor input, *, Generator? generator=None, "
    "MemoryFormat? memory_format=None, options)",
    method=False,
)
@short(like(Stream.uniform))
def rand_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    generator: Any = None,
) -> Tensor:
    """Uniform numbers in [0, 1) in input's shape and dtype.

    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    check_tensor(input, "rand_like")
    check_floating(dtype or input.dtype, "rand_like")
    return _like(
        "rand_like", "uniform", input, (), dtype, device, requires_grad, memory_format, generator
    )


@public(
    "randn_like(Tensor input, *, Generator? generator=None, "
    "MemoryFormat? memory_format=None, options)",
    method=False,
)
@short(like(Stream.normal))
def randn_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    generator: Any = None,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1 in input's shape and dtype.

    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    check_tensor(input, "randn_like")
    check_floating(dtype or input.dtype, "randn_like")
    return _like(
        "randn_like", "normal", input, (), dtype, device, requires_grad, memory_format, generator
    )


@public(
    "randint_like(Tensor input, Tensor|int high, *, Generator? generator=None, "
    "MemoryFormat? memory_format=None, options)",
    "randint_like(Tensor input, int low, int high, *, Generator? generator=None, "
    "MemoryFormat? memory_format=None, options)",
    method=False,
)
def randint_like(
    input: Tensor,
    *args: Any,
    low: Any = None,
    high: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    generator: Any = None,
) -> Tensor:
    """Integers in [low, high) in input's shape and dtype: randint_like(x, [low,] high).

    >>> torch.randint_like(torch.zeros(2), 3, 4)
    tensor([3., 3.])
    """
    check_tensor(input, "randint_like")
    low, high = _bounds(list(args), low, high, "randint_like")
    bounds = integer_range(low, high, input._a.dtype if dtype is None else dtypes.as_np(dtype))
    return _like(
        "randint_like",
        "integers",
        input,
        bounds,
        dtype,
        device,
        requires_grad,
        memory_format,
        generator,
    )
