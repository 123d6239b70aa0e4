"""The reverse pass: nodes in the opposite order of their creation, gradients summed where they
meet.

The same loop serves raw arrays (ordinary backward: nothing recorded) and Tensors
(create_graph=True: the rules call ops, so the pass is recorded). A gradient is brought to its
node's shape and dtype when it arrives: rules do not undo broadcasting or promotion.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ..arrays.capabilities import writeable
from ..arrays.lookup import LIBRARY, NS, PER_DEVICE, RANK, namespace
from ..base import dtypes
from ..base.modes import state
from . import op_modes, views
from .node import LEAF, ONCE, OP, OP_MANY, OUTPUT, WRITE, freed
from .op_modes import ACTIVE
from .recording import saved_tensors, unpacked
from .sharing import addable, counts, shared
from .tensor import DRESS, Tensor, tensor_of, wrap

_seq = attrgetter("seq")
C64, C128 = dtypes.complex64.np, dtypes.complex128.np
F16, BF16 = dtypes.float16.np, dtypes.bfloat16.np
COMPLEX = (C64, C128, dtypes.complex32.np)
LARGE = 1 << 15  # bytes of a gradient; a smaller one is added to another as soon in new memory


def walk(roots: Sequence[Any]) -> tuple[list[Any], dict[Any, int]]:
    """The nodes reachable from roots, latest first, without the leaves; and the leaves, each with
    the creation order of its earliest user (0: none).
    """
    order: list[Any] = []
    users: dict[Any, int] = {}
    for r in dict.fromkeys(roots):
        if r is not None:
            if r.role == LEAF:
                users[r] = 0
            else:
                order.append(r)
    seen = set(order)
    first, add, append, leaf = users.get, seen.add, order.append, LEAF
    for n in order:  # grows meanwhile
        for p in n.parents:
            if p is not None:
                if p.role == leaf:
                    s = n.seq
                    if first(p, s) >= s:
                        users[p] = s
                elif p not in seen:
                    add(p)
                    append(p)
    order.sort(key=_seq, reverse=True)
    return order, users


def collect(roots: Sequence[Any]) -> list[Any]:
    """The nodes reachable from roots, latest first, then the leaves."""
    order, users = walk(roots)
    return [*order, *users]


def fit(g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """g summed to shape (undoing broadcasting) and cast to dtype (undoing promotion)."""
    xp = NS[type(g)]
    if g.shape != shape:
        g = unbroadcast(xp, g, tuple(shape)) if shape else xp.sum_all(g)
    if g.dtype is dtype:
        return g
    have = dtypes.as_np(g.dtype)
    if dtype is not None and have is not dtype and have != dtype:
        if have in COMPLEX and dtype not in COMPLEX:
            g = xp.real(g)
        g = xp.astype(g, dtype)
    return g


def unbroadcast(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """Sum g over the dimensions along which an array of `shape` was broadcast."""
    extra = g.ndim - len(shape)
    if extra < 0 or any(b not in (a, 1) for a, b in zip(tuple(g.shape)[extra:], shape)):
        if not (extra <= 0 or g.ndim == 0):
            raise RuntimeError(
                f"a gradient of shape {tuple(g.shape)} does not fit its tensor of shape {shape}"
            )
        return xp.expand(g, shape)  # a rule may give a smaller, broadcastable gradient
    dims = (
        *range(extra),
        *(i + extra for i, s in enumerate(shape) if s == 1 and g.shape[i + extra] != 1),
    )
    if dims:
        g = xp.sum(g, dims, True)
    return xp.reshape(g, shape) if extra else g


def conjugated(xp: Any, values: Any) -> Any:
    """Complex members of a tuple conjugated."""
    return tuple(
        [
            xp.conj(v) if hasattr(v, "dtype") and dtypes.as_np(v.dtype) in COMPLEX else v
            for v in values
        ]
    )


def run(
    roots: Sequence[Any],
    seeds: Sequence[Any],
    retain: bool,
    create: bool,
    only: set[Any] | None,
    captures: dict[Any, list[Any]],
    accumulate: bool,
    walked: tuple[list[Any], dict[Any, int]] | None = None,
) -> None:
    """One reverse pass.

    roots, seeds: nodes and their cotangents (raw arrays, or Tensors with create). only: the nodes
    worth visiting (None: all). captures: node -> list that receives its gradient. accumulate: add
    to the leaves' `.grad`. walked: what walk(roots) gave, if that is known.
    """
    grads: dict[Any, Any] = {}
    watch = op_modes.watcher() if ACTIVE and not create else None
    for r, g in zip(roots, seeds):
        if r is None:
            continue
        if watch is not None:
            g = watch(g)
        old = grads.get(r)
        grads[r] = g if old is None else together(old, g)
    order, users = walk(roots) if walked is None else walked
    # a leaf's turn comes when its earliest user has run
    waiting: dict[int, list[Any]] = {}
    for leaf, s in users.items():
        waiting.setdefault(s, []).append(leaf)
    turns = sorted(waiting)
    due = turns.pop() if turns else -1
    changed = views.last_change[0]
    check = bool(order) and changed > order[-1].seq
    pop = grads.pop
    captured = bool(captures)
    going_on = True  # whether anything beyond the node is asked for
    plain = state.levels == 0 and not create and not DRESS
    tensor_ns = NS[Tensor]
    last = None  # the type whose namespace xp is
    for n in order:
        while n.seq < due:
            a = g = gs = gi = None  # leaves keep what nobody else refers to
            finish_leaves(waiting[due], grads, only, captures, accumulate, create)
            due = turns.pop() if turns else -1
        g = pop(n, None)
        parents = n.parents
        if only is not None:
            if n not in only:
                continue
            parents = tuple([p if p in only else None for p in parents])
            going_on = any([p is not None for p in parents])
        if g is None:
            continue
        role = n.role
        if role < OP_MANY:  # else there is a list of gradients
            a = g._a if create and isinstance(g, Tensor) else g
            if a.shape != n.shape or (
                a.dtype is not n.dtype and dtypes.as_np(a.dtype) is not n.dtype
            ):
                a = None
                g = fit(g, n.shape, n.dtype)
            if n.hooks is not None:
                if captured and going_on and n in captures:  # as it arrives, as in PyTorch
                    captures[n].append(g)
                g = run_hooks(n, g, create)
        if captured:
            if n in captures and not captures[n]:
                captures[n].append(g)
            if not going_on:
                continue
        if role == OP:
            saved = n.saved
            if saved is None:
                raise freed(n)
            if check and n.seq < changed:
                views.check_saved(n)
            if n.more is not None:
                gs = run_with_hooks(n, g, create, parents)
            else:
                if plain:
                    t = type(g)
                    if t is not last:
                        xp, last = NS[t], t
                        if t in PER_DEVICE:
                            xp, last = xp.of(g), None
                            state.backward.on(xp)
                elif create:
                    saved, xp = saved_tensors(n), tensor_ns
                else:
                    xp = namespace(g, *_flat(saved))
                    if PER_DEVICE:
                        state.backward.on(xp)
                d = n.dtype
                if (d is C64 or d is C128) and n.op.holomorphic:
                    gs = conjugated(xp, n.backward(xp, xp.conj(g), saved, parents))
                elif (d is F16 or d is BF16) and plain and n.op.part is None:
                    gs = xp.in_half(n.backward, xp, g, saved, parents)
                elif n.step is None:
                    gs = n.backward(xp, g, saved, parents)
                else:
                    n.step(xp, g, saved, parents, grads, meet)
                    if not retain and n.saves_arrays:
                        n.saved = None
                    continue
            if not retain and n.saves_arrays:
                n.saved = None
        elif role == OUTPUT:
            p = n.parents[0]
            parts = grads.get(p)
            if parts is None:
                parts = grads[p] = [None] * len(p.shape)
            old = parts[n.index]
            parts[n.index] = g if old is None else together(old, g)
            continue
        else:
            gs = run_other(n, g, create, retain, check, parents)
        for p, gi in zip(parents, gs):
            if p is not None and gi is not None:
                if p in grads:
                    meet(grads, p, gi)
                else:
                    grads[p] = gi
    a = g = gs = gi = None
    while due >= 0:
        finish_leaves(waiting[due], grads, only, captures, accumulate, create)
        due = turns.pop() if turns else -1


def meet(grads: dict[Any, Any], p: Any, g: Any) -> None:
    """Add a gradient to the one that waits for node p."""
    old = grads[p]
    if g.shape != old.shape:
        if g.shape != p.shape:
            g = fit(g, p.shape, None)
        if old.shape != p.shape:
            old = fit(old, p.shape, None)
    if getattr(old, "nbytes", 0) >= LARGE and addable(grads, p, g):
        old += g
    else:
        grads[p] = together(old, g)


def together(old: Any, g: Any) -> Any:
    """The sum of two gradients: a sparse one is added to a dense one, whichever came first."""
    if old.__class__ is not g.__class__:
        sparse = [getattr(x, "is_sparse", False) for x in (old, g)]
        if any(sparse):
            old, g = lifted((g, old) if sparse[0] else (old, g))
    if PER_DEVICE and type(g) in PER_DEVICE:
        return NS[type(g)].add(old, g)
    return old + g


def finish_leaves(
    leaves: list[Any],
    grads: dict[Any, Any],
    only: set[Any] | None,
    captures: dict[Any, list[Any]],
    accumulate: bool,
    create: bool,
) -> None:
    """Give leaves the gradients that the pass has found for them."""
    for n in leaves:
        g = grads.pop(n, None)
        if g is None or (only is not None and n not in only):
            continue
        if g.shape != n.shape or (g.dtype is not n.dtype and dtypes.as_np(g.dtype) is not n.dtype):
            g = fit(g, n.shape, n.dtype)
        if n.hooks is not None:
            g = run_hooks(n, g, create)
        if n in captures:
            captures[n].append(g)
        if accumulate:
            accumulate_grad(n, g, create)


def here(*arrays: Any) -> Any:
    """The namespace for the rules of a node, with its device as the current one."""
    xp = namespace(*arrays)
    if PER_DEVICE:
        state.backward.on(xp)
    return xp


def _flat(saved: tuple[Any, ...]) -> list[Any]:
    out: list[Any] = []
    for s in saved:
        out.extend(s) if type(s) is tuple else out.append(s)
    return [s for s in out if hasattr(s, "dtype")]


def run_other(
    n: Any, g: Any, create: bool, retain: bool, check: bool, parents: tuple[Any, ...]
) -> Any:
    """The gradients from a node that is not of an op with one output."""
    if n.role == OP_MANY:
        if n.saved is None:
            raise freed(n)
        if check:
            views.check_saved(n)
        some = next(x for x in g if x is not None)
        saved = saved_tensors(n) if create else unpacked(n)
        xp = NS[Tensor] if create else here(some, *_flat(saved))
        if n.more is not None:
            gs = run_with_hooks(n, tuple(g), create, parents, saved, xp)
        else:
            gs = rules(n, xp, filled(n, xp, g), saved, parents)
        if not retain and n.saves_arrays:
            n.saved = None
        return gs
    if n.role == WRITE:
        gs = n.run(NS[Tensor] if create else here(g), g)
    else:
        gs = n.apply_backward(g, create, retain)  # user-defined Functions
    if n.more is not None and "watched" in n.more:
        n.more["watched"](n, gs, g if isinstance(g, (tuple, list)) else (g,))
    return gs


def filled(n: Any, xp: Any, gs: Any) -> tuple[Any, ...]:
    """The gradients of a node's outputs, zeros for those that nothing came for."""
    return tuple([xp.zeros(n.shape[i], n.dtype[i]) if x is None else x for i, x in enumerate(gs)])


