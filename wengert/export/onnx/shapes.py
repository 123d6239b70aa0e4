"""Converters of operations that change shapes, join and take elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture import Value
from .builder import Builder, NoConversion, converts, dtype_of, rank

__all__: list[str] = []


@converts("reshape", "view")
def _reshape(b: Builder, x: Value, shape: Any = ()) -> str:
    return b.add("Reshape", [x, b.target(shape, x)])


@converts("permute")
def _permute(b: Builder, x: Value, dims: Any = ()) -> str:
    return b.add("Transpose", [x], perm=[d % rank(x) for d in dims])


@converts("transpose")
def _transpose(b: Builder, x: Value, dim0: int = -2, dim1: int = -1) -> str:
    dims = list(range(rank(x)))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return b.add("Transpose", [x], perm=dims)


@converts("t")
def _t(b: Builder, x: Value) -> str:
    return b.add("Transpose", [x], perm=list(range(rank(x)))[::-1])


@converts("movedim")
def _movedim(b: Builder, x: Value, source: Any = 0, destination: Any = 0) -> str:
    sources, destinations = (
        [d % rank(x) for d in ((v,) if isinstance(v, int) else v)] for v in (source, destination)
    )
    rest = iter([d for d in range(rank(x)) if d not in sources])
    placed = dict(zip(destinations, sources))
    return b.add(
        "Transpose", [x], perm=[placed[d] if d in placed else next(rest) for d in range(rank(x))]
    )


@converts("expand")
def _expand(b: Builder, x: Value, shape: Any = ()) -> str:
    return b.add("Expand", [x, b.ints(shape, x)])


@converts("repeat")
def _repeat(b: Builder, x: Value, times: Any = ()) -> str:
    more = len(times) - rank(x)
    whole = b.add("Unsqueeze", [x, b.ints(list(range(more)))]) if more else x
    return b.add("Tile", [whole, b.ints(times)])


@converts("unsqueeze")
def _unsqueeze(b: Builder, x: Value, dim: int = 0) -> str:
    return b.add("Unsqueeze", [x, b.ints([dim])])


@converts("squeeze")
def _squeeze(b: Builder, x: Value, dims: Any = ()) -> str:
    dims = [dims] if isinstance(dims, int) else list(dims)
    ones = [d for d in dims if x.shape[d] == 1]
    return b.add("Squeeze", [x, b.ints(ones)]) if ones else b.add("Identity", [x])


@converts("cat")
def _cat(b: Builder, *arrays: Value, dim: int = 0) -> str:
    whole = [a for a in arrays if a.shape != (0,)]
    return b.add("Concat", whole, axis=dim)


@converts("stack")
def _stack(b: Builder, *arrays: Value, dim: int = 0) -> str:
    dim = dim if dim >= 0 else dim + rank(arrays[0]) + 1
    where = b.ints([dim])
    return b.add("Concat", [b.add("Unsqueeze", [a, where]) for a in arrays], axis=dim)


@converts("flip")
def _flip(b: Builder, x: Value, dims: Any = ()) -> str:
    dims = {d % rank(x) for d in ((dims,) if isinstance(dims, int) else dims)}
    back = slice(None, None, -1)
    return b.sliced(x, [back if d in dims else slice(None) for d in range(rank(x))])


@converts("roll")
def _roll(b: Builder, x: Value, shifts: Any = (), dims: Any = ()) -> str:
    if not dims:
        raise NoConversion("roll over all elements: give dims")
    found: Any = x
    for shift, dim in zip(shifts, dims):
        before = [slice(None)] * (dim % rank(x))
        end = b.sliced(found, [*before, slice(-shift, None)])
        start = b.sliced(found, [*before, slice(None, -shift)])
        found = b.add("Concat", [end, start], axis=dim)
    return found


def _triangle(upper: bool) -> Any:
    def convert(b: Builder, x: Value, diagonal: int = 0) -> str:
        return b.add("Trilu", [x, b.constant(np.int64(diagonal))], upper=int(upper))

    return convert


converts("tril")(_triangle(False))
converts("triu")(_triangle(True))


@converts("triangle")
def _either_triangle(b: Builder, x: Value, diagonal: int = 0, upper: bool = False) -> str:
    return _triangle(upper)(b, x, diagonal)


@converts("pixel_shuffle")
def _pixel_shuffle(b: Builder, x: Value, factor: int = 1) -> str:
    return b.add("DepthToSpace", [x], blocksize=factor, mode="CRD")


@converts("channel_shuffle")
def _channel_shuffle(b: Builder, x: Value, groups: int = 1) -> str:
    n, channels, *spatial = x.shape
    split = b.add("Reshape", [x, b.target((n, groups, channels // groups, *spatial), x)])
    order = [0, 2, 1, *range(3, rank(x) + 1)]
    return b.add("Reshape", [b.add("Transpose", [split], perm=order), b.target(x.shape, x)])


# --- padding -------------------------------------------------------------------------------------


def padded(b: Builder, x: Value, pad: Any, mode: str, value: Any = None) -> str:
    """A pad as PyTorch has it: (before, after) of the last dim, of the one before, ..."""
    before, after = [0] * rank(x), [0] * rank(x)
    pairs = list(pad) if pad and isinstance(pad[0], tuple) else list(zip(pad[::2], pad[1::2]))
    for i, (lo, hi) in enumerate(pairs, 1):
        before[-i], after[-i] = lo, hi
    return b.add("Pad", [x, b.ints([*before, *after]), value], mode=mode)


@converts("constant_pad")
def _constant_pad(b: Builder, x: Value, pad: Any = (), value: float = 0) -> str:
    return padded(b, x, pad, "constant", b.constant(np.array(value, dtype_of(x))))


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@converts(
    "edge_pad", "reflect_pad1d", "reflect_pad2d", "reflect_pad3d",
    "replicate_pad1d", "replicate_pad2d", "replicate_pad3d",
)  # fmt: skip
def _edge_pad(b: Builder, x: Value, pad: Any = (), mode: str = "reflect") -> str:
    return padded(b, x, pad, MODES[mode])


# --- taking elements -----------------------------------------------------------------------------


@converts("select")
def _select(b: Builder, x: Value, dim: int = 0, index: int = 0) -> str:
    return b.add("Gather", [x, b.constant(np.int64(index))], axis=dim)


@converts(
    "getitem", "select_item", "split_item", "unbind_item", "unsqueeze_item", "sizes_item",
)  # fmt: skip
def _getitem(b: Builder, x: Value, key: Any = ()) -> str:
    """An index of slices, numbers, None and an ellipsis."""
    key = key if isinstance(key, tuple) else (key,)
    taken = sum(part is not None and part is not Ellipsis for part in key)
    if Ellipsis in key:
        i = key.index(Ellipsis)
        key = (*key[:i], *[slice(None)] * (rank(x) - taken), *key[i + 1 :])
    slices, numbers, new = [], [], []
    dim = 0  # of the result while numbers still count as dims of size one
    for part in key:
        if part is None:
            new.append(dim)
            dim += 1
            continue
        if isinstance(part, slice):
            slices.append(part)
        else:
            slices.append(slice(part, part + 1 if part != -1 else None))
            numbers.append(len(slices) - 1)
            continue
        dim += 1
    found = b.sliced(x, slices)
    if numbers:
        found = b.add("Squeeze", [found, b.ints(numbers)])
    return b.add("Unsqueeze", [found, b.ints(new)]) if new else b.add("Identity", [found])


@converts("embedding")
def _embedding(
    b: Builder,
    weight: Value,
    index: Value,
    padding_idx: int = -1,
    scale: bool = False,
    sparse: bool = False,
) -> str:
    return b.add("Gather", [weight, index], axis=0)


@converts("index_select")
def _index_select(b: Builder, x: Value, index: Value, dim: int = 0) -> str:
    return b.add("Gather", [x, index], axis=dim)


@converts("gather")
def _gather(b: Builder, x: Value, index: Value, dim: int = 0) -> str:
    return b.add("GatherElements", [x, index], axis=dim)


@converts("scatter_add")
def _scatter_add(b: Builder, x: Value, index: Value, src: Value, dim: int = 0) -> str:
    return b.add("ScatterElements", [x, index, src], axis=dim, reduction="add")


@converts("scatter_set")
def _scatter_set(b: Builder, x: Value, index: Value, src: Any, dim: int = 0) -> str:
    if not isinstance(src, Value):
        number = b.name(src, x)
        src = b.add("Expand", [number, b.ints(index.shape, index)])
    return b.add("ScatterElements", [x, index, src], axis=dim)


@converts("take")
def _take(b: Builder, x: Value, *indices: Value, spec: Any = ()) -> str:
    """An index with one tensor of whole numbers among full slices."""
    places = [i for i, part in enumerate(spec) if not isinstance(part, slice)]
    whole = all(part == slice(None) for part in spec if isinstance(part, slice))
    if len(indices) == 1 and len(places) == 1 and whole and indices[0].dtype != "bool":
        return b.add("Gather", [x, indices[0]], axis=places[0])
    dims = len(spec)
    if len(indices) == dims == len(places) and all(i.dtype != "bool" for i in indices):
        where = b.add("Concat", [b.add("Unsqueeze", [i, b.ints([-1])]) for i in indices], axis=-1)
        return b.add("GatherND", [x, where])
    raise NoConversion(f"an index of the form {spec!r}")
