"""The end of a capture: what the function returned and changed, and everything as it should be.

`settle` gives every tensor its array back, writes what was changed in place, and takes the symbols
out of what stays: returned tensors, gradients, and the graph that they were recorded in. The call
is then what it would have been without a capture. `undo` is for calls that failed: all is as it was
before.
"""

from __future__ import annotations

import gc
import random
import sys
from typing import Any

import numpy as np

from ..arrays.random_fill import default_streams
from ..autodiff import grad_api
from ..base.pytree import flatten
from ..engine import backward, views
from ..engine.node import LEAF
from ..engine.tensor import Tensor, wrap
from . import storage
from .capture import Capture, Lifted, Redo, Symbol, tensors_of
from .graph import Value
from .surroundings import NUMBERS

SAME, ALIAS, VIEW, VALUE, OBJECT = "same", "alias", "view", "value", "object"
GRADIENT = "gradient"


class Output:
    """One leaf of what was returned. kind: SAME (a tensor that was there before, of), ALIAS
    (another on its memory), VIEW (of it, taken by chain), VALUE (a new tensor), GRADIENT (what the
    call has put into `.grad` of the leaf of), OBJECT (anything else, of). twin: the number of an
    earlier output that has the same memory. recorded: whether it requires grad.
    """

    __slots__ = ("chain", "kind", "of", "recorded", "twin", "value")

    def __init__(self, kind: str, of: Any = None, value: Value | None = None) -> None:
        self.kind, self.of, self.value = kind, of, value
        self.twin: int | None = None
        self.recorded = False
        self.chain: tuple[Any, ...] = ()


class Settled:
    """What a capture has found. outputs: in the order of graph.outputs, as far as they are VALUE.
    effects: tensors that change, with their new values. gradients: leaves whose `.grad` is another
    tensor afterwards, with its value or None. seeds, pulled: with a backward pass, the cotangents
    of the recorded outputs, and (leaf's entry, gradient's value) for each leaf; forward: how many
    nodes are not of the backward pass. freed: whether the graph of recorded outputs is used up.
    nested: whether the function itself differentiates or maps functions.
    escaped: tensors that were kept somewhere, so that a later call will find another state.
    """

    def __init__(self, capture: Capture) -> None:
        self.capture, self.graph = capture, capture.graph
        self.structure: Any = None
        self.outputs: list[Output] = []
        self.effects: list[tuple[Lifted, Value]] = []
        self.gradients: list[tuple[Lifted, Value | None]] = []
        self.seeds: list[Value] = []
        self.pulled: list[tuple[Lifted, Value | None]] = []
        self.forward = 0
        self.freed = False
        self.nested = False
        self.escaped = 0
        self.grads_of: dict[int, Lifted] = {}  # id of a gradient's entry -> its leaf's entry


class Before:
    """What `undo` needs to know of the time before a call."""

    def __init__(self, capture: Capture) -> None:
        self.random, self.legacy = random.getstate(), np.random.get_state()
        self.streams = [(s, s.state()) for s in default_streams().values()]
        self.dicts = [
            (x, dict(x)) for x, n, _ in capture.surroundings.lengths if type(x) is dict and n < 5000
        ]
        for x, n, _ in capture.surroundings.lengths:
            if isinstance(x, dict) and type(x) is not dict and n < 5000:
                self.dicts.append((x, dict(x)))

    def drew(self) -> bool:
        """Whether random numbers of Python's or NumPy's own were used."""
        legacy = np.random.get_state()
        return random.getstate() != self.random or any(
            not np.array_equal(a, b) for a, b in zip(legacy, self.legacy)
        )


