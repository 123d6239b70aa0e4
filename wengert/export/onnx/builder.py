"""What an ONNX graph is put together with: names, nodes, constants, and sizes known at run time.

The operations themselves are in `elementwise.py`, `shapes.py`, `layers.py`, which register their
converters here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..capture import Value
from .dims import Axis, Size, UnknownSize, band, count, fill, first_part, same_start

__all__ = ["CONVERTERS", "Builder", "NoConversion", "converts"]

# op -> function (builder, *inputs, **settings) that returns the names of its outputs
CONVERTERS: dict[str, Callable[..., Any]] = {}

LAST = np.iinfo(np.int64).max  # the end of a slice that goes to the end


class NoConversion(Exception):
    """An operation, or one of its settings, has no form in ONNX."""


def converts(*names: str) -> Callable[[Any], Any]:
    """Register the converter of ops. It is called with the builder, the inputs (Values, numbers or
    None) and the op's settings by name, and returns one name, or one for each output.
    """

    def register(f: Any) -> Any:
        for name in names:
            CONVERTERS[name] = f
        return f

    return register


class Builder:
    """One ONNX graph that is being made."""

    def __init__(self, opset: int, axes: Sequence[Axis] = ()) -> None:
        self.opset = opset
        self.axes = axes
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.names: dict[int, str] = {}  # of values, by identity
        self.taken: set[str] = set()
        self.known: dict[Any, str] = {}  # constants and sizes that have been made already
        self.sources: list[tuple[np.ndarray, str]] = []  # the module's own arrays
        self.shapes: dict[str, Value] = {}
        self.out: Value | None = None  # the first output of the node that is being converted

    # --- names ---------------------------------------------------------------------------------

    def fresh(self, hint: str) -> str:
        """A name that nothing has yet."""
        name, i = hint, 0
        while name in self.taken:
            i += 1
            name = f"{hint}_{i}"
        self.taken.add(name)
        return name

    def name(self, x: Any, like: Value | None = None) -> str:
        """The name of a value; that of a number as a constant of the dtype of another value."""
        if not isinstance(x, Value):
            assert like is not None
            return self.constant(np.array(x, dtype_of(like)))
        found = self.names.get(id(x))
        if found is None:
            found = self.names[id(x)] = self.array(x)
            self.shapes[found] = x
        return found

    def constant(self, array: Any, hint: str = "constant") -> str:
        """The name of a constant array."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            name = self.known[key] = self.fresh(hint)
            self.initializers[name] = array
        return self.known[key]

    def array(self, value: Value) -> str:
        """The name of a constant value, made where it grows with a dynamic axis."""
        array = np.asarray(value.array)
        if value.other is None:
            name = self.fresh(value.name or "constant")
            self.initializers[name] = array
            return name
        other = np.asarray(value.other)
        for whole, name in self.sources:
            if same_start(array, whole) and same_start(other, whole):
                return self.sliced(name, [slice(0, n) for n in value.shape])
        filled = fill(array, other)
        if filled is not None:
            number = self.constant(np.array(filled, array.dtype))
            return self.add("Expand", [number, self.ints(value.shape)])
        counted = count(array, other)
        if counted is not None:
            dim, start, step = counted
            kind = array.dtype.type
            length = self.add("Squeeze", [self.ints([value.shape[dim]])])
            zero, one = self.constant(np.int64(0)), self.constant(np.int64(1))
            steps = self.cast(self.add("Range", [zero, length, one]), array.dtype)
            line = self.add("Mul", [steps, self.constant(kind(step))])
            line = self.add("Add", [line, self.constant(kind(start))])
            return self.add("Reshape", [line, self.ints(value.shape)])
        triangle = band(array, other)
        if triangle is not None:
            diagonal, upper, inside, outside = triangle
            ones = self.add("Expand", [self.constant(np.int64(1)), self.ints(value.shape)])
            k = self.constant(np.int64(diagonal))
            mask = self.add("Trilu", [ones, k], upper=int(upper))
            mask = self.cast(mask, np.bool_)
            if array.dtype == np.bool_:
                return mask if inside else self.add("Not", [mask])
            values = [self.constant(np.array(v, array.dtype)) for v in (inside, outside)]
            return self.add("Where", [mask, *values])
        for whole, name in self.sources:  # rows of a table, such as those of positions
            if first_part(array, whole) and first_part(other, whole):
                return self.sliced(name, [slice(0, n) for n in value.shape])
        raise UnknownSize(
            f"a constant of shape {list(value.shape)} that the module makes from sizes of its "
            "inputs: make it a buffer, or leave the axis out of dynamic_axes"
        )

    # --- nodes ---------------------------------------------------------------------------------

    def add(
        self, kind: str, inputs: Iterable[Any], outputs: int = 1, hint: str = "", **attributes: Any
    ) -> Any:
        """Add a node; inputs are Values, names or None. Returns its output's name, or names."""
        import onnx

        for key, v in attributes.items():
            for part in v if isinstance(v, (list, tuple)) else (v,):
                if isinstance(part, Size):
                    raise UnknownSize(f"{kind} needs a constant for {key}")
        given = ["" if x is None else self.name(x) if isinstance(x, Value) else x for x in inputs]
        while given and not given[-1]:
            given.pop()
        made = [self.fresh(hint or kind.lower()) for _ in range(outputs)]
        attributes = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(onnx.helper.make_node(kind, given, made, name=made[0], **attributes))
        return made[0] if outputs == 1 else made

    def cast(self, x: Any, dtype: Any) -> str:
        """A value in another dtype."""
        import onnx

        to = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", [x], to=to)

    def sliced(self, x: Any, slices: Sequence[slice]) -> str:
        """Slices of the first dims, with positive or negative steps."""
        starts, ends, dims, steps = [], [], [], []
        for dim, s in enumerate(slices):
            if s != slice(None):
                step = 1 if s.step is None else s.step
                starts.append((0 if step > 0 else LAST) if s.start is None else s.start)
                ends.append((LAST if step > 0 else -LAST) if s.stop is None else s.stop)
                dims.append(dim)
                steps.append(step)
        if not dims:
            return self.name(x) if isinstance(x, Value) else x
        return self.add("Slice", [x, *(self.ints(part) for part in (starts, ends, dims, steps))])

    # --- sizes ---------------------------------------------------------------------------------

    def ints(self, numbers: Sequence[Any], near: Value | None = None) -> str:
        """A vector of ints, computed at run time where some are Sizes.

        near: a value whose own sizes are looked at first.
        """
        if not any(isinstance(n, Size) for n in numbers):
            return self.constant(np.array(numbers, np.int64).reshape(len(numbers)))
        parts: list[str] = [
            self.size(n, near) if isinstance(n, Size) else self.constant(np.array([n], np.int64))
            for n in numbers
        ]
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, axis=0)

    def dim(self, value: Value, dim: int) -> str:
        """The size of a dim at run time, in a vector of one."""
        key = ("dim", self.name(value), dim)
        if key not in self.known:
            self.known[key] = self.add("Shape", [value], start=dim, end=dim + 1)
        return self.known[key]

    def size(self, wanted: Size, near: Value | None = None) -> str:
        """A size at run time, in a vector of one. UnknownSize if no axis gives it."""
        if near is not None and wanted in near.shape:
            return self.dim(near, near.shape.index(wanted))
        if wanted not in self.known:
            self.known[wanted] = self.solved(wanted)
        return self.known[wanted]

    def solved(self, wanted: Size) -> str:
        """What computes a size from the dynamic axes: a multiple, a product, a sum."""

        def times(name: str, k: int) -> str:
            return name if k == 1 else self.add("Mul", [name, self.constant(np.array([k]))])

        for axis in self.axes:
            k = axis.times(wanted)
            if k is not None:
                return times(self.dim(axis.value, axis.dim), k)
        for a in self.axes:
            for b in self.axes:
                k, rest = divmod(wanted.first, a.size.first * b.size.first)
                if not rest and k * a.size.second * b.size.second == wanted.second:
                    both = [self.dim(a.value, a.dim), self.dim(b.value, b.dim)]
                    return times(self.add("Mul", both), k)
        for axis in self.axes:
            found = axis.plus(wanted)
            if found is not None:
                product = times(self.dim(axis.value, axis.dim), found[0])
                return self.add("Add", [product, self.constant(np.array([found[1]]))])
        raise UnknownSize(
            f"a size that is {wanted.first} for the example and {wanted.second} for longer dynamic "
            "axes follows from no axis"
        )

    def target(self, shape: Sequence[Any], near: Value) -> str:
        """The shape to reshape a value to; at most one size may be left to ONNX."""
        parts: list[Any] = []
        for n in shape:
            if isinstance(n, Size):
                try:
                    n = self.size(n, near)
                except UnknownSize:
                    if -1 in parts:
                        raise
                    n = -1
            parts.append(n)
        if not any(isinstance(p, str) for p in parts):
            return self.constant(np.array(parts, np.int64).reshape(len(parts)))
        names = [p if isinstance(p, str) else self.constant(np.array([p])) for p in parts]
        return names[0] if len(names) == 1 else self.add("Concat", names, axis=0)


def dtype_of(value: Value) -> Any:
    """The NumPy dtype of a value."""
    from ...base import dtypes

    return getattr(dtypes, value.dtype).np


def rank(value: Value) -> int:
    """The number of dims of a value."""
    return len(value.shape)
