"""Sequences: arange, linspace and logspace."""

from __future__ import annotations

import math
from struct import Struct, error
from typing import Any

from ...arrays.lookup import VALUES
from ...autodiff.dual import Dual
from ...base import dtypes
from ...base.devices import device as DEVICE
from ...base.dtypes import DEFAULT
from ...base.modes import everyone
from ...declare.binding import ABSENT
from ...declare.fast_paths import short
from ...declare.registry import public
from ...engine.tensor import Tensor, new
from .destination import into
from .fast_paths import HOST, counted
from .filled import finish, full, made_on_host, space


def ends(name: str, start: Any, end: Any) -> tuple[Any, Any, bool]:
    """(both as numbers, False); the tensors, detached, and True, where they have no single value
    (in vmap). RuntimeError for tensors with dimensions.
    """
    batched = False
    for what, v in (("start", start), ("end", end)):
        if isinstance(v, Tensor):
            if v._a.ndim:
                raise RuntimeError(
                    f"{name} only supports 0-dimensional start and end tensors, but got {what}"
                    f" with {v._a.ndim} dimension(s)."
                )
            if isinstance(v._a, Dual):
                raise NotImplementedError(f"{name} has no derivative in forward mode")
            batched = batched or hasattr(v._a, "level")
    a, b = [
        v if not isinstance(v, Tensor) else v.detach() if batched else v.item()
        for v in (start, end)
    ]
    return a, b, batched


def _whole(name: str, start: Any, end: Any, steps: int, d: dtypes.dtype) -> tuple[int, int]:
    """The ends of integers; without steps nothing looks at them."""
    for v in (start, end):
        if isinstance(v, complex):
            raise RuntimeError(f"torch.{name}(): a complex end can't be safely cast to {d}")
    return (dtypes.converted(start, d), dtypes.converted(end, d)) if steps else (0, 0)


def _in_steps(xp: Any, base: Any, step: float, i: Any) -> Any:
    """base + i * step in float64, rounded once as by a fused instruction; i are whole numbers."""
    if not math.isfinite(step):
        return base + i * step
    fraction, exponent = math.frexp(step)
    # a float32 number, wherever it lies: its products with counts are exact
    coarse = math.ldexp(ONE.unpack(ONE.pack(fraction))[0], exponent)
    far = i * coarse
    values = base + far
    back = values - base
    lost = (base - (values - back)) + (far - back) + i * (step - coarse)
    return xp.where(abs(lost) > 0, values + lost, values)  # nothing is lost of infinities


def _exact_steps(xp: Any, start: Any, end: Any, steps: int) -> Any:
    """Even steps from the nearer end in float64, each rounded once, as PyTorch's: of integers, what
    lies just below a whole number is cut to the one before.
    """
    i = xp.arange(0, steps, 1, dtypes.int64.np)
    near = i < steps // 2
    step = (float(end) - float(start)) / max(steps - 1, 1)
    base = xp.where(near, float(start), float(end) if steps > 1 else float(start))
    return _in_steps(xp, base, step, xp.where(near, i, i + (1 - steps)))


LANES = {"float32": 8, "float64": 4, "float16": 16, "bfloat16": 16}
WHOLE = {dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64}


def _rows(xp: Any, start: Any, step: Any, n: int, d: dtypes.dtype) -> Any:
    """start, start + step, ... with the roundings of PyTorch's loop over rows of lanes: the first
    number of each row is rounded to d before the others are counted from it. What is left over
    after pairs of rows is counted from start.
    """
    wide, lanes = dtypes.float64.np, LANES[d.name]
    count = F32 if d.np.itemsize == 2 else wide
    if count is F32:
        start, step = (dtypes.converted(v, dtypes.float32) for v in (start, step))
        start, step = PAIR.unpack(PAIR.pack(start, step))
    i = xp.arange(0, n, 1, dtypes.int64.np)
    lane = xp.where(i < n - n % (2 * lanes), i % lanes, 0)

    def rounded(values: Any) -> Any:
        return xp.astype(xp.astype(xp.astype(values, count), d.np), wide)

    first = rounded(_in_steps(xp, float(start), float(step), i - lane))
    if d is dtypes.bfloat16:  # products with lanes are rounded by themselves
        return first + xp.astype(xp.astype(lane * step, F32), wide)
    return rounded(_in_steps(xp, first, float(step), lane))


