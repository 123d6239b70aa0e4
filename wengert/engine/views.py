"""Views and in-place changes: who shares memory with whom, when it changed, and what that does to
the graph.

Library views alias for real, so data needs no copies. Two records are kept:

changes: each in-place change of a storage gets a tick from the counter that also numbers nodes, so
a node's saved array is stale exactly if its storage changed after the node was made. The forward
pass pays nothing for this, and the reverse pass compares one number per node.

views: a tensor knows its live views and how each is taken, so that after an in-place change of one
of the family the history of all the others can be rewritten.
"""

from __future__ import annotations

import functools
import sys
import weakref
from typing import Any

from ..arrays.lookup import LIBRARY, NS, RANK, namespace
from ..base import frames, source
from ..base.advice import advise
from ..base.dtypes import as_dtype
from ..base.modes import record, state
from .node import WRITE, AccumulateGrad, Node, Slot, tick
from .overlap import check_overlap, owner, repeats
from .plan import public_name
from .replaced import FUNCTION, NO_GRAD, REMEDY, Ambiguous, Replaced
from .tensor import INFERENCE, Extras, Tensor, extras, wrap

# ---- changes


OF_INFERENCE = (
    "Inplace update to inference tensor outside InferenceMode is not allowed: make a clone of it"
    " first"
)


class Change:
    """How often and when a storage was changed in place."""

    __slots__ = ("count", "tick", "code", "lasti", "nodes", "ref")
    tick: int
    code: Any
    lasti: int
    ref: Any  # weak, to the array

    def __init__(self) -> None:
        self.count = 0
        self.nodes = -1  # how many were made before the first change that code and lasti tell


CHANGES: dict[int, Change] = {}  # id of the array that owns the memory -> its last change
last_change = [0, 0]  # the tick of the most recent change of all, and how many there were


def mutated(t: Tensor) -> None:
    """Announce that t's memory was changed in place, for code that writes to raw arrays."""
    x = t._x
    if x is not None and x.untracked:
        return
    o = t._a
    try:
        while (b := o.base) is not None:
            o = b
    except AttributeError:  # memory that is no array
        pass
    c = CHANGES.get(id(o))
    if c is None:
        c = first_change(o)
    c.count += 1
    c.tick = last_change[0] = now = tick()
    last_change[1] = n = last_change[1] + 1
    if c.nodes != now - n:  # else what may have saved the array is older than the place known
        c.nodes = now - n
        f = sys._getframe(1)  # source.here(), without the call
        while frames.INTERNAL[f.f_code.co_filename] and (up := f.f_back):
            f = up
        c.code, c.lasti = f.f_code, f.f_lasti


def first_change(o: Any) -> Change:
    """The record of an array's changes, which goes when the array goes."""
    key = id(o)
    c = CHANGES[key] = Change()
    try:
        c.ref = weakref.ref(o, functools.partial(CHANGES.pop, key))  # pop(key, reference)
    except TypeError:  # memory owned by something that cannot be watched: never forgotten
        c.ref = o
    return c


def version(t: Tensor) -> int:
    """How often t was changed in place: the memory of its family, which is one unless one of them
    was given other memory.
    """
    x = t._x
    if x is None or x is INFERENCE or x.inference:
        if x is not None:
            raise RuntimeError("Inference tensors do not track version counter.")
        c = CHANGES.get(id(owner(t._a)))
        return 0 if c is None else c.count
    places = {id(owner(v._a)) for v in family(t)}
    root = t if x.base is None else x.base
    before: int = 0 if root._x is None else root._x.before
    return before + sum([CHANGES[p].count for p in places if p in CHANGES])


def family(t: Tensor) -> list[Tensor]:
    """A tensor, what it is a view of, and the views of that."""
    root = t if t._x is None or t._x.base is None else t._x.base
    known = [] if root._x is None else [r() for r in root._x.views or ()]
    views = [v for v in known if v is not None and v._x is not None and v._x.base is root]
    return [root, *[v for v in views if v is not t], *([] if t is root else [t])]


def go_on(t: Tensor, count: int) -> None:
    """Let t, which got other memory, go on counting from here."""
    more = count - version(t)
    if not more:
        return
    o = owner(t._a)
    if t._x is None and id(o) not in CHANGES:
        c = first_change(o)
        c.count, c.tick = count, 0
    else:
        extras(t if t._x is None or t._x.base is None else t._x.base).before += more


def changed_since(a: Any, when: int) -> Change | None:
    """The change of a's storage after a tick, if there was one."""
    c = CHANGES.get(id(owner(a)))
    return c if c is not None and c.tick > when else None


