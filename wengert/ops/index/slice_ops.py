"""The ops behind index_add, index_copy, index_fill and index_reduce: whole slices of one dimension
are written at an index vector.

`at` is the dimension, counted from 0; an array without dimensions is its own only slice. What they
are called by, and what is refused, is in `slices.py`.
"""

from __future__ import annotations

from typing import Any

from ...engine.interp import run_op
from ...engine.kinds import movement, opaque
from ...engine.op import Op, op, primitive
from ..batching import front


def at_slices(o: Op) -> Op:
    """Give o its vmap rule: a batch in front of x and source moves the dimension by one."""

    def rule(
        xp: Any, size: int, flags: Any, x: Any, index: Any, *rest: Any, at: int, **static: Any
    ) -> Any:
        if flags[1] or x.ndim == flags[0]:
            return NotImplemented
        ins = [front(a, f, size) for a, f in zip((x, *rest), (flags[0], *flags[2:]))]
        return run_op(o, (ins[0], index, *ins[1:]), {**o.static, **static, "at": at + 1})

    return o.batch(rule)


def read(xp: Any, g: Any, index: Any, shape: tuple[int, ...], at: int) -> Any:
    """The slices of g at index; of an array without dimensions, itself."""
    if not g.shape:
        return xp.reshape(g, shape)
    return xp.take(g, index, spec=(slice(None),) * at + ("array",))


@primitive(movement, types="any", node="IndexCopyBackward0")
def slices_put(xp, x, index, source, at=0):
    """x with the slices of source written at index."""


slices_put.vjp(
    x=lambda xp, g, index, at: xp.slices_filled(g, index, at, 0),
    source=lambda xp, g, index, source_shape, at: read(xp, g, index, source_shape, at),
)


@primitive(movement, types="any", node="IndexFillBackward0")
def slices_filled(xp, x, index, at=0, value=0):
    """x with a number written to the slices at index."""


slices_filled.vjp(x=lambda xp, g, index, at: xp.slices_filled(g, index, at, 0))
slices_filled.jvp(
    lambda xp, tangents, x, index, at, value: xp.slices_filled(tangents[0], index, at, 0)
)


@primitive(movement, types="any", node="IndexAddBackward0")
def slices_added(xp, x, index, source, at=0, alpha=1):
    """x with alpha times the slices of source added at index."""


def _added(xp: Any, g: Any, index: Any, source_shape: Any, at: int, alpha: Any) -> Any:
    r = read(xp, g, index, source_shape, at)
    return r if alpha == 1 else r * alpha


slices_added.vjp(x=lambda g: g, source=_added)


@op(opaque, types="any", node="IndexReduceBackward0")
def slices_mean(xp, x, index, source, at=0, own=1):
    """The means of the slices of source that index joins, and of x's own if it counts."""
    return xp.slices_added(x, index, source, at, 1) / shares(xp, x.shape, index, at, own, x.dtype)


def shares(xp: Any, shape: Any, index: Any, at: int, own: int, dtype: Any) -> Any:
    """How many slices each one is the mean of, to be divided by."""
    n = shape[at] if shape else 1
    wide = (n, *[1] * (len(shape) - 1 - at)) if shape else ()
    start = xp.full((n,) if shape else (), own, dtype)
    ones = xp.ones(tuple(index.shape) if shape else (), dtype)
    counts = xp.slices_added(start, index, ones, 0, 1)
    if not own:  # where nothing is joined nothing is divided
        counts = xp.maximum(counts, xp.ones_like(counts))
    return xp.reshape(counts, wide)


slices_mean.vjp(
    x=lambda xp, g, index, at, own: g / shares(xp, tuple(g.shape), index, at, own, g.dtype),
    source=lambda xp, g, index, source_shape, at, own: read(
        xp,
        g / shares(xp, tuple(g.shape), index, at, own, g.dtype),
        index,
        source_shape,
        at,
    ),
)


@primitive(opaque, types="any", node="IndexReduceBackward0")
def slices_joined(xp, x, index, source, at=0, how="multiply"):
    """x with the slices of source joined in at index by 'multiply', 'maximum' or 'minimum'."""


def _both(xp: Any, x: Any, index: Any, source: Any, at: int) -> Any:
    """(x, index, source) as scatter_join takes them."""
    if not x.shape:
        return xp.reshape(x, (1,)), xp.reshape(index, (1,)), xp.reshape(source, (1,))
    wide = xp.reshape(index, (-1, *[1] * (len(x.shape) - 1 - at)))
    return x, xp.expand(wide, tuple(source.shape)), source


def _joined_x(xp: Any, g: Any, x: Any, index: Any, source: Any, out: Any, at: int, how: str) -> Any:
    from .gather import _join_self

    y, i, s = _both(xp, x, index, source, at)
    shape = tuple(y.shape)
    g, out = xp.reshape(g, shape), xp.reshape(out, shape)
    return xp.reshape(_join_self(xp, g, y, i, s, out, at, how), tuple(x.shape))


def _joined_source(
    xp: Any, g: Any, x: Any, index: Any, source: Any, out: Any, at: int, how: str
) -> Any:
    from .gather import _join_src

    y, i, s = _both(xp, x, index, source, at)
    shape = tuple(y.shape)
    g, out = xp.reshape(g, shape), xp.reshape(out, shape)
    r = _join_src(xp, g, y, i, s, out, at, how)
    return xp.reshape(r, tuple(source.shape))


slices_joined.vjp(x=_joined_x, source=_joined_source)


@op(opaque, types="any", node="IndexReduceBackward0")
def slices_extreme(xp, x, index, source, at=0, how="maximum", start=0):
    """slices_joined of the source alone by 'maximum' or 'minimum', where nothing of x, but start,
    is at index.
    """
    return xp.slices_joined(xp.slices_filled(x, index, at, start), index, source, at, how)


# x shares the gradient where it equals what came instead of it, though its share is lost
slices_extreme.vjp(
    x=lambda xp, g, x, index, source, out, at, how: xp.slices_filled(
        _joined_x(xp, g, x, index, source, out, at, how), index, at, 0
    ),
    source=_joined_source,
)
for _o in (slices_put, slices_filled, slices_added, slices_mean, slices_joined, slices_extreme):
    at_slices(_o)