def record_backward(c: Capture, s: Settled, result: Any) -> None:
    """Write down the backward pass of what was returned, for gradients that are not known yet."""
    leaves, s.structure = flatten(result)
    roots = [
        t
        for t in leaves
        if isinstance(t, Tensor) and t._n is not None and id(t) not in c.by_id and not base_of(c, t)
    ]
    s.forward = len(c.graph.nodes)
    if not roots or c.stopped is not None:
        return
    if any(type(t._a) is not Symbol for t in roots):
        c.stop("what is returned was recorded before", "compute it inside of the function")
        return
    first: dict[Any, Tensor] = {}  # what shares memory and history is one result
    for t in roots:
        first.setdefault((t._a, t._n), t)
    roots = list(first.values())
    ends = [x for x in c.lifted if x.leaf is not None]
    seeds: list[Any] = []
    for t in roots:
        v = c.graph.input(t._a.shape, t._a.dtype, t._a.value.home)
        s.seeds.append(v)
        seeds.append(Symbol(c, v, storage.filled(v.home, v.shape, 1, v.dtype)))
    captured: dict[Any, list[Any]] = {x.leaf: [] for x in ends}
    hooks = [(x.leaf, x.leaf.hooks, x.leaf.more) for x in ends]
    for leaf, *_ in hooks:
        leaf.hooks = leaf.more = None
    try:
        nodes = [t._n for t in roots]
        grad_api.with_mode(backward.run, False, nodes, seeds, True, False, None, captured, False)
    except RuntimeError as e:
        if "second time" not in str(e):
            raise
        s.freed = True
        return
    finally:
        for leaf, own, more in hooks:
            leaf.hooks, leaf.more = own, more
    if any(n.draws for n in c.graph.nodes[s.forward :]):
        c.stop("the backward pass draws random numbers", "draw them in the forward pass")
    done = set()
    for x in ends:
        if x.leaf in done:
            continue
        done.add(x.leaf)
        gs = captured[x.leaf]
        g = gs[0] if gs else None
        s.pulled.append((x, value_of(c, g) if g is not None else None))


def check_memory(c: Capture) -> None:
    """Redo if tensors share memory, and one of them has changed: symbols do not know of it."""
    memory: dict[int, list[Lifted]] = {}
    for x in c.lifted:
        memory.setdefault(id(views.owner(x.array)), []).append(x)
    for sharing in memory.values():
        if len({id(x.array) for x in sharing}) < 2:
            continue
        for x in sharing:
            now = x.tensor._a
            changed = type(now) is not Symbol or now.value is not x.value
            others = [y.array for y in sharing if y.array is not x.array]
            if changed and any(overlap(x.array, a) for a in others):
                raise Redo("tensors share memory, and one of them is changed in place")


def overlap(a: Any, b: Any) -> bool:
    return storage.may_share(a, b)


def value_of(c: Capture, a: Any) -> Value:
    """The value of an array, or of a Tensor of one."""
    a = a._a if isinstance(a, Tensor) else a
    return a.value if type(a) is Symbol else c.constant(a)


def settle(c: Capture, s: Settled, result: Any, before: Before) -> None:
    """Take c's symbols out of everything; see the module."""
    leaves, s.structure = flatten(result)
    if before.drew():
        refuse(c, "random numbers of Python or NumPy are drawn", "draw with torch")
    owners = {id(views.owner(x.array)) for x in c.lifted}
    s.grads_of = {
        id(c.by_id[id(x.grad)]): x for x in c.lifted if x.grad is not None and id(x.grad) in c.by_id
    }
    _numbers(c)
    twins: dict[Symbol, list[tuple[int, Any]]] = {}
    taken: dict[int, Symbol] = {}
    roots = []
    for i, t in enumerate(leaves):
        s.outputs.append(_output(c, t, twins, i))
        if isinstance(t, Tensor) and id(t) not in c.by_id:
            roots.append((t, s.outputs[-1]))
    _gradients(c, s, owners)
    writes = _effects(c, s, owners)
    for t, o in roots:
        if o.kind == VALUE or o.kind == OBJECT:
            unwrap(t, c, taken)
            if t._x is not None and t._x.base is not None:
                unwrap(t._x.base, c, taken)
    for a, new in writes:
        storage.write(a, new)
    for x in c.lifted:
        t = x.tensor
        if type(t._a) is Symbol:
            t._a = x.array
        if t._n is x.leaf:
            t._n = x.n
            continue
        refuse(c, "a tensor from outside changes in place what it records", "make a new one")
        if t._n is not None:
            history(t._n, c)
    for x, _ in s.effects:
        views.mutated(x.tensor)
    for t, o in roots:
        if o.kind == ALIAS:
            t._a = o.of.array
        elif o.kind == VIEW:
            t._a = views.replayed(wrap(o.of.array), o.chain)._a
            if t._n is not None:
                history(t._n, c)
    twins.clear()
    _escapes(c, s, taken)
    c.graph.outputs = [o.value for o in s.outputs if o.value is not None and o.twin is None]
    c.graph.effects = [(x.value, v) for x, v in s.effects]


