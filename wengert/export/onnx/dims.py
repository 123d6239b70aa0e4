"""Sizes that differ between two captures of a module, and what they are of the dynamic axes.

A module is captured a second time with its dynamic axes longer. Numbers that are the same in both
are constants; a number that differs is a `Size`, and `Symbols` says how it follows from the axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..capture import Graph, Node, Value

__all__ = ["Axis", "Size", "UnknownSize", "merge"]


class UnknownSize(Exception):
    """A size is no product of dynamic axes."""


@dataclass(frozen=True)
class Size:
    """A number of the graph: what it was with the example's axes, and with longer ones.

    It is no int, so that nothing takes it for a constant by mistake.
    """

    first: int
    second: int

    def __repr__(self) -> str:
        return f"Size({self.first} or {self.second})"


@dataclass(frozen=True)
class Axis:
    """A dynamic axis: which dim of which input, its name, and its two sizes."""

    value: Value
    dim: int
    name: str
    size: Size

    def times(self, wanted: Size) -> int | None:
        """The factor by which the wanted size is this axis, or None."""
        k, rest = divmod(wanted.first, self.size.first)
        return k if not rest and k * self.size.second == wanted.second else None

    def plus(self, wanted: Size) -> tuple[int, int] | None:
        """(factor, summand) by which the wanted size follows, or None."""
        grown = self.size.second - self.size.first
        k, rest = divmod(wanted.second - wanted.first, grown)
        return None if rest or not k else (k, wanted.first - k * self.size.first)


def merge(first: Graph, second: Graph) -> None:
    """Put Sizes where two captures of the same module differ. UnknownSize if they do in more."""
    if len(first.nodes) != len(second.nodes):
        raise UnknownSize(
            f"the module runs {len(first.nodes)} operations for the example and "
            f"{len(second.nodes)} for longer dynamic axes: loops over an axis cannot be exported"
        )
    for a, b in zip(first.inputs, second.inputs):
        merge_values(a, b)
    for a, b in zip(first.outputs, second.outputs):
        merge_values(a, b)
    for node, other in zip(first.nodes, second.nodes):
        if node.op != other.op:
            raise UnknownSize(f"{node.op} becomes {other.op} for longer dynamic axes")
        node.static = {k: merged(v, other.static[k]) for k, v in node.static.items()}
        for a, b in zip(node.inputs, other.inputs):
            if isinstance(a, Value) and isinstance(b, Value):
                merge_values(a, b)
        for a, b in zip(node.outputs, other.outputs):
            merge_values(a, b)
        node.inputs = [
            a if isinstance(a, Value) else merged(a, b) for a, b in zip(node.inputs, other.inputs)
        ]


def merge_values(a: Value, b: Value) -> None:
    """Note in a value what the other capture has in its place."""
    mine: Any = a.array
    theirs: Any = b.array
    known = mine is not theirs and mine is not None and theirs is not None
    if known and not np.array_equal(mine, theirs):
        a.other = theirs
    a.shape = merged(a.shape, b.shape)


def merged(a: Any, b: Any) -> Any:
    """A setting of two captures: equal parts stay, ints that differ become Sizes."""
    if isinstance(a, Size):
        return a
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        parts = [merged(x, y) for x, y in zip(a, b)]
        return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
    if isinstance(a, slice):
        return slice(*(merged(getattr(a, n), getattr(b, n)) for n in ("start", "stop", "step")))
    if a is b or (type(a) is type(b) and a == b):
        return a
    if isinstance(a, int) and isinstance(b, int):
        return Size(a, b)
    if isinstance(a, tuple):  # as many entries as an axis is long: only their number differs
        return a
    raise UnknownSize(f"a setting is {a!r} for the example and {b!r} for longer dynamic axes")


def fill(a: np.ndarray, b: np.ndarray) -> Any:
    """The number that two constants of different shapes are full of, or None."""
    value = a.flat[0] if a.size else b.flat[0] if b.size else None
    return value if value is not None and (a == value).all() and (b == value).all() else None


def count(a: np.ndarray, b: np.ndarray) -> tuple[int, Any, Any] | None:
    """(dim, start, step) if two constants count along the dim in which they differ, or None."""
    dims = [d for d in range(a.ndim) if a.shape[d] != b.shape[d]]
    if len(dims) != 1 or a.dtype.kind not in "iuf":
        return None
    dim = dims[0]
    line = np.moveaxis(b, dim, -1).reshape(-1, b.shape[dim])
    if len(line) != 1 or line.shape[1] < 2:
        return None
    start, step = line[0, 0], line[0, 1] - line[0, 0]
    right = np.array_equal(line[0], (start + step * np.arange(line.shape[1])).astype(b.dtype))
    return (dim, start, step) if right and np.array_equal(a.ravel(), line[0, : a.size]) else None


def band(a: np.ndarray, b: np.ndarray) -> tuple[int, bool, Any, Any] | None:
    """(diagonal, upper, inside, outside) if two constants are triangles, or None.

    inside is what stands on the diagonal and below it, or above it where upper.
    """
    if a.ndim < 2 or b.shape[-1] < 2 or b.shape[-2] < 2:
        return None
    rows, columns = np.indices(b.shape[-2:])
    flat = b.reshape(-1, *b.shape[-2:])
    for upper in (False, True):
        for diagonal in (0, 1, -1):
            away = columns - rows
            mask: Any = away >= diagonal if upper else away <= diagonal
            if mask.all() or not mask.any():
                continue
            inside, outside = flat[0][mask][0], flat[0][~mask][0]
            if (flat == np.where(mask, inside, outside)).all():
                small = mask[: a.shape[-2], : a.shape[-1]]
                if (a == np.where(small, inside, outside)).all():
                    return diagonal, upper, inside, outside
    return None


def same_start(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether an array is the first part of another in memory, with its strides."""
    return (
        part.ndim == whole.ndim
        and part.dtype == whole.dtype
        and part.strides == whole.strides
        and part.__array_interface__["data"][0] == whole.__array_interface__["data"][0]
        and all(p <= w for p, w in zip(part.shape, whole.shape))
    )


