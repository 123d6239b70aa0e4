"""The graph of what a function did: typed values, nodes in order, what goes in and what comes out.

A node is pure and never changes an array: what a program does in place is, here, a new value of the
same tensor, written back at the end (`effects`). The only nodes with an order of their own are
those that draw random numbers. Equal nodes are one node, made so when they are entered; constants
are values with an array.

Not here: how a graph comes about (`capture.py`), and how it is run (`program.py`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays.layout import order_of
from ..base import dtypes, source
from ..engine.op import OPS, Op
from . import storage

SIMPLE = (int, float, bool, complex, str, bytes, type(None), type(Ellipsis), type)
MERGED = 64  # constants with up to so many elements are compared, to be one if they are equal


@functools.cache
def kind_of(dtype: Any) -> str:
    """A dtype's name, which NumPy makes anew each time."""
    return str(dtype.name)


class Value:
    """An array of the graph: an input, a constant (with its array), or what a node computes. order:
    its dimensions, the outermost in the memory of eager mode's array first; None for C order.
    """

    __slots__ = ("array", "dtype", "home", "index", "kind", "node", "number", "order", "shape")

    def __init__(
        self, number: int, shape: Any, dtype: Any, node: Node | None, index: int,
        home: Any = None,
    ) -> None:  # fmt: skip
        self.number, self.shape, self.dtype = number, tuple(shape), dtype
        self.kind = kind_of(dtype)  # the dtype's name
        self.node, self.index = node, index  # that computes it, as which of its outputs
        self.array: Any = None
        self.order: list[int] | None = None
        self.home = home  # the namespace of its device; None: this machine's memory

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def constant(self) -> bool:
        return self.array is not None

    def __repr__(self) -> str:
        return f"%{self.number}:{dtypes.as_dtype(self.dtype).name}{list(self.shape)}"


class Node:
    """An op on operands: values, numbers or None. place: the line of the program it is from. many:
    whether it gives a tuple.
    """

    __slots__ = ("many", "op", "operands", "outputs", "place", "static")
    many: bool

    def __init__(self, op: Op, operands: tuple[Any, ...], static: Any, place: Any) -> None:
        self.op, self.operands, self.static, self.place = op, operands, static, place
        self.outputs: tuple[Value, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether it takes numbers from a generator."""
        return self.op.draws

    def values(self) -> Iterator[Value]:
        """The operands that are values."""
        return (x for x in self.operands if type(x) is Value)

    @property
    def home(self) -> Any:
        """The namespace of the device that it runs on; None: this machine."""
        return device_of(self.operands)

    def line(self) -> str:
        """File, line and text of the program."""
        return source.describe(*self.place)

    def __repr__(self) -> str:
        given = [repr(x) for x in self.operands]
        given += [f"{k}={v!r}" for k, v in self.static.items()]
        return f"{', '.join(map(repr, self.outputs))} = {self.op.name}({', '.join(given)})"


class Graph:
    """inputs: values that are given (arguments, then what the function has from elsewhere, then
    numbers). effects: (input, new value) of tensors that it changes. outputs: what it returns.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[Value] = []
        self.effects: list[tuple[Value, Value]] = []
        self.outputs: list[Value] = []
        self.count = 0
        self._known: dict[Any, Node] = {}
        self._constants: dict[Any, Value] = {}

    def value(
        self, shape: Any, dtype: Any, home: Any = None, node: Node | None = None, index: int = 0
    ) -> Value:
        """A new value."""
        self.count += 1
        return Value(self.count, shape, dtype, node, index, home)

    def input(self, shape: Any, dtype: Any, home: Any = None) -> Value:
        """A new input."""
        v = self.value(shape, dtype, home)
        self.inputs.append(v)
        return v

    def constant(self, array: Any) -> Value:
        """The value of an array that is always the same."""
        key = None
        if array.size <= MERGED and not array.dtype.hasobject:
            key = (array.shape, array.strides, str(array.dtype), *storage.bits(array))
            known = self._constants.get(key)
            if known is not None:
                return known
        v = self.value(array.shape, array.dtype, storage.home(array))
        v.array, v.order = array, order_of(array)
        if key is not None:
            self._constants[key] = v
        return v

    def find(self, op: Op, operands: tuple[Any, ...], static: Any) -> tuple[Any, Node | None]:
        """(key, the node that does the same already, if there is one)."""
        if op.draws:
            return None, None
        try:
            key = (op.name, *map(frozen, operands), frozen(static))
        except TypeError:
            return None, None
        return key, self._known.get(key)

    def add(
        self, op: Op, operands: tuple[Any, ...], static: Any, outs: Any, key: Any, place: Any,
        many: bool,
    ) -> Node:  # fmt: skip
        """A new node. outs: arrays like its outputs."""
        node = Node(op, operands, static, place)
        node.many = many
        node.outputs = tuple(
            [self.value(a.shape, a.dtype, storage.home(a), node, i) for i, a in enumerate(outs)]
        )
        self.nodes.append(node)
        if key is not None:
            self._known[key] = node
        return node

    def results(self) -> list[Value]:
        """What has to be computed."""
        return [*self.outputs, *[new for _, new in self.effects]]

    def prune(self) -> None:
        """Leave out nodes whose results nothing needs, but for those that draw: the numbers that
        come after depend on them.
        """
        used = {v.number for v in self.results()}
        kept = []
        for node in reversed(self.nodes):
            if node.draws or any(v.number in used for v in node.outputs):
                kept.append(node)
                used.update(v.number for v in node.values())
        self.nodes = kept[::-1]

    def used(self) -> set[int]:
        """The numbers of the values that nodes and results need."""
        found = {v.number for v in self.results()}
        for node in self.nodes:
            found.update(v.number for v in node.values())
        return found

    def __str__(self) -> str:
        lines = [f"inputs: {', '.join(map(repr, self.inputs))}"]
        lines += [f"  {node!r}" for node in self.nodes]
        lines += [f"effects: {old!r} becomes {new!r}" for old, new in self.effects]
        return "\n".join([*lines, f"outputs: {', '.join(map(repr, self.outputs))}"])


def device_of(operands: Any) -> Any:
    """The namespace of the device that values are on; None where all are on this machine."""
    return next((x.home for x in operands if type(x) is Value and x.home is not None), None)


def frozen(x: Any) -> Any:
    """A key that is equal for equal operands and settings; TypeError for what has none."""
    t = type(x)
    if t is Value:
        return x.number
    if t is float:
        return t, repr(x)  # 0.0 is not -0.0
    if t is tuple or t is list:
        return (t, *map(frozen, x))
    if t is dict:
        return (t, *[(k, frozen(v)) for k, v in x.items()])
    if t is slice:
        return t, frozen((x.start, x.stop, x.step))
    if isinstance(x, (*SIMPLE, np.dtype)):
        return t, x
    if isinstance(x, tuple):
        return (t, *map(frozen, x))
    shape = getattr(x, "shape", None)
    if shape is not None and getattr(x, "nbytes", 1 << 20) <= 4096 and hasattr(x, "tobytes"):
        return t, tuple(shape), str(x.dtype), x.tobytes()
    raise TypeError(f"no key for {t.__name__}")


def op_of(name: str) -> Op:
    """The op of a name."""
    return OPS[name]