def check_saved(n: Node) -> None:
    """Raise if an array that n saved, and now needs, was changed since."""
    needed = n.op.plan.needed(n.parents)
    for name, a in zip(n.op.saved, n.saved):
        if name not in needed:
            continue
        for b in a if type(a) is tuple else (a,):
            if (
                RANK.get(type(b), LIBRARY) == LIBRARY
                and hasattr(b, "dtype")
                and hasattr(b, "shape")
            ):
                c = changed_since(b, n.seq)
                if c is not None:
                    raise stale(n, public_name(n.op, name), b, c)


def stale(n: Any, name: str, a: Any, c: Change) -> RuntimeError:
    """The error for an array a, saved by node n as `name`, that was changed before the backward
    pass used it.
    """
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace"
        f" operation: [{as_dtype(a.dtype)} {list(a.shape)}], the {name} of {n.name()}.\n  It was"
        f" saved at {source.describe(n.code, n.lasti)}\n  and changed at"
        f" {source.describe(c.code, c.lasti)}\nHint: use the out-of-place form there (x = x + 1"
        " instead of x += 1), or save a copy with .clone()."
    )


# ---- views


class View(Extras):
    """Extras of a tensor that is a view: op(static) of the tensor that up belongs to (None: of
    the base itself).
    """

    __slots__ = ("base", "op", "static", "up")
    base: Any
    op: Any
    static: tuple[Any, ...]
    up: View | None
    # why it is not to be changed while something is recorded; False: it may be (machine code asks)
    quiet: Any = False

    @property
    def replay(self) -> tuple[Any, ...]:
        """(op, static) of every step from the base to this view."""
        chain = []
        e: View | None = self
        while e is not None:
            chain.append((e.op, e.static))
            e = e.up
        return tuple(chain[::-1])


class Viewed(Extras):
    """Extras of a tensor that has views."""

    __slots__ = ("views",)
    views: list[Any]  # weak references; those to dead views go now and then, see register()


_new = object.__new__
_ref = weakref.ref


def register(base: Any, view: Tensor, op: Any, *static: Any) -> None:
    """Note that view = op(base, *static) aliases base, if it does."""
    if not isinstance(base, Tensor):
        return
    x = base._x
    if x is not None and x.inference:
        view._x = INFERENCE
        return
    if view._x is INFERENCE:
        view._x = None
    if not (state.grad or state.levels) and base._n is None:  # arrays of transforms share nothing
        if x is not None and x.untracked:
            extras(view).untracked = True
        return
    a = base._a
    if not RANK.get(type(a)):  # 0 or absent: a library's
        o = view._a.base
        near = o is a or o is not None and o is a.base  # nearly always, and quick to tell
        if not near and owner(view._a) is not owner(a):
            return  # a copy
    elif op.view == "perhaps" and copied(a, view._a):
        return
    view._x = e = _new(View)
    e.op = op
    e.static = static
    if not state.grad:
        e.quiet = NO_GRAD
    if x is None:
        e.base = base
        e.up = None
        base._x = x = _new(Viewed)
        x.views = [_ref(view)]
        return
    if x.base is not None:
        e.base = base = x.base
        e.up = x
        if x.quiet:
            e.quiet = x.quiet
        x = base._x
    else:
        e.base = base
        e.up = None
    if x.untracked:
        e.untracked = True
    known = x.views
    if known is None:
        x.views = [_ref(view)]
        return
    if len(known) >= 32 and len(known) & (len(known) - 1) == 0:
        x.views = known = [r for r in known if r() is not None]
    known.append(_ref(view))


def hand_on(base: Tensor, view: Tensor) -> None:
    """Note that a Function, whose node view has, gave it the memory of its argument base."""
    if not RANK.get(type(base._a)):
        register(base, view, None)
        if type(view._x) is View:
            view._x.quiet = FUNCTION


def copied(a: Any, v: Any) -> bool:
    """Whether v, a rearranged interpreter's array a, is a copy: as the arrays inside tell."""
    while RANK.get(type(a)) and type(v) is type(a):
        a, v = (a._a, v._a) if isinstance(a, Tensor) else (a.content, v.content)
    if not a.shape or RANK.get(type(a)):
        return False
    return owner(v) is not owner(a)


def replayed(base: Tensor, chain: tuple[Any, ...]) -> Tensor:
    """The view of base that a chain of view ops takes."""
    t = base
    for op, static in chain:
        t = op.entry(t, *static)
    return t


