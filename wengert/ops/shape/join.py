"""Joining and splitting: cat, stack, split, chunk, unbind."""

from __future__ import annotations

import functools
from typing import Any

from ...base.collecting import made_together
from ...declare.binding import ABSENT
from ...declare.fast_paths import short
from ...declare.lines import line
from ...declare.registry import public
from ...engine.kinds import movement
from ...engine.op import primitive
from ...engine.promotion import common_dtype
from ...engine.tensor import Tensor
from ..batching import front
from ..dims import wrap_dim
from ..index.indexing import sizes_item, split_item, unbind_item


@primitive(movement, types="promote", name="cat", out="typed", channels_last=(4, 5))
def cat_op(xp, *arrays, dim=0):
    """Arrays joined along a dimension."""


def _cat(xp: Any, g: Any, arrays_shape: Any, dim: int) -> list[Any]:
    out, at = [], 0
    for s in arrays_shape:
        n = s[dim]
        out.append(xp.getitem(g, (slice(None),) * dim + (slice(at, at + n),)))
        at += n
    return out


cat_op.vjp(arrays=_cat)


def _batched(word: str) -> Any:
    def rule(xp, size, flags, *arrays, dim):
        logical = next(a.ndim - f for a, f in zip(arrays, flags))
        d = dim % (logical + (word == "stack")) + 1
        return getattr(xp, word)(*[front(a, f, size) for a, f in zip(arrays, flags)], dim=d)

    return rule


cat_op.batch(_batched("cat"))


@primitive(movement, types="promote", name="stack", out="typed")
def stack_op(xp, *arrays, dim=0):
    """Arrays joined along a new dimension."""


stack_op.vjp(
    arrays=lambda xp, g, arrays_shape, dim: [xp.select(g, dim, i) for i in range(len(arrays_shape))]
)
stack_op.batch(_batched("stack"))


def listed(tensors: Any, name: str) -> list[Tensor]:
    """The tensors argument of a join, checked."""
    if isinstance(tensors, Tensor):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    ts = list(tensors)
    if not ts:
        error = ValueError if name == "cat" else RuntimeError
        raise error(f"{name}(): expected a non-empty list of Tensors")
    for i, t in enumerate(ts):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    return ts


@public(
    "cat(Tensor[] tensors, int dim=0, *, out)",
    method=False,
    aliases=("concat", "concatenate"),
    lines=(line(cat_op),),
    out="typed separate",
)
def cat(tensors, dim=0, *, out=None):
    """Tensors joined along dim; all other sizes must agree.

    >>> torch.cat([torch.zeros(2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    ts, shaped = listed(tensors, "cat"), []
    for i, t in enumerate(ts):
        if t._a.ndim == 0:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {i}) cannot be concatenated: use torch.stack"
            )
        if t._a.shape != (0,):
            shaped.append(t)
    if not shaped:
        return cat_op.entry(*ts, dim=0, out=out)  # PyTorch does not look at dim then
    first = shaped[0]
    d = wrap_dim(dim, first._a.ndim, "cat")
    want = tuple(first._a.shape)
    for i, t in enumerate(shaped):
        s = tuple(t._a.shape)
        if len(s) != len(want):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(want)} and {len(s)}"
            )
        for j, (a, b) in enumerate(zip(want, s)):
            if a != b and j != d:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {a} but"
                    f" got size {b} for tensor number {i} in the list (cat: shapes {list(want)} and"
                    f" {list(s)})."
                )
    if len(shaped) < len(ts):
        target = joint_dtype(ts)
        shaped = [t if t.dtype is target else t.to(target) for t in shaped]
    r = cat_op.entry(*shaped, dim=d, out=out)
    if r._n is None and out is None:  # what joins without an element is recorded all the same
        for t in ts:
            r = r if t._n is None or t._a.size else r + t.sum().to(r.dtype)
    return r


def joint_dtype(ts: list[Tensor]) -> Any:
    return common_dtype(*ts)


@public(
    "stack(Tensor[] tensors, int dim=0, *, out)",
    method=False,
    lines=(line(stack_op, extra=1),),
    out="typed separate",
)
def stack(tensors, dim=0, *, out=None):
    """Tensors of one shape joined along a new dimension dim.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    ts = listed(tensors, "stack")
    d = wrap_dim(dim, ts[0]._a.ndim + 1, "stack")
    for i, t in enumerate(ts):
        if tuple(t._a.shape) != tuple(ts[0]._a.shape):
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(ts[0]._a.shape)} at"
                f" entry 0 and {list(t._a.shape)} at entry {i}"
            )
    return stack_op.entry(*ts, dim=d, out=out)


