"""Recording: the node of an op's results, what it saves, and what it saved as Tensors again.

The entry's text (`entry.py`) does the same in a straight line for the common call; all other ways
of running an op come here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base import source
from . import op_modes
from .backward_step import build_backward
from .node import LEAF, OP, OP_MANY, Node, Slot, freed, tick
from .op import Op, parameters
from .op_modes import ACTIVE
from .plan import INPUT, OUTPUT, REST, SHAPE, STATIC
from .tensor import Tensor, tensor_of

IN_FORMULAS = {"x": "self", "y": "other", "out": "result"}  # PyTorch's names of saved values
# (node, place among what it has saved) -> that one as torch._C._autograd.SavedTensor; set by
# autodiff/grad_api.py
raw_saved: Callable[[Any, int], Any] | None = None


def node_class(op: Op) -> type[Node]:
    """The class of an op's nodes."""
    camel = "".join([part[:1].upper() + part[1:] for part in op.name.strip("_").split("_")])
    made: Any = type(
        op.node_name or camel + "Backward0",
        (Node,),
        {
            "__slots__": (),
            "__module__": "torch.autograd",
            "op": op,
            "role": OP_MANY if op.many else OP,
            "saves_arrays": any([o.what in (INPUT, REST, OUTPUT) for o in op.plan.saved]),
        },
    )
    names = IN_FORMULAS | {v: k for k, v in op.told.items() if isinstance(v, str)}
    for i, name in enumerate(op.saved):
        setattr(made, f"_saved_{names.get(name, name)}", saved_property(i))
        if op.plan.saved[i].what in (INPUT, OUTPUT):
            setattr(made, f"_raw_saved_{names.get(name, name)}", raw_property(i))
    if len(op.inputs) == 1 and not op.variadic:
        made._saved_self_sym_sizes = property(lambda node: tuple(node.parents[0].shape))
    for name, f in op.told.items():
        if callable(f):
            setattr(made, f"_saved_{name}", told_property(f))
    return made


def told_property(f: Callable[..., Any]) -> property:
    """What f makes of saved values, or of the node."""
    needs = parameters(f)[0]

    def get(node: Node) -> Any:
        if node.saved is None:
            raise freed(node)
        known = {"node": node, **dict(zip(node.op.saved, node.saved))}
        return f(*[known[name] for name in needs])

    return property(get)


def saved_property(i: int) -> property:
    """PyTorch's `node._saved_self` and the like."""

    def get(node: Node) -> Any:
        if node.saved is None:
            raise freed(node)
        plan = node.op.plan
        what, key = plan.saved[i]
        if what is INPUT and node.op.saved[i] not in plan.needed(node.parents):
            return None  # for a gradient that is not wanted
        if what is INPUT:  # a leaf is the tensor itself
            p = node.parents[key]
            leaf = p.variable if p is not None and p.role == LEAF else None
            if leaf is not None and leaf._a is node.saved[i]:
                return leaf
        return saved_tensors(node)[i]

    return property(get)


def raw_property(i: int) -> property:
    """PyTorch's `node._raw_saved_self` and the like, which take hooks."""
    return property(lambda node: raw_saved and raw_saved(node, i))