class CopySlices(Node):
    """History of a base after one of its views was changed: the old base outside the view, the
    new values inside.
    """

    __slots__ = ("chain",)
    chain: tuple[Any, ...]
    role = WRITE

    def name(self) -> str:
        return "CopySlices"

    def run(self, xp: Any, g: Any) -> tuple[Any, Any]:
        """Gradients of the old base (zero where overwritten) and of the new values."""
        inner = xp.asarray(g)
        for op, static in self.chain:
            if op.by_memory:  # g may lie there anyhow
                inner = xp.contiguous(inner)
            inner = getattr(xp, op.name)(inner, *static)
        if self.parents[0] is None:
            return None, inner
        return scatter_view(xp, g, self.chain, xp.zeros_like(inner)), inner


def scatter_view(xp: Any, base: Any, chain: tuple[Any, ...], value: Any) -> Any:
    """A copy of base in which the view taken by chain holds value."""
    return xp.write_view(base, value, chain=chain)


def rebase(view: Tensor, node: Any) -> None:
    """Give the family of a changed tensor its new history. node: what computed view's new
    values (or None).
    """
    x = view._x
    if x is not None and x.base is not None:
        base = x.base
        if node is None and base._n is None:
            return
        n = CopySlices()
        n.parents = (base._n, node)
        n.chain = x.replay
        n.saved = ()
        n.shape, n.dtype, n.seq, n.hooks, n.more = (
            tuple(base._a.shape),
            base._a.dtype,
            tick(),
            None,
            None,
        )
        n.code, n.lasti = source.here(3)
        move_to(base, n)
    else:
        move_to(view, node)
        base = view
    bx = base._x
    if bx is None or bx.views is None:
        return
    live = []
    grad = state.grad
    try:
        record(True)
        for r in bx.views:
            v = r()
            if v is not None and v._x is not None and v._x.base is base:
                if base._n is None or v._x.quiet:
                    move_to(v, None if base._n is None else Ambiguous(v))
                else:
                    move_to(v, replayed_node(base, v._x.replay))
                live.append(r)
    finally:
        record(grad)
    bx.views = live


RETAIN = "retain_grad"  # the key of that hook among those of a node


def move_to(t: Tensor, node: Any) -> None:
    """Give a changed tensor its new node; retain_grad is about the new value."""
    old = t._n
    t._n = node
    if old is None or old.hooks is None or RETAIN not in old.hooks or t._x is None:
        return
    keep = old.hooks.pop(RETAIN)
    if node is not None and type(node) is not AccumulateGrad:
        node.hooks = {**(node.hooks or {}), RETAIN: keep}


def become(t: Tensor, view: Tensor) -> None:
    """Let t be a view of itself from now on, as transpose_ does. What else is a view of t stays
    one of what t was, which goes on as a tensor of its own.
    """
    x, e = t._x, view._x
    if e is not None and e.base is not None:
        others = [r for r in (x.views or ()) if r() is not view and r() is not None]
        if x.base is not None or others:
            new = _new(View)
            new.op, new.static, new.quiet = e.op, e.static, e.quiet
            new.base, new.up = x.base, x
            if x.base is None:
                whole = wrap(t._a, t._n)
                whole._x = shared = _new(Viewed)
                shared.views = [*others, _ref(t)]
                new.base, new.up = whole, None
                for r in others:
                    r()._x.base = whole
            new.__dict__.update({k: v for k, v in x.__dict__.items() if k != "views"})
            t._x = new
    if view._n is None and type(t._n) is AccumulateGrad:
        t._n.shape = tuple(view._a.shape)  # a leaf, while nothing is recorded
    else:
        move_to(t, view._n)
    t._a = view._a


def replayed_node(base: Tensor, chain: tuple[Any, ...]) -> Any:
    """The node of a view of base, taken anew (on a stand-in, so that nothing is registered on
    base).
    """
    return replayed(wrap(base._a, base._n), chain)._n


# ---- in place


def check_inplace(t: Tensor, name: str, constant: bool = False, unrecorded: bool = False) -> None:
    """Raise where PyTorch forbids an in-place change of t. constant: every element gets the same
    value, so that it does not matter if some share memory. unrecorded: t keeps its history.
    """
    if not constant:
        check_overlap(t, name)
    for running in state.running:
        running.check(t, name)
    if state.grad:
        if unrecorded:
            return
        if type(t._n) is AccumulateGrad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation"
                f" ({name}): wrap the update in `with torch.no_grad():`, or use the out-of-place"
                " form"
            )
        x = t._x
        if x is not None and x.base is not None and x.quiet:
            raise RuntimeError(
                f"{name}: A view {x.quiet} and is being modified inplace with grad mode enabled."
                " Given that this use case is ambiguous and error-prone, it is forbidden:"
                f" {REMEDY[x.quiet]}."
            )
        if x is not None and x.base is not None and type(x.base._n) is AccumulateGrad:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place"
                f" operation ({name}): wrap the update in `with torch.no_grad():`, or use the"
                " out-of-place form"
            )
    if t._x is not None and t._x.inference and not state.inference:
        raise RuntimeError(OF_INFERENCE)


