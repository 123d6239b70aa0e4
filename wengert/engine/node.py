"""The graph: nodes made by ops, leaves that hold `.grad`, and slots of ops with several outputs.

Edges go from a result to what it was computed from (`parents`), so the graph lives as long as its
results do and there are no reference cycles: a node never refers to its own output.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from ..base import source
from ..base.devices import CPU
from ..base.dtypes import as_dtype
from ..base.hooks import hooked

# What the reverse pass does with a node (Node.role). The last two have several outputs.
OP = 0  # runs the rules of an op with one output
OUTPUT = 1  # hands its gradient to a node with several outputs (Slot)
LEAF = 2  # accumulates (AccumulateGrad)
WRITE = 3  # splits between a base and what was written into a view of it (views.CopySlices)
FUNCTION = 4  # runs the backward of a user-defined Function
OP_MANY = 5
FUNCTION_MANY = 6

tick = itertools.count(1).__next__  # creation order of nodes and of in-place changes


class Node:
    """One recorded operation. Subclassed per op (`MulBackward0`), where `op` is the op.

    >>> node = (2 * torch.ones(1, requires_grad=True)).grad_fn
    >>> node.name()
    'MulBackward0'
    >>> handle = node.register_hook(lambda inputs, outputs: None)
    >>> handle = node.register_prehook(lambda outputs: None)
    """

    __slots__ = (
        "parents",
        "saved",
        "shape",
        "dtype",
        "seq",
        "hooks",
        "code",
        "lasti",
        "more",
        "__weakref__",
    )
    parents: tuple[Any, ...]
    saved: Any
    shape: Any
    dtype: Any
    seq: int
    hooks: Any
    code: Any
    lasti: int
    more: Any
    op: Any = None
    role = OP
    saves_arrays = False

    @property
    def many(self) -> bool:
        """Whether the node has several outputs."""
        return self.role >= OP_MANY

    def name(self) -> str:
        """The name PyTorch prints for this node."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """((node, index of its output), ...) that this node passes gradients to."""
        ends = [(p.parents[0], p.index) if type(p) is Slot else (p, 0) for p in self.parents]
        return tuple([ends[i] for i in edges(self)])

    @property
    def _input_metadata(self) -> list[Any]:
        """What is known of the gradients that this node takes: their shapes and dtypes."""
        shapes, kinds = (self.shape, self.dtype) if self.many else ((self.shape,), (self.dtype,))
        return [Incoming(s, d) for s, d in zip(shapes, kinds) if s is not None]

    @property
    def metadata(self) -> dict[str, Any]:
        """A dict for the user's own notes on this node."""
        return extra(self, "metadata", dict)

    def register_hook(self, fn: Any) -> Any:
        """Call fn(grad_inputs, grad_outputs) after this node has run; a result replaces
        grad_inputs.
        """
        kept = edges(self)
        if len(kept) < len(self.parents):
            fn = narrowed(fn, kept)
        return hooked(extra(self, "post", dict), fn)

    def register_prehook(self, fn: Any) -> Any:
        """Call fn(grad_outputs) before this node runs; a result replaces grad_outputs."""
        return hooked(extra(self, "pre", dict), fn)

    def _sequence_nr(self) -> int:
        return self.seq

    def where(self) -> str:
        """The line of the program that made this node."""
        return source.describe(self.code, self.lasti)

    def __repr__(self) -> str:
        home = "torch.autograd.function." if self.role in (FUNCTION, FUNCTION_MANY) else ""
        return f"<{home}{self.name().rpartition('::')[2]} object at {hex(id(self))}>"


class Incoming:
    """Shape and dtype of a gradient that a node takes."""

    is_nested_tensor = is_cpp_nested_tensor = is_tensor_subclass = False
    device = CPU

    def __init__(self, shape: Any, kind: Any) -> None:
        self.shape, self.dtype = list(shape), as_dtype(kind)


def edges(node: Any) -> list[int]:
    """Which parents are edges of the graph: those of inputs that have a derivative (no indices)."""
    if node.op is None:
        places: list[int] | None = getattr(node, "places", None)
        return list(range(len(node.parents))) if places is None else places
    return [i for i in range(len(node.parents)) if node.op.plan.wants(i)]


def narrowed(fn: Any, kept: list[int]) -> Any:
    """A hook of a node that sees the gradients of the node's edges only."""

    def hook(grad_inputs: tuple[Any, ...], grad_outputs: Any) -> Any:
        result = fn(tuple([grad_inputs[i] for i in kept]), grad_outputs)
        if result is None:
            return None
        if not isinstance(result, (tuple, list)):
            raise TypeError(f"expected tuple, but hook returned '{type(result).__name__}'")
        if len(result) != len(kept):
            raise RuntimeError(
                f"a backward hook has returned an incorrect number of values (got {len(result)}, "
                f"but expected {len(kept)})"
            )
        full = list(grad_inputs)
        for i, g in zip(kept, result):
            full[i] = g
        return tuple(full)

    return hook


def extra(node: Any, key: str, make: Any) -> Any:
    """node.more[key], made at first use."""
    if node.more is None:
        node.more = {}
    return node.more.setdefault(key, make()) if key not in node.more else node.more[key]


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after"
    " they have already been freed). Saved intermediate values of the graph are freed when you call"
    " .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the"
    " graph a second time or if you need to access saved tensors after calling backward."
)


def freed(node: Node) -> RuntimeError:
    """The error for a node whose saved values are gone."""
    return RuntimeError(f"{FREED}\n  They are gone for {node.name()}, recorded at {node.where()}")


class LeafRef(weakref.ref):
    """A leaf node's reference to its tensor, told apart from those of users."""

    __slots__ = ()


ONCE = (0, 1)  # the id of a gradient, and how many passes were added into it


class AccumulateGrad(Node):
    """The end of the graph at a leaf: holds its `.grad`."""

    __slots__ = ("grad", "passes", "ref")
    role = LEAF

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.parents = ()
        self.saved = ()
        self.shape, self.dtype = shape, dtype
        self.seq = 0
        self.hooks = self.more = self.code = None
        self.lasti = 0
        self.grad: Any = None
        self.passes = ONCE
        self.ref: Any = None  # LeafRef: the graph must not hold its leaves

    @property
    def variable(self) -> Any:
        """The tensor; once nobody else holds it, one without elements (device "meta") that has its
        shape, dtype and gradient.
        """
        t = None if self.ref is None else self.ref()
        return self.stand_in() if t is None or t._n is not self else t

    stand_in: Any  # set by what makes tensors

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


class Slot(Node):
    """One output of an op with several: passes its gradient to that output's place in the op's
    node.
    """

    __slots__ = ("index",)
    role = OUTPUT

    def __init__(self, node: Node, index: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.parents = (node,)
        self.saved = ()
        self.index, self.shape, self.dtype = index, shape, dtype
        self.seq = tick()
        self.hooks = self.more = None
        self.code, self.lasti = node.code, node.lasti

    def name(self) -> str:
        return self.parents[0].name()
