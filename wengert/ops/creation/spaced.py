"""Sequences between two ends: linspace and logspace. arange is in `filled.py`."""

from __future__ import annotations

import math
from struct import Struct, error
from typing import Any

from ...base import dtypes
from ...base.dtypes import DEFAULT
from ...base.modes import everyone
from ...declare.binding import ABSENT
from ...declare.fast_paths import short
from ...declare.registry import public
from ...engine.tensor import Tensor, new
from .fast_paths import HOST
from .filled import arange, finish, into, made_on_host, space


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


def _exact_steps(xp: Any, start: Any, end: Any, steps: int) -> Any:
    """Even steps from the nearer end in float64, each rounded once, as PyTorch's: of integers, what
    lies just below a whole number is cut to the one before.
    """
    i = xp.arange(0, steps, 1, dtypes.int64.np)
    near = i < steps // 2
    i = xp.where(near, i, i + (1 - steps))
    step = (float(end) - float(start)) / max(steps - 1, 1)
    if not math.isfinite(step):
        return xp.where(near, float(start), float(end)) + i * step
    fraction, exponent = math.frexp(step)
    # a float32 number, wherever it lies: its products with counts are exact
    coarse = math.ldexp(ONE.unpack(ONE.pack(fraction))[0], exponent)
    base, far = xp.where(near, float(start), float(end) if steps > 1 else float(start)), i * coarse
    values = base + far
    back = values - base
    lost = (base - (values - back)) + (far - back)
    return values + (lost + i * (step - coarse))


FEW = 16  # numbers up to which Python is quicker than the library
ONE, PAIR = Struct("f"), Struct("2f")
ROWS = [Struct(f"{n}f") for n in range(FEW + 1)]
FAR = 2**23  # integers below, and their differences, are float32 numbers
NUMBERS = {int, float}
F32 = dtypes.float32.np


def stepwise(careful):
    """The short form of linspace(a, b, n) for a few float32 numbers, on the CPU."""

    def f(start=ABSENT, end=ABSENT, steps=ABSENT, **kw):
        usual = type(steps) is int and 1 < steps <= FEW and not kw and not everyone.special
        if usual and HOST and DEFAULT[0] is dtypes.float32 and {type(start), type(end)} <= NUMBERS:
            last = steps - 1
            try:  # the ends, their distance and the step are float32 numbers
                if type(start) is type(end) is int and -FAR < start < FAR and -FAR < end < FAR:
                    a, b, distance = start, end, end - start
                else:
                    a, b = PAIR.unpack(PAIR.pack(start, end))
                    (distance,) = ONE.unpack(ONE.pack(b - a))
                    if distance - distance:  # nan: no finite float32 numbers
                        return careful(start, end, steps)
                (step,) = ONE.unpack(ONE.pack(distance / last))
                values = [i * step + a for i in range(steps // 2)]
                values += [b - i * step for i in range(last - steps // 2, -1, -1)]
                t = new(Tensor)
                t._a = a = HOST[0].library.empty(steps, F32)
                ROWS[steps].pack_into(a, 0, *values)
                t._n = t._x = None
                return t
            except (OverflowError, error):  # no finite float32 numbers
                pass
        return careful(start, end, steps, **kw)

    return f


def complex_kept(name: str, d: dtypes.dtype) -> dtypes.dtype:
    """d, if it can hold complex ends; else RuntimeError."""
    if not d.is_complex:
        raise RuntimeError(
            f"torch.{name}(): complex ends cannot be cast to {d}: pass dtype=torch.complex64"
        )
    return d


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
    if dtype is None:
        dtype = out.dtype if out is not None else dtypes.get_default_dtype()
        if isinstance(start, complex) or isinstance(end, complex):
            dtype = dtype.to_complex()
    d = dtypes.as_dtype(dtype)
    if isinstance(start, complex) or isinstance(end, complex):
        complex_kept("linspace", d)
    xp = space(device)
    if d.category == dtypes.INTEGRAL:
        start, end = _whole("linspace", start, end, steps, d)
        values = _exact_steps(xp, start, end, steps)
        return into(out, finish(xp.astype(values, d.np), requires_grad), True)
    work = dtypes.float64 if d.is_floating_point else dtypes.complex128
    if steps and d.is_floating_point:
        start, end = dtypes.converted(start, d), dtypes.converted(end if steps > 1 else start, d)
    if d.name == "float32" and steps > 1:
        # PyTorch goes from the nearer end, its step rounded to float32 and each sum rounded once
        start, end, i = d.np.type(start), d.np.type(end), xp.arange(0, steps, 1, work.np)
        step = float((end - start) / d.np.type(steps - 1))
        down = (steps - 1 - i) * step
        values = xp.where(i < steps // 2, float(start) + i * step, float(end) - down)
    elif steps == 1:
        values = xp.full((1,), start, work.np)
    elif (
        steps and d.is_floating_point and d is not work
    ):  # each operation is rounded in half precision
        i = xp.astype(xp.arange(0, steps, 1, dtypes.int64.np), d.np)
        start, end, last = xp.scalar(start, d.np), xp.scalar(end, d.np), xp.scalar(steps - 1, d.np)
        step = (end - start) / last
        down = xp.astype(xp.arange(steps - 1, -1, -1, dtypes.int64.np), d.np) * step
        values = xp.where(
            xp.arange(0, steps, 1, work.np) < steps // 2, start + i * step, end - down
        )
    elif steps and d.is_floating_point:
        values, step = _exact_steps(xp, start, end, steps), float(end) - float(start)
        values[0], values[-1] = start + 0 * step, end - 0 * step  # zeros have PyTorch's signs
    elif not steps:
        values = xp.zeros((0,), work.np)
    else:
        values = xp.library.linspace(start, end, steps, dtype=work.np)
    return into(out, finish(xp.astype(values, d.np), requires_grad), True)


@public(
    "logspace(Tensor|Scalar start, Tensor|Scalar end, int steps, float base=10.0, *, out, options)",
    method=False,
)
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
    d = dtypes.as_dtype(dtype) if dtype is not None else dtypes.get_default_dtype()
    if isinstance(start, complex) or isinstance(end, complex):
        d = d.to_complex() if dtype is None else complex_kept("logspace", d)
    if batched:
        e = linspace(start, end, steps, dtype=dtypes.float64, device=device)
        return (float(base) ** e).to(d)
    base = base.item() if isinstance(base, Tensor) else base
    if d.category == dtypes.INTEGRAL and steps >= 0:
        xp = space(device)
        if steps != 1:
            start, end = _whole("logspace", start, end, steps, d)
        e = _exact_steps(xp, start, end, steps)
    else:
        # real ends and their distance are numbers of d; the exponents, from the nearer end, and the
        # powers are in double precision
        xp, work = space(device), dtypes.float64 if not d.is_complex else dtypes.complex128
        if steps < 0:
            raise RuntimeError("number of steps must be non-negative")
        if steps == 1:  # nothing looks at the end
            e = xp.full((1,), start, work.np)
        else:
            kept = work if d.is_complex else d
            start, end = (kept.np.type(dtypes.converted(v, kept)) for v in (start, end))
            step = work.np.type(end - start) / max(steps - 1, 1)
            start, end = work.np.type(start), work.np.type(end)
            i = xp.arange(0, steps, 1, dtypes.int64.np)
            e = xp.where(i < steps // 2, start + i * step, end - (steps - 1 - i) * step)
    powers = xp.asarray(xp.library.power(float(base), e))
    return into(out, finish(xp.astype(powers, d.np), requires_grad), True)