def accumulate_grad(leaf: Any, g: Any, create: bool) -> None:
    """Add g to leaf.grad, in place unless the pass is recorded."""
    if leaf.more is not None and "pre" in leaf.more:
        g = run_prehooks(leaf, (g,), create)[0]
    old = leaf.grad
    if create:
        g = g if isinstance(g, Tensor) else wrap(g)
        leaf.grad = g if old is None else together(old, g)
    elif isinstance(g, Tensor):
        leaf.grad = g if old is None else together(old, g)
    elif old is None:
        if not g.shape:
            g = NS[type(g)].asarray(g)  # a library scalar
        if RANK.get(type(g), LIBRARY) == LIBRARY:
            if shared(counts(g), g):
                g = NS[type(g)].copy(g)
        elif getattr(g, "cell", False):
            g = g.alias()
        leaf.grad = tensor_of(g)
        leaf.passes = ONCE
    elif (
        old._n is None
        and type(old._a) is type(g)
        and RANK.get(type(g), LIBRARY) == LIBRARY
        and writeable(old._a)
    ):
        if PER_DEVICE:
            state.backward.on(namespace(g))
        old._a += g
        views.mutated(old)
    else:
        leaf.grad = tensor_of(together(old, tensor_of(g))._a)
    if old is not None:  # told by explain()
        known, n = leaf.passes
        leaf.passes = (id(leaf.grad), n + 1 if known == id(old) else 2)
    if leaf.more is not None:
        for hook in builtins.list(leaf.more.get("accumulated", {}).values()):
            r = hook(leaf.variable)
            if r is not None and not isinstance(r, Tensor):
                raise TypeError(f"expected Variable, but hook returned '{type(r).__name__}'")
            if r is not None and r is not leaf.variable:  # what a change in place returns
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        for hook in builtins.list(leaf.more.get("post", {}).values()):
            hook((), lifted((g,)))