def refuse(c: Capture, what: str, instead: str) -> None:
    """Note why the graph cannot be used."""
    if c.stopped is None:
        c.stopped = (what, "", instead)


def _output(c: Capture, t: Any, twins: dict[Symbol, list[tuple[int, Any]]], i: int) -> Output:
    if not isinstance(t, Tensor):
        kept = any(t is x for x in c.surroundings.kept) or isinstance(t, (type, np.dtype))
        if not isinstance(t, NUMBERS) and not kept and type(t).__module__ != "wengert.base.dtypes":
            refuse(c, f"a {type(t).__name__} is returned", "return tensors and numbers")
        return Output(OBJECT, t)
    known = c.by_id.get(id(t))
    if known is not None:
        return Output(SAME, known)
    a = t._a
    known = next((x for x in c.lifted if x.leaf is not None and x.leaf.grad is t), None)
    if known is not None:
        return Output(GRADIENT, known)
    known = base_of(c, t)
    if known is not None:
        out = Output(VIEW, known)
        out.chain = t._x.replay
        return out
    known = next((x for x in c.lifted if x.symbol is a), None)
    if known is not None:
        return Output(ALIAS, known)
    if type(a) is not Symbol or type(t) is not Tensor:
        refuse(c, f"a {type(t).__name__} of {type(a).__name__} is returned", "return plain tensors")
        return Output(OBJECT, t)
    out = Output(VALUE, value=a.value)
    out.recorded = t._n is not None
    same = twins.setdefault(a, [])
    out.twin = next((k for k, n in same if n is t._n or t._n is None), None)
    same.append((i, t._n))
    return out


def base_of(c: Capture, t: Tensor) -> Lifted | None:
    """The entry of the tensor that t is a view of, if that was there before the call."""
    x = t._x
    return None if x is None or x.base is None else c.by_id.get(id(x.base))


def _numbers(c: Capture) -> None:
    """Give groups their numbers back, and see whether the program changed them."""
    for group, key, old, put, label in c.placed:
        now = group.get(key)
        if now is put and all(x._a.value is x._a.first for x in numbers_of(put)):
            group[key] = old
            continue
        refuse(c, f"{label} is changed", "change it outside of the function")
        group[key] = as_number(now)


def numbers_of(x: Any) -> tuple[Any, ...]:
    return x if type(x) is tuple else (x,)


def as_number(x: Any) -> Any:
    """A number, or some, where a symbol stands for it."""
    if type(x) is tuple:
        return tuple([as_number(y) for y in x])
    if isinstance(x, Tensor) and type(x._a) is Symbol:
        return x._a.content.item()
    return x


def _gradients(c: Capture, s: Settled, owners: set[int]) -> None:
    seen = set()
    for x in c.lifted:
        leaf = x.leaf
        if leaf is None or leaf in seen:
            continue
        seen.add(leaf)
        if leaf is not x.n and leaf.grad is not None:
            raise Redo("a backward pass leaves the function")
        g = leaf.grad
        if g is x.grad:
            continue
        if g is None:
            s.gradients.append((x, None))
            continue
        if id(g) in c.by_id or type(g._a) is not Symbol or g._n is not None:
            refuse(c, "a gradient is a tensor from elsewhere", "let backward() make it")
            continue
        s.gradients.append((x, g._a.value))
        content = g._a.content
        fresh = storage.its_own(content) and id(content) not in owners
        g._a = content if fresh else storage.copy(content)
        owners.add(id(g._a))