def first_part(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether an array has the numbers of the first part of another."""
    return (
        part.ndim == whole.ndim
        and part.dtype == whole.dtype
        and all(p <= w for p, w in zip(part.shape, whole.shape))
        and np.array_equal(part, whole[tuple(slice(0, n) for n in part.shape)])
    )


def longer(
    inputs: list[Value], tensors: list[Any], axes: dict[int, dict[int, str]], multiples: bool
) -> tuple[list[Axis], list[Any]]:
    """(axes, tensors) with each dynamic axis longer, by taking its first elements again.

    axes: input -> dim -> name; axes of one name have one size. They grow by primes, so that a size
    that follows from one axis does not follow from another; or to multiples of themselves.
    """
    primes = iter((3, 5, 7, 11, 13, 17, 19, 23, 29, 31))
    steps: dict[str, int] = {}
    found, grown = [], list(tensors)
    for i, dims in axes.items():
        for dim, name in dims.items():
            size = tensors[i].shape[dim]
            if name not in steps:
                prime = next(primes)
                steps[name] = (prime - 1) * size if multiples else prime
                new = Size(size, size + steps[name])
                found.append(Axis(inputs[i], dim, name, new))
            index = np.arange(size + steps[name]) % max(size, 1)
            grown[i] = grown[i].index_select(dim, _as_tensor(index))
    return found, grown


def _as_tensor(index: np.ndarray) -> Any:
    from ...api.interop import from_numpy

    return from_numpy(index)


def describe(node: Node) -> str:
    """A node in words, for errors."""
    where = f" in {node.scope}" if node.scope else ""
    shapes = [list(v.shape) for v in node.inputs if isinstance(v, Value)]
    return f"{node.op}{where} of shapes {shapes}"