def run_hooks(n: Any, g: Any, create: bool) -> Any:
    """Tensor hooks of the output of n, in the order they were registered."""
    t = g if create or isinstance(g, Tensor) else tensor_of(NS[type(g)].asarray(g))
    for hook in builtins.list(n.hooks.values()):
        r = hook(t)
        if r is not None:
            if not isinstance(r, Tensor):
                raise TypeError(
                    f"a tensor hook must return None or a Tensor, not {type(r).__name__}"
                )
            if tuple(r._a.shape) != tuple(t._a.shape):
                raise RuntimeError(
                    f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value: it"
                    f" got {tuple(t._a.shape)} and returned {tuple(r._a.shape)}"
                )
            if r._a.dtype != t._a.dtype:
                raise RuntimeError(
                    f"hook '{getattr(hook, '__name__', hook)}' has changed the type of value: it"
                    f" got {t.dtype} and returned {r.dtype}"
                )
            t = r
    return t if create or t.is_sparse else t._a


def rules(n: Any, xp: Any, g: Any, saved: Any, parents: tuple[Any, ...]) -> Any:
    """The backward step of an op's node, conjugated around rules written for real arrays."""
    gs = g if isinstance(g, tuple) else (g,)
    if n.op.holomorphic and any(dtypes.as_np(x.dtype) in COMPLEX for x in gs if x is not None):
        gs = conjugated(xp, gs)
        return conjugated(xp, n.backward(xp, gs if n.op.many else gs[0], saved, parents))
    return n.backward(xp, g, saved, parents)


