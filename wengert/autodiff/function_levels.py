"""What a user-defined Function means inside of function transforms: at each level that its
arguments have, from the highest down, its own rule for that level (backward, jvp, vmap) and the
Function itself on what the level's arrays hold.

What does not live here: the class, its context and its node (`function.py`, `function_node.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..arrays.lookup import namespace
from ..base.modes import Level, place, state
from ..engine.node import tick
from ..engine.tensor import Tensor, wrap
from .batched import Batched, drop_batch, lift_batch
from .dual import Dual, Lifted
from .function_node import FunctionCtx, down, node_classes, recorded, run_forward


class VmapInfo(NamedTuple):
    """What a vmap staticmethod is told of the vmap that is going on."""

    batch_size: int
    randomness: str


def apply(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A Function on arguments of any levels."""
    if cls.setup_context is cls._root.setup_context:
        if state.running and not cls.__module__.startswith("wengert."):
            raise RuntimeError(
                "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp,"
                f" jacrev, ...), it must override the setup_context staticmethod: let forward of"
                f" {cls.__name__} take no ctx, and write setup_context(ctx, inputs, output)"
            )
        if not any(isinstance(a, Tensor) and type(a._a) is Dual for a in args):
            return recorded(cls, args, kwargs)
        return forward_mode(cls, args, run_forward)
    if state.vmap and state.vmap[-1][0] == state.open[-1]:
        check_vmap(cls)
    tensors = [a for a in args if isinstance(a, Tensor)]
    level = max([level_of(t) for t in tensors], default=0)
    top = [t for t in tensors if level_of(t) == level]
    if state.grad and any([t._n is not None for t in top]):
        return recorded(cls, args, kwargs, at_lower_levels, level)
    kinds = {type(t._a) for t in top} if level else set()
    if Batched in kinds:
        return batched(cls, args, level)
    if Dual in kinds:
        return forward_mode(cls, args, at_lower_levels)
    if Lifted in kinds:
        inner = [up(a._a.content) if of_level(a, level, Lifted) else a for a in args]
        return each(lambda t: wrap(Lifted(level, down(t))), cls.apply(*inner, **kwargs))
    return recorded(cls, args, kwargs)


def level_of(t: Tensor) -> int:
    return int(getattr(t._a, "level", 0))


def of_level(a: Any, level: int, kind: Any) -> bool:
    """Whether an argument is a Tensor over an array of a kind and level."""
    return isinstance(a, Tensor) and type(a._a) is kind and a._a.level == level


def up(v: Any) -> Tensor:
    """What an array of a level holds, as a Tensor."""
    return v if isinstance(v, Tensor) else wrap(v)


def each(f: Callable[[Tensor], Any], out: Any) -> Any:
    """f of the tensors in what a Function returns."""
    if not isinstance(out, (tuple, list)):
        return f(out) if isinstance(out, Tensor) else out
    return type(out)([f(o) if isinstance(o, Tensor) else o for o in out])


