"""Direct convolution of NumPy arrays: geometry, scratch and launches for `conv_loops.py`.

Filters of 3x3 at stride 1 over many channels go to `winograd.py`. Each function gives None where
the kernels do not apply: without a compiler, for other dtypes, and for shapes where a product of
matrices is better.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from . import compiler, depthwise, threads, winograd
from .conv_loops import (
    Blocks,
    Correlation,
    Phase,
    Triple,
    blocks,
    correlate,
    correlate_weights,
    pack,
    unpack,
)
from .jobs import WORDS

Array = Any
Ints = tuple[int, ...]
LEAST = 40_000  # multiply-adds; with fewer, gathering the windows takes less than the launches
PHASES = 9  # more remainders by the stride are too much code
PARTS = 16  # of the images, for sums over them
SUMS = 8 << 20  # bytes of partial sums


def conv(x: Array, w: Array, bias: Array | None, geometry: Any) -> Array | None:
    """Correlation of x (N, C, *spatial) with w (O, C/groups, *kernel), plus bias (O,)."""
    word = _word(x, w, bias)
    if word is None:
        return None
    if w.shape[1] == 1 and (found := depthwise.forward(x, w, bias, geometry)) is not None:
        return found
    if word == "float" and _minimal(w.shape, geometry):
        low, out = _places(x.shape, geometry)
        found = winograd.forward(x, w, bias, low, out, False)
        if found is not None:
            return found
    plan = _forward(x.shape, w.shape, geometry, bias is not None)
    if plan is None:
        return None
    c, out = plan
    b = _blocks(word, c.outputs)
    width = b.lanes * b.vectors
    count = -(-c.outputs // width)
    each = c.channels * c.taps
    packed = np.empty((c.groups * count, each, width), x.dtype)
    w = np.ascontiguousarray(w)
    inner = (1, each * c.outputs, c.taps, 1, each)
    _pack(word, w, packed, width, c, c.channels, c.taps, *inner[1:], count)
    biases = packed
    if bias is not None:
        biases = np.zeros((c.groups, count * width), x.dtype)
        biases[:, : c.outputs] = bias.reshape(c.groups, c.outputs)
    return _correlate(word, c, b, count, x, packed, biases, (len(x), len(w), *out))


def conv_input(g: Array, w: Array, x_shape: Ints, geometry: Any) -> Array | None:
    """The adjoint of `conv` in x: g (N, O, *out), weighted with w, spread over an x of x_shape."""
    word = _word(g, w)
    if word is None:
        return None
    if w.shape[1] == 1 and (found := depthwise.backward(g, w, x_shape, geometry)) is not None:
        return found
    if word == "float" and _minimal(w.shape, geometry):
        low = tuple([2 - a for a, _ in geometry.padding])
        found = winograd.forward(g, w, None, low, tuple(x_shape[2:]), True)
        if found is not None:
            return found
    c = _backward(tuple(x_shape), g.shape, w.shape, geometry)
    if c is None:
        return None
    b = _blocks(word, c.outputs)
    width = b.lanes * b.vectors
    count = -(-c.outputs // width)
    packed = np.empty((c.groups * count, c.channels * c.taps, width), g.dtype)
    w = np.ascontiguousarray(w)
    strides = (c.channels * c.outputs * c.taps, c.outputs * c.taps, 1, c.taps)
    _pack(word, w, packed, width, c, c.channels, c.taps, *strides, count)
    return _correlate(word, c, b, count, g, packed, packed, tuple(x_shape))


def conv_weight(x: Array, g: Array, w_shape: Ints, geometry: Any) -> Array | None:
    """The adjoint of `conv` in w: x correlated with g (N, O, *out) at every tap, of w_shape."""
    word = _word(x, g)
    if word is None:
        return None
    if w_shape[1] == 1 and (found := depthwise.weights(x, g, w_shape, geometry)) is not None:
        return found
    if word == "float" and _minimal(w_shape, geometry):
        low, out = _places(x.shape, geometry)
        if g.shape == (len(x), w_shape[0], *out):
            found = winograd.weights(x, g, w_shape[0], low, out)
            if found is not None:
                return found
    plan = _forward(x.shape, tuple(w_shape), geometry, False)
    if plan is None or g.shape != (len(x), w_shape[0], *plan[1]):
        return None
    c = plan[0]
    b = _blocks(word, c.outputs)
    width = b.lanes * b.vectors
    count = -(-c.outputs // width)
    pairs, inner = c.groups * count, c.channels * c.taps
    size = pairs * inner * width * x.itemsize
    parts = max(1, min(len(x), PARTS, SUMS // size))
    busy = threads.count()
    sums = np.zeros((parts * pairs, inner, width), x.dtype)
    points = c.out[0] * c.out[1] * c.out[2]
    planes = _planes(c, busy, x.dtype)
    grads = np.empty((busy, (points + b.lanes) * width), x.dtype)
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    run = correlate_weights(word, c)
    run(parts * pairs, x, g, sums, planes, grads, len(x), parts, most=busy)
    w = np.empty(w_shape, x.dtype)
    unpack(word, width)(pairs, sums, w, parts, c.groups, c.outputs, count, inner)
    return w


def _minimal(w_shape: Ints, geometry: Any) -> bool:
    """Whether minimal filtering may apply."""
    stride, _, dilation, groups = geometry
    return (
        tuple(w_shape[2:]) == (3, 3)
        and tuple(stride) == (1, 1)
        and tuple(dilation) == (1, 1)
        and groups == 1
    )


def _places(x_shape: Ints, geometry: Any) -> tuple[Ints, Ints]:
    """Zeros in front, and the size of the result, of 3x3 filters."""
    out = tuple([n + low + high - 2 for n, (low, high) in zip(x_shape[2:], geometry.padding)])
    return tuple([low for low, _ in geometry.padding]), out


def _word(*arrays: Array) -> str | None:
    """The type that kernels compute these arrays in, or None."""
    dtype = arrays[0].dtype
    word = WORDS.get(dtype)
    if word is None or compiler.target() is None:
        return None
    for a in arrays:
        if a is not None and (type(a) is not np.ndarray or a.dtype != dtype):
            return None
    return word


def _pack(
    word: str, w: Array, packed: Array, width: int, c: Correlation, ni: int, nj: int,
    sg: int, si: int, sj: int, sq: int, count: int,
) -> None:  # fmt: skip
    pack(word)(c.groups * count * ni, w, packed, width, ni, nj, sg, si, sj, sq, c.outputs, count)


def _planes(c: Correlation, busy: int, dtype: Any) -> Array:
    """Room for the padded planes of each thread."""
    return np.zeros((busy, 0 if c.direct else c.channels * c.plane), dtype)


def _correlate(
    word: str, c: Correlation, b: Blocks, count: int, x: Array, w: Array, bias: Array, shape: Ints
) -> Array:
    y = np.empty(shape, x.dtype)
    busy = threads.count()
    pairs = c.groups * count
    parts = 1 if len(x) >= 4 * busy else min(pairs, -(-4 * busy // len(x)))
    share = -(-pairs // parts)
    parts = -(-pairs // share)
    points = c.out[0] * c.out[1] * c.out[2]
    results = np.empty((busy, (points + b.lanes) * b.lanes * b.vectors), x.dtype)
    planes = _planes(c, busy, x.dtype)
    x = np.ascontiguousarray(x)
    correlate(word, c)(len(x) * parts, x, w, bias, y, planes, results, parts, share, most=busy)
    return y


@lru_cache(maxsize=64)
def _blocks(word: str, outputs: int) -> Blocks:
    host = compiler.target()
    assert host is not None
    return blocks(host, word, outputs)


# ------------------------------------------------------------------------- geometry


def _triple(values: Any, fill: Any) -> Any:
    """As three dimensions: others are in front."""
    return (fill,) * (3 - len(values)) + tuple(values)


@lru_cache(maxsize=512)
def _forward(
    x_shape: Ints, w_shape: Ints, geometry: Any, bias: bool
) -> tuple[Correlation, Ints] | None:
    """The correlation of x with w and the size of its result, or None."""
    stride, padding, dilation, groups = geometry
    rank = len(x_shape) - 2
    out = tuple(
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x_shape[2:], w_shape[2:], stride, padding, dilation)
    )
    source, kernel = _triple(x_shape[2:], 1), _triple(w_shape[2:], 1)
    sizes = _triple(out, 1)
    if min(out, default=0) < 1 or not rank:
        return None
    before, padded, taps = [], [], []
    each = zip(
        source, kernel, sizes, _triple(stride, 1), _triple(padding, (0, 0)), _triple(dilation, 1)
    )
    for i, (n, k, o, s, (low, _), d) in enumerate(each):
        shift = max(0, -low)
        weight = _rest(kernel, i)
        taps.append(tuple((t * d + shift, t * weight) for t in range(k)))
        before.append(max(0, low))
        padded.append(max(max(0, low) + n, (o - 1) * s + (k - 1) * d + shift + 1))
    phase = Phase(sizes, _triple(stride, 1), (0, 0, 0), (1, 1, 1), tuple(taps))
    c = Correlation(
        x_shape[1] // groups, w_shape[0] // groups, groups, source, tuple(before), tuple(padded),
        sizes, kernel[0] * kernel[1] * kernel[2], (phase,), bias,
    )  # fmt: skip
    c = _flat(c)
    return (c, out) if _suits(c, x_shape[0]) else None


def _rest(sizes: Triple, i: int) -> int:
    """How many numbers a step in dimension i is."""
    n = 1
    for s in sizes[i + 1 :]:
        n *= s
    return n


def _flat(c: Correlation) -> Correlation:
    """Without neighbours, all positions are a single row."""
    (phase,) = c.phases
    if c.taps != 1 or not c.direct or phase.step != (1, 1, 1) or c.out != c.source:
        return c
    line = (1, 1, c.out[0] * c.out[1] * c.out[2])
    phase = phase._replace(counts=line)
    return c._replace(source=line, padded=line, out=line, phases=(phase,))


@lru_cache(maxsize=512)
def _backward(x_shape: Ints, g_shape: Ints, w_shape: Ints, geometry: Any) -> Correlation | None:
    """The correlation of the gradient with w, one phase for each remainder by the stride."""
    stride, padding, dilation, groups = geometry
    out, kernel, source = (_triple(s[2:], 1) for s in (x_shape, w_shape, g_shape))
    if min(*out, *source, *kernel) < 1:
        return None
    steps = _triple(stride, 1)
    each = []
    before, padded = [], []
    facts = zip(out, kernel, source, steps, _triple(padding, (0, 0)), _triple(dilation, 1))
    for i, (n, k, m, s, (low, _), d) in enumerate(facts):
        weight = _rest(kernel, i)
        found = []
        for r in range(min(s, n)):
            seen = [t for t in range(k - 1, -1, -1) if (r + low - t * d) % s == 0]
            found.append(
                (r, -(-(n - r) // s), [((r + low - t * d) // s, t * weight) for t in seen])
            )
        offsets = [o for *_, taps in found for o, _ in taps]
        lowest = max(0, -min(offsets, default=0))
        need = max((count + o + lowest for _, count, taps in found for o, _ in taps), default=1)
        before.append(lowest)
        padded.append(max(lowest + m, need))
        each.append(
            [(r, count, tuple((o + lowest, t) for o, t in taps)) for r, count, taps in found]
        )
    phases = []
    for chosen in product(*each):
        first, counts, taps = zip(*chosen)
        phases.append(Phase(counts, (1, 1, 1), first, steps, taps))
    front, whole = (before[0], before[1], before[2]), (padded[0], padded[1], padded[2])
    c = Correlation(
        w_shape[0] // groups, x_shape[1] // groups, groups, source, front, whole,
        out, kernel[0] * kernel[1] * kernel[2], tuple(phases), False,
    )  # fmt: skip
    if len(phases) == 1:
        c = _flat(c)
    return c if _suits(c, x_shape[0]) else None


def _suits(c: Correlation, images: int) -> bool:
    points = c.out[0] * c.out[1] * c.out[2]
    work = images * c.groups * c.channels * c.outputs * c.taps * points
    return work >= max(1, LEAST) and len(c.phases) <= PHASES
