"""Sliding windows over 1 to 3 spatial dimensions: the geometry that convolution and pooling share.

A padded array is split into *phases*: for stride s, phase r holds positions r, r+s, r+2s... Within
a phase neighbouring windows lie one element apart, so what one kernel position ("tap") sees over
all windows is a single contiguous run of the flattened phase plane. Runs pass over a few positions
that are no window (where a row ends); those are computed too and dropped. The kernels on top of it
are in `conv.py` and `pool.py`.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..kernels.halves import converted
from .capabilities import ON_HOST

__all__ = ["unfold", "unfold_input"]

F32 = np.dtype(np.float32)
Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
Slices = tuple[slice, ...]


def widen(lib: Any, x: Array) -> Array:
    """Half precision as float32; everything else as it is."""
    return converted(x, F32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


class Geometry(NamedTuple):
    """A convolution's static arguments, one entry per dimension; padding is (before, after)."""

    stride: Ints
    padding: Pairs
    dilation: Ints
    groups: int = 1


class Taps:
    """Where the taps of every window lie; made by `taps`, once per geometry.

    each: per dimension, of each tap, how many strides and elements it is from its window's first.
    Tables with an entry a tap are made when they are asked for: a window may be a whole volume.
    """

    def __init__(
        self, spatial: Ints, kernel: Ints, stride: Ints, before: Ints, out: Ints, each: Any
    ) -> None:
        self.spatial, self.stride, self.before, self.each = spatial, stride, before, each
        self.kernel = kernel
        self.out = out  # windows per dimension
        # size of a phase plane
        self.plane = tuple(max(q for q, _ in ts) + o for ts, o in zip(each, out))
        # the only phase is the input itself
        self.whole = self.plane == spatial and all(s == 1 for s in stride) and not any(before)
        self.pitches = steps(self.plane)  # steps of the flattened plane
        self.size = prod(self.plane)  # elements of a plane
        self.points = prod(out)  # windows
        # from the first window to the last, in positions of the plane
        self.run = sum((o - 1) * p for o, p in zip(out, self.pitches)) + 1
        self.exact = self.run == self.points  # every position of a run is a window

    @cached_property
    def phases(self) -> tuple[Ints, ...]:
        """The phases that some tap needs: residues per dimension."""
        return tuple(product(*[sorted({r for _, r in ts}) for ts in self.each]))

    @cached_property
    def taps(self) -> tuple[tuple[int, int], ...]:
        """Per tap, the last dimension fastest: (phase, offset)."""
        number = {phase: i for i, phase in enumerate(self.phases)}
        return tuple(
            (number[tuple(r for _, r in at)], sum(q * p for (q, _), p in zip(at, self.pitches)))
            for at in product(*self.each)
        )

    @cached_property
    def spans(self) -> tuple[tuple[Slices, Slices], ...]:
        """Per phase: (part of the plane, part of the input)."""
        return tuple(
            tuple(zip(*map(_span, self.spatial, self.plane, self.stride, self.before, phase)))
            for phase in self.phases
        )

    @cached_property
    def full(self) -> bool:
        """Whether the input fills all phases: no padding."""
        return all(
            s.stop - s.start == n for inside, _ in self.spans for s, n in zip(inside, self.plane)
        )


def steps(shape: Ints) -> Ints:
    """Strides of a contiguous array in elements."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def output_size(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """Number of windows along one dimension (rounded down)."""
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def pooled_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> int:
    """Windows of a pool along one dimension; with `ceil`, a last one that is only partly inside."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    n = (room + (stride - 1 if ceil else 0)) // stride + 1
    return n - 1 if ceil and (n - 1) * stride >= size + padding else n  # it must begin inside


@lru_cache(maxsize=512)
def taps(
    spatial: Ints, kernel: Ints, stride: Ints, before: Ints, dilation: Ints, out: Ints
) -> Taps:
    """The taps of `out` windows per dimension, the first beginning `before` ahead of the input."""
    each = [[divmod(t * d, s) for t in range(k)] for k, d, s in zip(kernel, dilation, stride)]
    return Taps(spatial, kernel, stride, before, out, each)