def at_lower_levels(cls: Any, ctx: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The outputs without the topmost level, which is about to be dealt with; then ctx is filled.

    A Function's forward is not differentiated, but lower levels have their own of the same rules.
    """
    level = max([level_of(a) for a in args if isinstance(a, Tensor)], default=0)
    inner = [
        wrap(a._a) if isinstance(a, Tensor) and a._n is not None and level_of(a) == level else a
        for a in args
    ]
    out = cls.apply(*inner, **kwargs)
    for a, b in zip(args, inner):
        if a is not b and a._a is not b._a:
            a._a = b._a  # forward has changed it in place
    same = {id(b): a for a, b in zip(args, inner) if isinstance(a, Tensor)}

    def at_this_level(t: Tensor) -> Tensor:
        if id(t) in same:
            return same[id(t)]
        return t if t._n is None else wrap(Lifted(level, t)) if level else wrap(t._a)

    out = each(at_this_level, out)
    cls.setup_context(FunctionCtx(ctx), args, out)
    return out


def forward_mode(cls: Any, args: tuple[Any, ...], forward: Callable[..., Any]) -> Any:
    """A Function on dual tensors: its jvp."""
    level = max(a._a.level for a in args if isinstance(a, Tensor) and isinstance(a._a, Dual))
    mine = [of_level(a, level, Dual) for a in args]
    if cls.jvp is cls._root.jvp:
        raise NotImplementedError(
            f"{cls.__name__}: You must implement the jvp function for custom autograd.Function to"
            " use it with forward mode AD."
        )
    primals = tuple([up(a._a.content) if m else a for a, m in zip(args, mine)])
    ctx = node_classes(cls)[0]()
    ctx.needs_input_grad = tuple(
        [isinstance(a, Tensor) and (a.requires_grad or m) for a, m in zip(args, mine)]
    )
    if forward is at_lower_levels:
        out = cls.apply(*primals)
        cls.setup_context(FunctionCtx(ctx), primals, out)
    else:
        out = forward(cls, ctx, primals, {})
    if ctx._tangents and not ctx._keep:
        ctx._keep = ctx._tangents
    ctx._tick = tick()
    tangents: list[Any] = []
    for a, m in zip(args, mine):
        if m:
            tangents.append(up(a._a.tangent))
        elif ctx.materialize and isinstance(a, Tensor) and a.dtype.is_inexact:
            tangents.append(wrap(namespace(a._a).zeros_like(a._a)))
        else:
            tangents.append(None)
    tans = cls.jvp(FunctionCtx(ctx), *tangents)
    many = isinstance(out, (tuple, list))
    outs = out if many else (out,)
    tans = tans if isinstance(tans, (tuple, list)) else (tans,)
    duals = [
        wrap(Dual(level, down(o), down(t))) if t is not None else o for o, t in zip(outs, tans)
    ]
    return type(out)(duals) if many else duals[0]


# ---- vmap


def check_vmap(cls: Any) -> None:
    """Refuse a Function that does not say how it is mapped, or says it twice."""
    own = cls.vmap is not cls._root.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an"
            " overridden vmap staticmethod: set generate_vmap_rule=False or delete the staticmethod"
        )
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support: override"
            " the vmap staticmethod, or set generate_vmap_rule=True"
        )


def batched(cls: Any, args: tuple[Any, ...], level: int) -> Any:
    """A Function on batches: its own rule for them, or a Function of whole batches."""
    check_vmap(cls)
    flags = tuple([of_level(a, level, Batched) for a in args])
    inner = [up(a._a.content) if f else a for a, f in zip(args, flags)]
    if cls.generate_vmap_rule:
        return each(lambda t: lift_batch(t, level), over_batches(cls, flags).apply(*inner))
    size = next(int(t.shape[0]) for t, f in zip(inner, flags) if f)
    randomness = next((r for n, _, r in state.vmap if n == level), "error")
    in_dims = tuple([0 if f else None for f in flags])
    answer = cls.vmap(VmapInfo(size, randomness), in_dims, *inner)
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with"
            f" pytree structure compatible with the output. Got a {type(answer)}"
        )
    out, dims = answer
    if not isinstance(out, (tuple, list)):
        return out if dims is None else lift_batch(out, level, dims % out.ndim)
    dims = (dims,) * len(out) if dims is None or isinstance(dims, int) else dims
    if len(dims) != len(out):
        raise RuntimeError(
            f"{cls.__name__}.vmap: out_dims {dims} is not compatible with {len(out)} outputs"
        )
    return type(out)(
        [o if d is None else lift_batch(o, level, d % o.ndim) for o, d in zip(out, dims)]
    )


class OfExamples:
    """ctx of a Function of batches, as the Function of one example sees it."""

    def __init__(self, ctx: Any, level: int, known: dict[int, Tensor] | None = None) -> None:
        self.__dict__.update(_ctx=ctx, _level=level, _known=known or {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._ctx, name, value)

    def _whole(self, tensors: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[bool, ...]]:
        flags = tuple([of_level(t, self._level, Batched) for t in tensors])
        known = self._known
        return tuple(
            [
                known.get(id(t)) if id(t) in known else up(t._a.content) if f else t
                for t, f in zip(tensors, flags)
            ]
        ), flags

    def save_for_backward(self, *tensors: Any) -> None:
        kept, self._ctx.kept_flags = self._whole(tensors)
        self._ctx.save_for_backward(*kept)

    def save_for_forward(self, *tensors: Any) -> None:
        kept, self._ctx.kept_flags = self._whole(tensors)
        self._ctx.save_for_forward(*kept)

    def mark_non_differentiable(self, *tensors: Any) -> None:
        self._ctx.mark_non_differentiable(*self._whole(tensors)[0])

    def mark_dirty(self, *tensors: Any) -> None:
        self._ctx.mark_dirty(*self._whole(tensors)[0])

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        kept = self._ctx.saved_tensors
        return tuple([self._one(t, f) for t, f in zip(kept, self._ctx.kept_flags)])

    def _one(self, t: Any, flag: bool) -> Any:
        return lift_batch(t, self._level) if flag else t


@contextmanager
def examples(size: int) -> Iterator[int]:
    """A level of a vmap of its own."""
    before = state.vmap
    with Level() as level:
        place("vmap", (*before, (level, size, before[-1][2] if before else "error")))
        try:
            yield level
        finally:
            place("vmap", before)


@functools.cache
def over_batches(cls: Any, flags: tuple[bool, ...]) -> Any:
    """The Function of whole batches that a Function of one example is; flags: which arguments
    have the batch, in front. Each of its outputs has.
    """

    def lifted(values: tuple[Any, ...], level: int, which: Any = None) -> list[Any]:
        which = [True] * len(values) if which is None else which
        return [
            lift_batch(v, level) if f and isinstance(v, Tensor) else v
            for v, f in zip(values, which)
        ]

    def size_of(values: tuple[Any, ...]) -> int:
        return next(int(v.shape[0]) for v, f in zip(values, flags) if f)

    class OverBatches(cls._root):
        generate_vmap_rule = True

        @staticmethod
        def forward(*args: Any) -> Any:
            size = size_of(args)
            with examples(size) as level:
                out = cls.forward(*lifted(args, level, flags))
                return each(lambda t: drop_batch(t, level, size), out)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.batch = size_of(inputs)
            with Level() as level:
                ins = lifted(inputs, level, flags)
                many = isinstance(output, (tuple, list))
                plain = tuple(output) if many else (output,)
                outs = lifted(plain, level)
                known = {id(o): p for o, p in zip(outs, plain)}
                seen = type(output)(outs) if many else outs[0]
                cls.setup_context(OfExamples(ctx, level, known), tuple(ins), seen)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            with Level() as level:
                out = cls.backward(OfExamples(ctx, level), *lifted(grads, level))
                out = out if isinstance(out, tuple) else (out,)
                whole = [g if g is None else drop_batch(g, level, ctx.batch) for g in out]
            return tuple(
                [g if g is None or f else g.sum(0) for g, f in zip(whole, [*flags, *[True] * 9])]
            )

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            with Level() as level:
                out = cls.jvp(OfExamples(ctx, level), *lifted(tangents, level, flags))
                return each(lambda t: drop_batch(t, level, ctx.batch), out)

    OverBatches.__name__ = cls.__name__
    if cls.jvp is cls._root.jvp:
        del OverBatches.jvp
    return OverBatches
