"""Pools of small planes by tables of the places that each window covers: one loop in machine code,
or a few calls of NumPy with the same bits.

What lives here: tables, the loops, when they are used. What does not: pools of larger arrays, and
of other dtypes (`pool.py`).
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from ..kernels.native import Code, Host
from .numpy_direct import library as np
from .random_kernels import fits
from .windows import Array, Ints, pooled_size

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
MOST = 1 << 13  # elements of all windows; with more, other ways take less
FEW = 3 << 10  # likewise, of sliding windows whose maxima are wanted
SAVED = 3e4  # ns that a loop saves a call
DATA = object.__basicsize__  # where an array object has the address of its elements


class Table:
    """The windows of a pool over planes of one size."""

    def __init__(self, shape: Ints, out: Ints, spatial: Ints, rows: list[Any]) -> None:
        self.input = shape
        self.shape = (*shape[: len(shape) - len(spatial)], *out)  # of the result
        self.planes, self.size = prod(shape[: len(shape) - len(spatial)]), prod(spatial)
        flat, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
        for n, along in zip(spatial, rows):
            at = np.array(along)
            (o, k), (p, m) = at.shape, flat.shape
            here = (at >= 0) & (at < n)
            flat = (flat[:, None, :, None] * n + at[None, :, None, :]).reshape(p * o, m * k)
            inside = (inside[:, None, :, None] & here[None, :, None, :]).reshape(p * o, m * k)
        self.places = np.where(inside, flat, -1)  # (windows, taps), -1 outside
        self.windows, self.taps = self.places.shape
        self.all = bool(inside.all())
        self.empty = not inside.any(1).all()
        self.safe = np.where(inside, flat, 0)
        self.counts = inside.sum(1)
        starts = np.arange(0, self.planes * self.windows * self.taps, self.taps)
        self.starts = starts.reshape(self.planes, self.windows)  # of the windows' elements


@lru_cache(maxsize=128)
def sliding(
    shape: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> Table | None:
    """The windows that slide over the last dimensions; None where there are too many elements."""
    spatial = shape[-len(kernel) :]
    each = zip(spatial, kernel, stride, padding, dilation)
    out = tuple([pooled_size(*facts, ceil) for facts in each])
    lead = prod(shape[: len(shape) - len(kernel)])
    if not 0 < lead * prod(out) * prod(kernel) <= MOST or min(out) < 1:
        return None
    rows = [
        [[i * s - p + d * j for j in range(k)] for i in range(o)]
        for k, s, p, d, o in zip(kernel, stride, padding, dilation, out)
    ]
    return Table(shape, out, spatial, rows)


def adaptive_bounds(size: int, out: int) -> list[tuple[int, int]]:
    """The windows that cut `size` positions into `out` parts, overlapping where they must."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


@lru_cache(maxsize=128)
def covering(shape: Ints, out: Ints) -> Table | None:
    """The windows that cut the last dimensions into `out` parts."""
    spatial = shape[-len(out) :]
    if min(out) < 1 or 0 in shape:
        return None
    rows = []
    for n, o in zip(spatial, out):
        bounds = adaptive_bounds(n, o)
        most = max([b - a for a, b in bounds])
        rows.append([[a + j if a + j < b else -1 for j in range(most)] for a, b in bounds])
    lead = prod(shape[: len(shape) - len(out)])
    if lead * prod(out) * prod([len(r[0]) for r in rows]) > MOST:
        return None
    return Table(shape, out, spatial, rows)


@lru_cache(maxsize=128)
def divisors(table: Table, each: Any, dtype: Any) -> Array:
    """What the sum of each window is divided by: a number for all, numbers (windows), or None for
    how many of its places are inside.
    """
    wanted = table.counts if each is None else each
    return np.ascontiguousarray(np.broadcast_to(np.asarray(wanted, dtype), table.windows))


# ------------------------------------------------------------------------------------- the pools