def _effects(c: Capture, s: Settled, owners: set[int]) -> list[tuple[Any, Any]]:
    """The arrays to write, with what to write."""
    writes = []
    for x in c.lifted:
        a = x.tensor._a
        if type(a) is not Symbol:
            if a is not x.array:
                refuse(c, "a tensor gets memory from elsewhere", "change it in place")
            continue
        if a.value is x.value:
            continue
        if a.shape != x.array.shape or a.dtype != x.array.dtype or not storage.writeable(x.array):
            refuse(c, "a tensor gets another shape", "make a new one")
            x.array = storage.copy(a.content)
            continue
        new = a.content
        s.effects.append((x, a.value))
        writes.append((x.array, storage.copy(new) if id(views.owner(new)) in owners else new))
    return writes


def unwrap(t: Tensor, c: Capture, taken: dict[int, Symbol]) -> None:
    """Give a tensor that stays its own array, and its history likewise."""
    a = t._a
    if type(a) is Symbol and a.capture is c:
        content = a.content
        if taken.setdefault(id(content), a) is not a or a.value.constant:
            content = storage.copy(content)
        a.content = content
        t._a = content
    if t._n is not None:
        history(t._n, c)


def history(node: Any, c: Capture) -> None:
    """Take symbols, and the ends that a capture put there, out of a graph."""
    ends = {x.leaf: x.n for x in c.lifted if x.leaf is not x.n}
    for n in backward.collect([node]):
        if n.role == LEAF:
            continue
        if ends and any(p in ends for p in n.parents if p is not None):
            n.parents = tuple([ends.get(p, p) for p in n.parents])
        if n.saved:
            n.saved = _plain(n.saved)
        for x in getattr(n, "_keep", ()):
            inner = x if isinstance(x, Tensor) else None
            if inner is not None and type(inner._a) is Symbol:
                inner._a = inner._a.content
            elif type(getattr(x, "array", None)) is Symbol:
                x.array = x.array.content


def _plain(x: Any) -> Any:
    if type(x) is tuple:
        return tuple([_plain(y) for y in x])
    if type(x) is Symbol:
        return x.content
    if isinstance(x, Tensor) and type(x._a) is Symbol:
        x._a = x._a.content
    return x


def _escapes(c: Capture, s: Settled, taken: dict[int, Symbol]) -> None:
    """Find tensors that were kept somewhere, and give them their arrays."""
    for x in c.lifted:
        x.symbol = None  # type: ignore[assignment]
    c.placed.clear()
    kept = _held(c, taken)
    if kept and len(c.symbols) > len(taken):
        gc.collect()
        kept = _held(c, taken)
    if not kept:
        return  # a look at all objects there are takes longer than many a capture
    for t, a in tensors_of(kept):
        s.escaped += 1
        if a.value.number in c.of_numbers:
            _replace(t, a.content.item())
        unwrap(t, c, taken)


def _held(c: Capture, taken: dict[int, Symbol]) -> list[Symbol]:
    """The symbols that something holds beside `taken`: a tensor, maybe, or what is garbage."""
    alive = list(c.symbols)
    return [
        a for a, n in zip(alive, _references(alive)) if n > ALONE + (taken.get(id(a.content)) is a)
    ]


def _references(objects: list[Any]) -> list[int]:
    return [sys.getrefcount(x) for x in objects]


ALONE = _references([object()])[0]  # of what a list holds and nothing else


def _replace(t: Tensor, number: float) -> None:
    """Put a number where a tensor that stood for it was kept."""
    for x in gc.get_referrers(t):
        if type(x) is list:
            x[:] = [number if y is t else y for y in x]
        elif type(x) is dict:
            x.update({k: number for k, y in x.items() if y is t})


def undo(c: Capture, before: Before) -> None:
    """All as it was before the call."""
    for x in c.lifted:
        x.tensor._a, x.tensor._n = x.array, x.n
        if x.leaf is not None:
            x.leaf.grad = x.grad
    for group, key, old, *_ in c.placed:
        group[key] = old
    for d, old in before.dicts:
        if len(d) != len(old) or any(d.get(k) is not v for k, v in old.items()):
            d.clear()
            d.update(old)
    for stream, state in before.streams:
        stream.set_state(state)
    random.setstate(before.random)
    np.random.set_state(before.legacy)
