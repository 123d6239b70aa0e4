"""Sliding windows over 1 to 3 spatial dimensions: the geometry that convolution and pooling share.

A padded array is split into *phases*: for stride s, phase r holds positions r, r+s, r+2s... Within
a phase neighbouring windows lie one element apart, so what one kernel position ("tap") sees over
all windows is a single contiguous run of the flattened phase plane. Runs pass over a few positions
that are no window (where a row ends); those are computed too and dropped. The kernels on top of it
are in `convolve.py` and `pooling.py`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

__all__ = ["unfold", "unfold_input"]

Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Geometry(NamedTuple):
    """A convolution's static arguments, one entry per dimension; padding is (before, after)."""

    stride: Ints
    padding: Pairs
    dilation: Ints
    groups: int = 1


class Taps(NamedTuple):
    """Where the taps of every window lie; made by `taps`."""

    kernel: Ints
    out: Ints  # windows per dimension
    plane: Ints  # size of a phase plane
    phases: tuple[Ints, ...]  # the phases that some tap needs: residues per dimension
    taps: tuple[
        tuple[int, int], ...
    ]  # per tap, first kernel dimension slowest: (index of phase, offset)
    run: int  # from the first window to the last, in flattened positions of the plane
    spans: tuple[
        tuple[tuple[slice, ...], tuple[slice, ...]], ...
    ]  # per phase: (part of plane, part of the input)
    whole: bool  # the only phase is the input itself

    @property
    def pitches(self) -> Ints:
        """Steps of the flattened plane per dimension."""
        return steps(self.plane)

    @property
    def exact(self) -> bool:
        """Whether every position of a run is a window."""
        return self.run == prod(self.out)


def steps(shape: Ints) -> Ints:
    """Strides of a contiguous array in elements."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def output_size(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """Number of windows along one dimension (rounded down)."""
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def output_sizes(spatial: Ints, kernel: Ints, geometry: Geometry) -> Ints:
    """Number of windows per dimension."""
    return tuple(
        output_size(n, k, s, lo, hi, d)
        for n, k, s, (lo, hi), d in zip(
            spatial, kernel, geometry.stride, geometry.padding, geometry.dilation
        )
    )


@lru_cache(maxsize=512)
def taps(
    spatial: Ints, kernel: Ints, stride: Ints, before: Ints, dilation: Ints, out: Ints
) -> Taps:
    """The taps of `out` windows per dimension, the first beginning `before` ahead of the input."""
    each = [[divmod(t * d, s) for t in range(k)] for k, d, s in zip(kernel, dilation, stride)]
    plane = tuple(max(q for q, _ in ts) + o for ts, o in zip(each, out))
    residues = [sorted({r for _, r in ts}) for ts in each]
    phases = tuple(product(*residues))
    pitches = steps(plane)
    places = tuple(
        (phases.index(tuple(r for _, r in where)), sum(q * p for (q, _), p in zip(where, pitches)))
        for where in product(*each)
    )
    spans = []
    for phase in phases:
        inner, outer = [], []
        for n, q, s, lo, r in zip(spatial, plane, stride, before, phase):
            first = max(0, -((r - lo) // s))  # smallest q with q*s + r - lo >= 0
            last = max(
                first, min(q, -((r - lo - n) // s))
            )  # one past the largest with q*s + r - lo < n
            start = first * s + r - lo
            inner.append(slice(first, last))
            outer.append(
                slice(start, start + (last - first) * s, s) if last > first else slice(0, 0)
            )
        spans.append((tuple(inner), tuple(outer)))
    whole = plane == spatial and all(s == 1 for s in stride) and not any(before)
    run = sum((o - 1) * p for o, p in zip(out, pitches)) + 1
    return Taps(kernel, out, plane, phases, places, run, tuple(spans), whole)


def first_of_rows(t: Taps) -> Taps:
    """The taps that begin a row of the kernel, over all the last dimension of the only phase."""
    width, length = t.kernel[-1], t.plane[-1]
    out = (*t.out[:-1], length)
    run = sum((o - 1) * p for o, p in zip(out, t.pitches)) + 1
    return t._replace(kernel=(*t.kernel[:-1], 1), out=out, taps=t.taps[::width], run=run)


def conv_taps(spatial: Ints, kernel: Ints, geometry: Geometry) -> Taps:
    """The taps of a convolution over an input of these spatial sizes."""
    before = tuple(lo for lo, _ in geometry.padding)
    return taps(
        spatial,
        kernel,
        geometry.stride,
        before,
        geometry.dilation,
        output_sizes(spatial, kernel, geometry),
    )


def split(lib: Any, x: Array, t: Taps, fill: Any = 0) -> Array:
    """x (..., *spatial) -> its phases (..., phase, plane), padded with `fill`."""
    lead = x.shape[: x.ndim - len(t.plane)]
    if t.whole:
        return lib.ascontiguousarray(x).reshape(*lead, 1, prod(t.plane))
    shape = (*lead, len(t.phases), *t.plane)
    full = all(s.stop - s.start == n for inner, _ in t.spans for s, n in zip(inner, t.plane))
    if full:
        ph = lib.empty(shape, x.dtype)
    else:
        ph = lib.zeros(shape, x.dtype) if fill == 0 else lib.full(shape, fill, x.dtype)
    for i, (inner, outer) in enumerate(t.spans):
        ph[(..., i, *inner)] = x[(..., *outer)]
    return ph.reshape(*lead, len(t.phases), prod(t.plane))


def merge(ph: Array, t: Taps, x: Array) -> None:
    """The reverse of `split`: write phases (..., phase, plane) to their places in x."""
    ph = ph.reshape(*ph.shape[:-1], *t.plane)
    for i, (inner, outer) in enumerate(t.spans):
        x[(..., *outer)] = ph[(..., i, *inner)]


def windows(lib: Any, run: Array, t: Taps) -> Array:
    """The windows alone, (..., *out), of runs (..., run), as a view."""
    if t.exact:
        return run.reshape(*run.shape[:-1], *t.out)
    strides = (*run.strides[:-1], *(p * run.strides[-1] for p in t.pitches))
    return lib.lib.stride_tricks.as_strided(run, (*run.shape[:-1], *t.out), strides)


def strided(lib: Any, x: Array, shape: Ints, strides: Ints) -> Array:
    """A view of x with these sizes and strides (in bytes), its base being the memory's owner."""
    owner = x if x.base is None else x.base
    if lib is not np or type(owner) is not np.ndarray or not x.size:
        return lib.lib.stride_tricks.as_strided(x, shape, strides)
    offset = x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    memory = owner.T if owner.flags.f_contiguous else owner
    return np.ndarray(shape, x.dtype, memory.reshape(-1).view(np.uint8), offset, strides)


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