def lifted(values: Any) -> tuple[Any, ...]:
    """Gradients as hooks get them."""
    return tuple(
        [
            x if x is None or isinstance(x, Tensor) else tensor_of(NS[type(x)].asarray(x))
            for x in values
        ]
    )


def run_prehooks(n: Any, gs: Any, create: bool) -> tuple[Any, ...]:
    """The hooks that see, and may replace, a node's incoming gradients."""
    for hook in builtins.list(n.more.get("pre", {}).values()):
        r = hook(lifted(gs))
        if r is not None:
            r = hook_result(r, len(gs), "pre hook")
            if any(old is None and new is not None for old, new in zip(gs, r)):
                raise RuntimeError("can't replace a None gradient with a non-None value")
            gs = r
    return tuple([x._a if isinstance(x, Tensor) and not create else x for x in gs])


def hook_result(r: Any, n: int, what: str) -> tuple[Any, ...]:
    """What a node's hook returned, checked."""
    if not isinstance(r, (tuple, list)):
        raise TypeError(f"expected tuple, but a {what} returned '{type(r).__name__}'")
    if len(r) != n:
        raise RuntimeError(
            f"a {what} has returned an incorrect number of values (got {len(r)}, but expected {n})"
        )
    for x in r:
        if x is not None and not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor, but a {what} returned '{type(x).__name__}'")
    return tuple(r)


def run_with_hooks(
    n: Any, g: Any, create: bool, parents: tuple[Any, ...], saved: Any = None, xp: Any = None
) -> Any:
    """The backward step of a node with node hooks (pre and post) or saved-tensor unpacking."""
    if saved is None:
        if create:
            saved, xp = saved_tensors(n), NS[Tensor]
        else:
            saved = unpacked(n)
            xp = here(g, *_flat(saved))
    gs = g if isinstance(g, tuple) else (g,)
    if "pre" in n.more:
        gs = run_prehooks(n, gs, create)
    out = rules(n, xp, filled(n, xp, gs) if n.op.many else gs[0], saved, parents)
    for hook in builtins.list(n.more.get("post", {}).values()):
        r = hook(lifted(out), lifted(gs))
        if r is not None:
            r = hook_result(r, len(out), "backward hook")
            out = tuple([x._a if isinstance(x, Tensor) and not create else x for x in r])
    if "watched" in n.more:
        n.more["watched"](n, out, gs)
    return out