def store(t: Tensor, value: Any, shared: bool = False) -> None:
    """Write a raw array into t's memory (broadcasting, converting the dtype) and announce the
    change. shared: t's elements share memory, and those that do not change are not written.
    """
    a = t._a
    if RANK.get(type(a), 0) or RANK.get(type(value), 0):
        rebind(t, value)
    elif shared:
        changes = a != value
        a[changes] = value[changes]
    else:
        NS[type(a)].copy_into(a, value)
    mutated(t)


def rebind(t: Tensor, value: Any) -> None:
    """The in-place change of an interpreter's array: t and its base get new values instead of
    new contents.
    """
    a = t._a
    for running in state.running:
        running.check_batch(t, value)
    value = (
        namespace(a, value).expand(value, tuple(a.shape))
        if tuple(value.shape) != tuple(a.shape)
        else value
    )
    x = t._x
    if x is None or x.base is None:
        put(t, value)
        root = t
    else:
        root = x.base
        put(root, scatter_view(namespace(root._a, value), root._a, x.replay, value))
        put(t, value)
    rx = root._x
    for r in (rx.views or ()) if rx is not None else ():
        v = r()
        if v is not None and v is not t and v._x is not None and v._x.base is root:
            put(v, replayed(wrap(root._a), v._x.replay)._a)


def put(t: Tensor, value: Any) -> None:
    """Give t the array `value`; where its array stands for memory, all that share it change."""
    a = t._a
    if getattr(a, "cell", False):
        a.assign(value)
    else:
        t._a = value


def inplace(
    t: Tensor,
    name: str,
    result: Tensor,
    constant: bool = False,
    operands: Any = (),
    exact: bool = False,
    unrecorded: bool = False,
    expanded: bool = False,
) -> Tensor:
    """Make t hold the result of an out-of-place op, with its history; returns t. operands: what
    the op had besides t. exact: no dtype is converted. unrecorded: t keeps its history, as in
    PyTorch after logical operations. expanded: t's elements may share memory, if only some of
    them change; PyTorch warns of that.

    The op ran first, so what it saved of t is about to be overwritten: such arrays are copied.
    """
    node = result._n
    if not isinstance(t, Tensor):
        raise TypeError(f"{name}(): the tensor to change must be a Tensor, not {type(t).__name__}")
    a, v = t._a, result._a
    shared = expanded and repeats(a)
    if shared:
        advise(f"Use of {name} on expanded tensors is deprecated: clone() before it")
    check_inplace(t, name, constant or shared, unrecorded)
    history = state.grad and any([getattr(x, "_n", None) is not None for x in (t, *operands)])
    if node is None and not history and a.dtype == v.dtype and a.shape == v.shape:
        store(t, v, shared)  # nothing to record, nothing to convert
        return t
    if tuple(v.shape) != tuple(a.shape):
        raise RuntimeError(
            f"{name}: output with shape {list(a.shape)} doesn't match the broadcast shape"
            f" {list(v.shape)}: in-place operations cannot enlarge their tensor; use the"
            " out-of-place form"
        )
    have, want = as_dtype(v.dtype), as_dtype(a.dtype)
    if have is not want and (have.category > want.category or exact):
        raise RuntimeError(
            f"{name}: result type {have.name.capitalize()} can't be cast to the desired output type"
            f" {want.name.capitalize()}: use the out-of-place form"
        )
    if unrecorded:
        store(t, v, shared)
        return t
    if node is None and history:
        parents = tuple([x._n for x in (t, *operands) if isinstance(x, Tensor)])
        node = Replaced(t, name, parents)
    recorded = state.grad and (node is not None or t._n is not None)
    memory = RANK.get(type(a), LIBRARY) == LIBRARY or getattr(a, "cell", False)
    if recorded and node is not None and node.saved and memory:
        node.saved = tuple([_spared(s, a, v) for s in node.saved])
    store(t, v, shared)
    if recorded:
        if node is not None and node.saved:
            if memory:  # an interpreter's array keeps its old value: t has another one now
                node.saved = tuple([a if s is v else s for s in node.saved])
            node.seq = tick()  # later than the change it made itself
            if type(node) is Slot:
                node.parents[0].seq = node.seq
        rebase(t, node)
    return t


def _spared(s: Any, a: Any, v: Any) -> Any:
    """A saved value that survives the overwriting of a."""
    if type(s) is tuple:
        return tuple([_spared(x, a, v) for x in s])
    if s is v or type(s) is not type(a) or owner(s) is not owner(a):
        return s
    return NS[type(a)].copy(s)