ALL = (slice(None),)


def divided(careful):
    """The short form of split(size, dim)."""

    def f(tensor=ABSENT, split_size_or_sections=ABSENT, dim=0, **kw):
        size = split_size_or_sections
        if type(size) is int and size > 0 and type(dim) is int and type(tensor) is Tensor:
            shape = tensor._a.shape
            if 0 <= dim < len(shape) and shape[dim] and not kw:
                keys = keys_of(dim, shape[dim], size)
                return made_together(len(keys), split_item.parts, tensor, keys)
        if size is ABSENT:  # the method's goes by another name
            return careful(tensor, dim=dim, **kw)
        return careful(tensor, size, dim, **kw)

    return f


@public(
    "split(Tensor tensor, int|int[] split_size_or_sections, int dim=0) -> Tensor[]",
    "Tensor.split(Tensor self, int|int[] split_size, int dim=0) -> Tensor[]",
    foreign=False,
)
@short(divided)
def split(tensor, split_size_or_sections, dim=0):
    """Views of consecutive parts along dim: of one size (the last may be smaller), or of the
    sizes listed.

    >>> torch.split(torch.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    nd = tensor._a.ndim
    if nd == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = dim if type(dim) is int and 0 <= dim < nd else wrap_dim(dim, nd, "split")
    n = tensor._a.shape[d]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={size}"
            )
        if size == 0 and n:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
            )
        if size and n:
            keys = keys_of(d, n, size)
            views: tuple[Tensor, ...] = made_together(len(keys), split_item.parts, tensor, keys)
            return views
        sizes = [0]
    else:
        sizes = list(map(int, split_size_or_sections))
        if sum(sizes) != n or sizes and min(sizes) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size"
                f" at dimension {d}), but got split_sizes={sizes}"
            )
    return parts(
        tensor, sizes, d, split_item if isinstance(split_size_or_sections, int) else sizes_item
    )


def parts(x: Tensor, sizes: list[int], d: int, o: Any = split_item) -> tuple[Tensor, ...]:
    """Views of consecutive parts of the given sizes along d."""
    lead, at, keys = (slice(None),) * d, 0, []
    for s in sizes:
        keys.append((*lead, slice(at, at + s)))
        at += s
    parts: tuple[Tensor, ...] = made_together(len(keys), o.parts, x, keys)
    return parts


@public("split_with_sizes(Tensor input, int[] split_sizes, int dim=0) -> Tensor[]")
def split_with_sizes(input, split_sizes, dim=0):
    """Views of consecutive parts of the listed sizes along dim.

    >>> torch.split_with_sizes(torch.tensor([1, 2, 3]), [1, 2])
    (tensor([1]), tensor([2, 3]))
    """
    return split(input, list(split_sizes), dim)


@public("chunk(Tensor input, int chunks, int dim=0) -> Tensor[]")
def chunk(input, chunks, dim=0):
    """At most `chunks` views of equal size along dim (the last may be smaller).

    >>> torch.chunk(torch.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    if input._a.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    nd = input._a.ndim
    d = dim if type(dim) is int and 0 <= dim < nd else wrap_dim(dim, nd, "chunk")
    n = input._a.shape[d]
    if n == 0:
        return parts(input, [0] * chunks, d)
    size = -(-n // chunks)
    keys = keys_of(d, n, size)
    views: tuple[Tensor, ...] = made_together(len(keys), split_item.parts, input, keys)
    return views


@functools.lru_cache(256)
def keys_of(d: int, n: int, size: int) -> list[Any]:
    """The keys of consecutive parts of one size, the last of which may be smaller, along d."""
    return [(*ALL * d, slice(at, min(at + size, n))) for at in range(0, n, size)]


@functools.lru_cache(256)
def places_of(d: int, n: int) -> list[Any]:
    """The keys of the slices along d."""
    return [(*ALL * d, i, ...) for i in range(n)]


@public("unbind(Tensor input, int dim=0) -> Tensor[]")
def unbind(input, dim=0):
    """The slices along dim, as views.

    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if input._a.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    nd = input._a.ndim
    d = dim if type(dim) is int and 0 <= dim < nd else wrap_dim(dim, nd, "unbind")
    keys = places_of(d, input._a.shape[d])
    return made_together(len(keys), unbind_item.parts, input, keys)