def record(
    op: Op,
    tensors: Sequence[Tensor],
    nodes: Any,
    raws: Any,
    outs: Any,
    static: dict[str, Any],
) -> None:
    """Join the results of an op to a new node, if an operand that gets a gradient has one.

    tensors: the visible results. nodes, raws: of the operands. outs: all results as arrays.
    """
    plan = op.plan
    parents = nodes
    if not plan.all_wanted:
        parents = plan.parents(nodes)
        if parents.count(None) == len(parents):
            return
    if not op.built:
        build_backward(op)
    n: Any = object.__new__(op.node)
    n.parents, n.seq, n.hooks, n.more = tuple(parents), tick(), None, None
    saved: list[Any] = []
    for what, key in plan.saved:
        if what is INPUT:
            saved.append(raws[key])
        elif what is OUTPUT:
            saved.append(outs[key])
        elif what is STATIC:
            saved.append(static[key])
        elif what is REST:
            saved.append(tuple(raws[key]))
        elif type(key) is slice:
            saved.append(tuple([fact(what, a) for a in raws[key]]))
        elif what is SHAPE:
            saved.append(tuple(getattr(raws[key], "shape", ())))
        else:
            saved.append(getattr(raws[key], "dtype", None))
    n.saved = tuple(saved)
    n.code, n.lasti = source.here(2)
    if op.many:
        tensors = tensors[: len(op.graded)]
        n.shape = tuple([tuple(t._a.shape) for t in tensors])
        n.dtype = tuple([t._a.dtype for t in tensors])
        for i, (name, t) in enumerate(zip(op.graded, tensors)):
            if name not in op.integer:
                t._n = Slot(n, i, tuple(t._a.shape), t._a.dtype)
    else:
        n.shape, n.dtype = tuple(tensors[0]._a.shape), tensors[0]._a.dtype
        tensors[0]._n = n
    if ACTIVE:
        op_modes.recorded(op, n)


def fact(what: str, x: Any) -> Any:
    """The shape or dtype of an operand; () and None for numbers."""
    return tuple(getattr(x, "shape", ())) if what is SHAPE else getattr(x, "dtype", None)


class Deferred:
    """What a node may save in the place of an array: array() gives it when the backward pass needs
    it (and for each time it does).
    """

    __slots__ = ()

    def array(self) -> Any:
        """The array."""
        raise NotImplementedError


def defer(node: Any, place: Callable[[Any, Any], Any]) -> None:
    """Exchange arrays that a node has saved: place(array, parent) is the array itself, or a
    Deferred. parent: the node of the input that the array is of; None where it has none, and for
    results.

    To be called before a backward pass, as from a mode's `recorded` (see `op_modes.py`).
    """

    def placed(x: Any, parent: Any) -> Any:
        return place(x, parent) if hasattr(x, "dtype") and hasattr(x, "shape") else x

    saved: list[Any] = []
    for (what, key), x in zip(node.op.plan.saved, node.saved):
        if what is REST and x is not None:
            saved.append(tuple([placed(y, p) for y, p in zip(x, node.parents[key])]))
        else:
            saved.append(placed(x, node.parents[key] if what is INPUT else None))
    node.saved = tuple(saved)
    node.more = {**(node.more or {}), "packed": True}


def unpacked(n: Any) -> tuple[Any, ...]:
    """What a node has saved, as arrays."""
    if n.more is None or "packed" not in n.more:
        return n.saved
    return tuple([_unpacked(x) for x in n.saved])


def _unpacked(x: Any) -> Any:
    if type(x) is tuple:
        return tuple([_unpacked(y) for y in x])
    return x.array() if isinstance(x, Deferred) else x


def saved_tensors(n: Any) -> tuple[Any, ...]:
    """The saved values of a node as Tensors joined to the graph they came from."""
    op, parents = n.op, n.parents
    values: list[Any] = []
    for (what, key), x in zip(op.plan.saved, unpacked(n)):
        if what is INPUT:
            x = _tensor(x, parents[key])
        elif what is REST:
            x = tuple([_tensor(a, p) for a, p in zip(x, parents[key])])
        elif what is OUTPUT and x is not None:
            name = op.names[key]
            if name in op.integer or name in op.hidden:
                x = _tensor(x, None)
            else:
                x = _tensor(x, Slot(n, key, tuple(x.shape), x.dtype) if op.many else n)
        values.append(x)
    return tuple(values)


def _tensor(x: Any, node: Any) -> Any:
    if x is None or isinstance(x, Tensor) or not hasattr(x, "dtype"):
        return x
    t = tensor_of(x)
    t._n, t._x = node, None
    return t