def maxima(x: Array, t: Table) -> tuple[Array, Array] | None:
    """The maximum of each window and its place: the first of equals, the last nan."""
    d = x.dtype
    if t.empty or not (d is F32 or d is F64) or not x.flags.c_contiguous:
        return None
    code = MAXIMA[d]
    run = code.run or code.ready(SAVED)
    if run is not None:
        out, where = np.empty(t.shape, d), np.empty(t.shape, np.int64)
        run(x, t.places, out, where, t.planes, t.windows, t.taps, t.size)
        return out, where
    flat = x.reshape(t.planes, t.size)
    values = flat.take(t.safe, 1)
    if not t.all:
        values = np.where(t.places < 0, -np.inf, values).astype(d, copy=False)
    at = values.argmax(2)
    out = values.reshape(-1).take(at + t.starts)
    if not np.isfinite(out).all():
        return None
    where = t.places.reshape(-1).take(at + t.starts[0])
    return out.reshape(t.shape), where.reshape(t.shape)


def sums(x: Array, t: Table, each: Any) -> Array | None:
    """The sum of each window, over divisors (see there)."""
    d = x.dtype
    if t.empty or not (d is F32 or d is F64) or not x.flags.c_contiguous:
        return None
    by = divisors(t, each, d)
    code = SUMS[d]
    run = code.run or code.ready(SAVED)
    if run is not None:
        out = np.empty(t.shape, d)
        run(x, t.places, by, out, t.planes, t.windows, t.taps, t.size)
        return out
    values = x.reshape(t.planes, t.size).take(t.safe, 1)
    if not t.all:
        values = np.where(t.places < 0, d.type(0), values)
    total = np.add.accumulate(values, 2)[..., -1] + d.type(0)  # in the loop's order, from 0 on
    return (total / by).reshape(t.shape)


def spread(g: Array, t: Table, each: Any) -> Array | None:
    """The adjoint of sums()."""
    d = g.dtype
    if t.empty or not (d is F32 or d is F64):
        return None
    if not g.flags.c_contiguous:
        g = np.ascontiguousarray(g)
    by = divisors(t, each, d)
    out = np.zeros(t.input, d)
    code = SPREAD[d]
    run = code.run or code.ready(SAVED)
    if run is not None:
        run(g, t.places, by, out, t.planes, t.windows, t.taps, t.size)
        return out
    share = np.repeat((g.reshape(t.planes, t.windows) / by)[..., None], t.taps, 2)
    at = t.safe + (np.arange(t.planes) * t.size)[:, None, None]
    inside = np.broadcast_to(t.places >= 0, at.shape)
    np.add.at(out.reshape(-1), at[inside], share[inside])
    return out