def _span(n: int, plane: int, stride: int, before: int, phase: int) -> tuple[slice, slice]:
    """Which of a phase's `plane` positions lie in an input of n, and where."""
    first = max(0, -((phase - before) // stride))
    last = max(first, min(plane, -((phase - before - n) // stride)))
    start = first * stride + phase - before
    if last == first:
        return slice(first, last), slice(0, 0)
    return slice(first, last), slice(start, start + (last - first) * stride, stride)


@lru_cache(maxsize=512)
def first_of_rows(t: Taps) -> Taps:
    """The taps that begin a row of the kernel, over all the last dimension of the only phase."""
    out = (*t.out[:-1], t.plane[-1])
    each = [*t.each[:-1], t.each[-1][:1]]
    return Taps(t.spatial, (*t.kernel[:-1], 1), t.stride, t.before, out, each)


@lru_cache(maxsize=512)
def conv_taps(spatial: Ints, kernel: Ints, geometry: Geometry) -> Taps:
    """The taps of a convolution over an input of these spatial sizes."""
    stride, padding, dilation, _ = geometry
    before = tuple(lo for lo, _ in padding)
    each = zip(spatial, kernel, stride, padding, dilation)
    out = tuple(output_size(n, k, s, lo, hi, d) for n, k, s, (lo, hi), d in each)
    return taps(spatial, kernel, stride, before, dilation, out)


def split(lib: Any, x: Array, t: Taps, fill: Any = 0) -> Array:
    """x (..., *spatial) -> its phases (..., phase, plane), padded with `fill`."""
    lead = x.shape[: x.ndim - len(t.plane)]
    if t.whole:
        return lib.ascontiguousarray(x).reshape(*lead, 1, t.size)
    shape = (*lead, len(t.phases), *t.plane)
    if t.full:
        ph = lib.empty(shape, x.dtype)
    else:
        ph = lib.full(shape, fill, x.dtype) if fill else lib.zeros(shape, x.dtype)
    for i, (inner, outer) in enumerate(t.spans):
        ph[(..., i, *inner)] = x[(..., *outer)]
    return ph.reshape(*lead, len(t.phases), t.size)


def merge(ph: Array, t: Taps, x: Array) -> None:
    """The reverse of `split`: write phases (..., phase, plane) to their places in x."""
    ph = ph.reshape(*ph.shape[:-1], *t.plane)
    for i, (inner, outer) in enumerate(t.spans):
        x[(..., *outer)] = ph[(..., i, *inner)]


def windows(lib: Any, run: Array, t: Taps) -> Array:
    """The windows alone, (..., *out), of runs (..., run or more), as a view."""
    shape = (*run.shape[:-1], *t.out)
    if t.exact and run.shape[-1] == t.run:
        return run.reshape(shape)
    strides = (*run.strides[:-1], *[p * run.strides[-1] for p in t.pitches])
    return strided(lib, run, shape, strides)


def strided(lib: Any, x: Array, shape: Ints, strides: Ints) -> Array:
    """A view of x with these sizes and strides (in bytes); its base is the owner of the memory."""
    if lib in ON_HOST and x.size:
        if x.flags.c_contiguous and x.dtype.kind != "V":  # a tenth of as_strided's price
            return np.ndarray(shape, x.dtype, x, 0, strides)
        owner = x if x.base is None else x.base
        if type(owner) is np.ndarray and (owner.flags.c_contiguous or owner.flags.f_contiguous):
            offset = x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
            memory = (owner.T if owner.flags.f_contiguous else owner).reshape(-1)
            return np.ndarray(shape, x.dtype, memory.view(np.uint8), offset, strides)
    return lib.lib.stride_tricks.as_strided(x, shape, strides)


# ------------------------------------------------------------------------------------- slices


def unfold(lib: Any, x: Array, dim: int, size: int, step: int) -> Array:
    """All slices of `size` along dim, `step` apart: (..., slices at dim, ..., size), a view."""
    if not x.ndim:
        return x.reshape(1)
    n = (x.shape[dim] - size) // step + 1
    shape = (*x.shape[:dim], n, *x.shape[dim + 1 :], size)
    strides = (*x.strides[:dim], x.strides[dim] * step, *x.strides[dim + 1 :], x.strides[dim])
    return strided(lib, x, shape, strides)


def unfold_input(lib: Any, g: Array, shape: Ints, dim: int, step: int) -> Array:
    """The adjoint of `unfold`: zeros of shape with every slice of g added at its place."""
    if not shape:
        return g.reshape(())
    x = lib.zeros(shape, g.dtype)
    before, n = (slice(None),) * dim, g.shape[dim]
    for i in range(g.shape[-1]):
        x[(*before, slice(i, i + step * (n - 1) + 1, step))] += g[..., i]
    return x