def _even(xp: Any, start: Any, end: Any, steps: int, d: dtypes.dtype) -> Any:
    """Even steps from the nearer end, in float64, with the roundings of PyTorch's loop for d."""
    start, end = dtypes.converted(start, d), dtypes.converted(end, d)
    if d is dtypes.float64:
        values, step = _exact_steps(xp, start, end, steps), float(end) - float(start)
        values[0], values[-1] = start + 0 * step, end - 0 * step  # zeros have PyTorch's signs
        return values
    start, end, last = d.np.type(start), d.np.type(end), d.np.type(steps - 1)
    step = (end - start) / last
    i = xp.arange(0, steps, 1, dtypes.int64.np)
    up, down = (xp.astype(v, d.np) for v in (i, steps - 1 - i))
    if d is dtypes.float32:  # the step is rounded, and each sum once
        start, end, step = float(start), float(end), float(step)
        up, down = (xp.astype(v, dtypes.float64.np) for v in (up, down))
    return xp.where(i < steps // 2, start + up * step, end - down * step)


FEW = 16  # numbers up to which Python is quicker than the library
ONE, PAIR = Struct("f"), Struct("2f")
ROWS = [Struct(f"{n}f") for n in range(FEW + 1)]
MANY = 4096  # up to which one float64 array beside the result is no matter
FAR = 2**23  # integers below, and their differences, are float32 numbers
NUMBERS = {int, float}
TENSOR = {Tensor}
F32, F64 = dtypes.float32.np, dtypes.float64.np


def number_of(end: Any) -> Any:
    """The number in a 0-d tensor on the CPU; all else as it is."""
    if type(end) is Tensor and type(end._a) is HOST[0].array_type and not end._a.ndim:
        return end._a.item()
    return end


def usual(steps: Any, dtype: Any, device: Any, most: int = FEW) -> bool:
    """Whether at most so many float32 numbers are asked for, on the CPU."""
    if type(steps) is not int or not 0 <= steps <= most or everyone.special or not HOST:
        return False
    kind = type(device)
    here = device is None or (device if kind is str else kind is DEVICE and device.type) == "cpu"
    return here and (DEFAULT[0] if dtype is None else dtype) is dtypes.float32


def counted_out(a: Any, b: Any, step: float, steps: int) -> Any:
    """A float32 array of numbers counted from the nearer end in float64, each rounded once."""
    library, half = HOST[0].library, steps // 2
    far = library.arange(0, steps - half, 1, F64)
    far *= step
    row = library.empty(steps, F32)
    library.add(far[:half], a, row[:half])
    library.subtract(b, far[::-1], row[half:])
    return row


def stepwise(careful):
    """The short form of linspace(a, b, n) for float32 numbers, not too many, on the CPU."""

    def f(start=ABSENT, end=ABSENT, steps=ABSENT, *, dtype=None, device=None, **kw):
        if not kw and usual(steps, dtype, device, MANY):
            a, b, last = start, end, steps - 1
            if {type(a), type(b)} & TENSOR:
                a, b = number_of(a), number_of(b)
            try:  # the ends, their distance and the step are float32 numbers
                if type(a) is type(b) is int and -FAR < a < FAR and -FAR < b < FAR:
                    distance = b - a
                elif {type(a), type(b)} <= NUMBERS:
                    a, b = PAIR.unpack(PAIR.pack(a, b))
                    (distance,) = ONE.unpack(ONE.pack(b - a))
                    if distance - distance:  # nan: no finite float32 numbers
                        return careful(start, end, steps, dtype=dtype, device=device)
                else:
                    return careful(start, end, steps, dtype=dtype, device=device)
                t = new(Tensor)
                t._n = t._x = None
                if last > 0:
                    (step,) = ONE.unpack(ONE.pack(distance / last))
                    if steps > FEW:
                        t._a = counted_out(a, b, step, steps)
                        return t
                    values = [i * step + a for i in range(steps // 2)]
                    values += [b - i * step for i in range(last - steps // 2, -1, -1)]
                else:
                    values = [a] * steps
                t._a = row = HOST[0].library.empty(steps, F32)
                ROWS[steps].pack_into(row, 0, *values)
                return t
            except (OverflowError, error):  # no finite float32 numbers
                pass
        return careful(start, end, steps, dtype=dtype, device=device, **kw)

    return f


def by_powers(careful):
    """The short form of logspace(a, b, n) for a few float32 numbers, on the CPU."""

    def f(start=ABSENT, end=ABSENT, steps=ABSENT, base=10.0, *, dtype=None, device=None, **kw):
        if not kw and type(base) in NUMBERS and usual(steps, dtype, device) and steps != 1:
            a, b, last = number_of(start), number_of(end), steps - 1
            if type(a) in NUMBERS and type(b) in NUMBERS and -FAR < a < FAR and -FAR < b < FAR:
                exponents = []
                if steps:  # the ends and their distance are float32 numbers, the rest is double
                    a, b = PAIR.unpack(PAIR.pack(a, b))
                    (distance,) = ONE.unpack(ONE.pack(b - a))
                    step = distance / last
                    exponents = [a + i * step for i in range(steps // 2)]
                    exponents += [b - i * step for i in range(last - steps // 2, -1, -1)]
                library = HOST[0].library
                powers = library.power(float(base), library.array(exponents, F64))
                t = new(Tensor)
                t._a = powers.astype(F32)
                t._n = t._x = None
                return t
        return careful(start, end, steps, base, dtype=dtype, device=device, **kw)

    return f


def with_kernel(name: str, d: dtypes.dtype, inexact: bool = False) -> None:
    """NotImplementedError for dtypes that PyTorch's kernel does not make."""
    if d.name not in LANES and d not in WHOLE and not (inexact and d.is_complex):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{d}'")


def dtype_between(name: str, start: Any, end: Any, dtype: Any, out: Any) -> dtypes.dtype:
    """The dtype of a sequence: the one asked for, out's, or the default one, complex between
    complex ends. RuntimeError for one that cannot hold such ends.
    """
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    if dtype is None:
        d = out.dtype if out is not None else dtypes.get_default_dtype()
        return d.to_complex() if is_complex else d
    d = dtypes.as_dtype(dtype)
    if is_complex and not d.is_complex:
        raise RuntimeError(
            f"torch.{name}(): complex ends cannot be cast to {d}: pass dtype=torch.complex64"
        )
    return d


@public(
    "arange(Scalar end, *, out, options)",
    "arange(Scalar start, Scalar end, *, options)",
    "arange(Scalar start, Scalar end, Scalar step=1, *, out, options)",
    method=False,
)
@short(counted)
def arange(
    start=0,
    end=None,
    step=1,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The numbers from start to end (excluded) in steps; int64 if all are ints.

    >>> torch.arange(3)
    tensor([0, 1, 2])
    """
    if end is None:
        start, end = 0, start
    start, end, step = [
        v.item() if isinstance(v, Tensor) or hasattr(v, "dtype") else v for v in (start, end, step)
    ]
    if out is not None and out.dtype.category == dtypes.INTEGRAL and step and int(step) == 0:
        raise ValueError(f"step must be nonzero, but {step} is 0 as an integer of {out.dtype}")
    if not (step > 0 or step < 0):
        raise RuntimeError(f"step must be nonzero, got {step}")
    if (end - start) * (1 if step > 0 else -1) < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if dtype is None and out is not None:
        dtype = out.dtype
    if dtype is None:
        dtype = (
            dtypes.int64
            if all(isinstance(v, int) for v in (start, end, step))
            else dtypes.get_default_dtype()
        )
    with_kernel("arange", dtype)
    d = dtypes.as_np(dtype)
    xp = space(device)
    if d == dtypes.int64.np:
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise ValueError("step must be nonzero, but is 0 as an integer")
        return into(out, finish(xp.arange(start, end, step, d), requires_grad), True, "")
    n = max(0, math.ceil((end - start) / step))
    if dtype.category == dtypes.INTEGRAL:  # as many as there would be of the floats
        start, step = int(start), int(step)
    reach = max(abs(start), abs(end))
    if dtype.is_floating_point and not (
        float(start).is_integer()
        and float(step).is_integer()
        and reach * dtypes.limits(dtype).eps < 2
    ):
        with xp.current():
            values = _rows(xp, start, step, n, dtype)
    else:
        values = xp.add(xp.mul(xp.arange(0, n, 1, dtypes.float64.np), step), start)
    return into(out, finish(xp.astype(values, d), requires_grad), True, "")


@public(
    "linspace(Tensor|Scalar start, Tensor|Scalar end, int steps, *, out, options)", method=False
)
@short(stepwise)
@made_on_host
def linspace(
    start,
    end,
    steps,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """steps numbers from start to end (included), evenly spread.

    >>> torch.linspace(0, 1, steps=5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, end, batched = ends("linspace", start, end)
    if batched:
        d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
        part = arange(steps, dtype=d, device=device) / max(steps - 1, 1)
        return (part * (end - start) + start).to(d)  # in vmap the ends have no single value
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    d = dtype_between("linspace", start, end, dtype, out)
    if steps == 1:  # nothing looks at the end
        return into(
            out, full((1,), start, dtype=d, device=device, requires_grad=requires_grad), True
        )
    if steps:
        with_kernel("linspace", d, True)
    xp = space(device)
    if d.category == dtypes.INTEGRAL:
        start, end = _whole("linspace", start, end, steps, d)
        values = _exact_steps(xp, start, end, steps)
        return into(out, finish(xp.astype(values, d.np), requires_grad), True)
    if d.is_complex and steps:
        ends_ = [complex(v) for v in (start, end)]
        real, imag = (
            _even(xp, getattr(ends_[0], part), getattr(ends_[1], part), steps, d.to_real())
            for part in ("real", "imag")
        )
        values = real + 1j * imag
    elif steps:
        values = _even(xp, start, end, steps, d)
    else:
        values = xp.zeros((0,), d.np)
    return into(out, finish(xp.astype(values, d.np), requires_grad), True)


@public(
    "logspace(Tensor|Scalar start, Tensor|Scalar end, int steps, float base=10.0, *, out, options)",
    method=False,
)
@short(by_powers)
@made_on_host
def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """steps numbers from base ** start to base ** end, evenly spread in the exponent.

    >>> torch.logspace(0, 2, steps=3)
    tensor([  1.,  10., 100.])
    """
    start, end, batched = ends("logspace", start, end)
    d = dtype_between("logspace", start, end, dtype, out)
    if batched:
        e = linspace(start, end, steps, dtype=dtypes.float64, device=device)
        return (float(base) ** e).to(d)
    base = base.item() if isinstance(base, Tensor) else base
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    xp, work = space(device), dtypes.complex128 if d.is_complex else dtypes.float64
    if steps == 1:  # nothing looks at the end
        value = (work.np.type(base) ** work.np.type(start)).item()
        return into(
            out, full((1,), value, dtype=d, device=device, requires_grad=requires_grad), True
        )
    if steps:
        with_kernel("logspace", d, True)
    # the ends and their distance are numbers of d (whole ones for integers); the exponents, from
    # the nearer end, and the powers are of double precision
    if d.category == dtypes.INTEGRAL:
        start, end = _whole("logspace", start, end, steps, d)
    kept = work if d.category == dtypes.INTEGRAL else d
    work = d if d.is_complex else work
    start, end = (kept.np.type(dtypes.converted(v, kept)) for v in (start, end))
    step = work.np.type(end - start) / work.np.type(max(steps - 1, 1))
    start, end = work.np.type(start), work.np.type(end)
    i = xp.astype(xp.arange(0, steps, 1, dtypes.int64.np), work.np)
    e = xp.where(i < steps // 2, start + i * step, end - (steps - 1 - i) * step)
    base = work.np.type(base)
    if not xp.has(VALUES):
        powers = e
    elif d is dtypes.float64:  # to the last bit of the C library's
        powers = xp.asarray([base**v for v in e], d.np)
    else:
        powers = xp.asarray(xp.library.power(base, e))
    return into(out, finish(xp.astype(powers, d.np), requires_grad), True)