def put(g: Array, where: Array, planes: int, size: int) -> Array | None:
    """Zeros (planes, size) plus g (planes, n) at the places `where` of each plane."""
    d = g.dtype
    if not (d is F32 or d is F64) or g.size > MOST or not where.flags.c_contiguous:
        return None
    code = PUT[d]
    run = code.run or code.ready(SAVED)
    if run is None:
        return None
    if not g.flags.c_contiguous:
        g = np.ascontiguousarray(g)
    out = np.zeros((planes, size), d)
    run(g, where, out, planes, g.size // planes, size)
    return out


# ------------------------------------------------------------------------------------- the loops

# %T is the type of the elements, %N its letter in names
_DATA = """  %{0}.at = getelementptr i8, ptr %{0}.o, i64 DATA
  %{0} = load ptr, ptr %{0}.at
"""


def _over(arrays: str, numbers: str, body: str) -> str:
    """Text of a loop over planes %p and windows %w."""
    given = [f"ptr %{a}.o" for a in arrays.split()] + [f"i64 %{n}" for n in numbers.split()]
    start = "".join([_DATA.format(a) for a in arrays.split()]).replace("DATA", str(DATA))
    return f"""
define void @run({", ".join(given)}) {{
entry:
{start}  br label %outer
outer:
  %p = phi i64 [ 0, %entry ], [ %p1, %plane.end ]
  %p.more = icmp slt i64 %p, %planes
  br i1 %p.more, label %plane, label %done
plane:
  %p1 = add i64 %p, 1
  %first = mul i64 %p, %size
  %p.window = mul i64 %p, %windows
  br label %each
each:
  %w = phi i64 [ 0, %plane ], [ %w1, %window.end ]
  %w.more = icmp slt i64 %w, %windows
  br i1 %w.more, label %window, label %plane.end
window:
  %w1 = add i64 %w, 1
  %here = add i64 %p.window, %w
{body}
window.end:
  br label %each
plane.end:
  br label %outer
done:
  ret void
}}
"""


_TAPS = """  %row = mul i64 %w, %taps
  br label %next
next:
  %k = phi i64 [ 0, %window ], [ %k1, %step ]
{carried}
  %k.more = icmp slt i64 %k, %taps
  br i1 %k.more, label %tap, label %finish
tap:
  %k1 = add i64 %k, 1
  %i = add i64 %row, %k
  %q = getelementptr i64, ptr %places, i64 %i
  %at = load i64, ptr %q
  %in = icmp sge i64 %at, 0
  br i1 %in, label %inside, label %step
inside:
  %j = add i64 %first, %at
{inside}
  br label %step
step:
{after}
  br label %next
finish:
{finish}
  br label %window.end"""


def _maxima(t: str) -> str:
    body = _TAPS.format(
        carried=f"  %best = phi {t} [ 0xFFF0000000000000, %window ], [ %best1, %step ]\n"
        "  %place = phi i64 [ -1, %window ], [ %place1, %step ]",
        inside=f"""  %v.at = getelementptr {t}, ptr %x, i64 %j
  %v = load {t}, ptr %v.at
  %greater = fcmp ogt {t} %v, %best
  %none = icmp slt i64 %place, 0
  %odd = fcmp uno {t} %v, %v
  %a = or i1 %greater, %none
  %take = or i1 %a, %odd
  %v1 = select i1 %take, {t} %v, {t} %best
  %at1 = select i1 %take, i64 %at, i64 %place""",
        after=f"  %best1 = phi {t} [ %best, %tap ], [ %v1, %inside ]\n"
        "  %place1 = phi i64 [ %place, %tap ], [ %at1, %inside ]",
        finish=f"""  %out.at1 = getelementptr {t}, ptr %out, i64 %here
  store {t} %best, ptr %out.at1
  %where.at1 = getelementptr i64, ptr %where, i64 %here
  store i64 %place, ptr %where.at1""",
    )
    return _over("x places out where", "planes windows taps size", body)


def _sums(t: str) -> str:
    body = _TAPS.format(
        carried=f"  %sum = phi {t} [ 0.0, %window ], [ %sum1, %step ]",
        inside=f"""  %v.at = getelementptr {t}, ptr %x, i64 %j
  %v = load {t}, ptr %v.at
  %s = fadd {t} %sum, %v""",
        after=f"  %sum1 = phi {t} [ %sum, %tap ], [ %s, %inside ]",
        finish=f"""  %by.at1 = getelementptr {t}, ptr %by, i64 %w
  %b = load {t}, ptr %by.at1
  %r = fdiv {t} %sum, %b
  %out.at1 = getelementptr {t}, ptr %out, i64 %here
  store {t} %r, ptr %out.at1""",
    )
    return _over("x places by out", "planes windows taps size", body)


def _spread(t: str) -> str:
    body = f"""  %g.at1 = getelementptr {t}, ptr %g, i64 %here
  %g1 = load {t}, ptr %g.at1
  %by.at1 = getelementptr {t}, ptr %by, i64 %w
  %b = load {t}, ptr %by.at1
  %share = fdiv {t} %g1, %b
""" + _TAPS.format(
        carried="",
        inside=f"""  %v.at = getelementptr {t}, ptr %out, i64 %j
  %v = load {t}, ptr %v.at
  %s = fadd {t} %v, %share
  store {t} %s, ptr %v.at""",
        after="",
        finish="",
    )
    return _over("g places by out", "planes windows taps size", body)


def _put(t: str) -> str:
    body = f"""  %q = getelementptr i64, ptr %where, i64 %here
  %at = load i64, ptr %q
  %j = add i64 %first, %at
  %g.at1 = getelementptr {t}, ptr %g, i64 %here
  %g1 = load {t}, ptr %g.at1
  %v.at = getelementptr {t}, ptr %out, i64 %j
  %v = load {t}, ptr %v.at
  %s = fadd {t} %v, %g1
  store {t} %s, ptr %v.at
  br label %window.end"""
    return _over("g where out", "planes windows size", body)


def _codes(make: Any, types: str) -> dict[Any, Code]:
    def code(t: str) -> Code:
        def text(host: Host) -> str | None:
            return make(t) if fits() else None

        return Code(text, types)

    return {F32: code("float"), F64: code("double")}


MAXIMA = _codes(_maxima, "ooooiiii")
SUMS = _codes(_sums, "ooooiiii")
SPREAD = _codes(_spread, "ooooiiii")
PUT = _codes(_put, "oooiii")
