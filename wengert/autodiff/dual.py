"""Forward mode: a primal and its tangent. Most ops need no rule of their own: the kind tells
what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.lookup import INTERPRETER, PER_DEVICE, RANK, SCALARS, namespace
from ..base.dtypes import as_dtype, float32, float64
from ..base.modes import state
from ..engine.interp import Interp, interpreter, library_of, readable, run_op, severed, whole
from ..engine.op import Op
from ..engine.plan import INPUT, OUTPUT, PASSED, SHAPE, STATIC, Origin, origin
from ..engine.tensor import Tensor, wrap
from .batched import Batched

FLOAT32, FLOAT64 = float32.np, float64.np


def dual_apply(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """An op on duals: (primal, tangent) of its outputs."""
    primals: list[Any] = []
    tangents: list[Any] = []
    if len(ins) == 1:
        primals, tangents = [ins[0].content], [ins[0].tangent]
    else:
        for a in ins:
            if type(a) is Dual and a.level == level:
                primals.append(a.content)
                tangents.append(a.tangent)
            else:
                primals.append(a)
                tangents.append(None)
    outs = run_op(op, primals, static)
    way = WAYS.get(op)
    if way is None:
        way = WAYS[op] = way_of(op)
    if way is ITSELF:
        return Dual(level, outs, run_op(op, tangents, static))
    if PER_DEVICE:
        with library_of(*primals).current():  # rules may use Python's operators
            tans = way(op, primals, tangents, static, outs)
    else:
        tans = way(op, primals, tangents, static, outs)
    if len(op.names) == 1:
        if tans is None:
            return outs
        d = outs.dtype
        if d is tans.dtype and (d is FLOAT32 or d is FLOAT64):
            return Dual(level, outs, tans)
        return joined(level, outs, tans)
    if tans is None:
        return outs
    return tuple([o if t is None else joined(level, o, t) for o, t in zip(outs, tans)])


def joined(level: int, out: Any, tangent: Any) -> Any:
    """A dual of an output: the tangent in the output's dtype, for rules compute half precision in
    single; integers have none.
    """
    if tangent.dtype != out.dtype:
        tangent = namespace(tangent).astype(tangent, out.dtype)
    return Dual(level, out, tangent) if as_dtype(out.dtype).is_inexact else out


# op -> f(op, primals, tangents, static, outs): the tangents of its outputs; or ITSELF, where it is
# the op of the one tangent
WAYS: dict[Op, Any] = {}
ITSELF = "itself"


def way_of(op: Op) -> Any:
    """How an op's tangents are computed, by what is known about it."""
    single = len(op.names) == 1
    if op.jvp_rule is not None:
        return given
    if not op.differentiable and op.kind not in ("linear", "movement"):
        return constant
    if op.kind in ("linear", "movement") and single:
        if len(op.inputs) == 1 and not op.variadic and "dtype" not in op.static:
            return ITSELF if op.plan.wants(0) else constant
        return linear
    if op.kind == "bilinear" and single:
        return bilinear
    if op.kind == "elementwise" and single and op.holomorphic and not op.joint and not op.variadic:
        plans = [
            (op.rules[n], [origin(op, name) for name in op.needs[n]]) if n in op.rules else None
            for n in op.inputs
        ]

        def diagonal(
            op: Op, primals: list[Any], tangents: list[Any], static: dict[str, Any], outs: Any
        ) -> Any:
            """The vjp rule is the jvp rule."""
            total: Any = None
            for plan, t in zip(plans, tangents):
                if t is not None and plan is not None:
                    term = run_rule(*plan, t, primals, static, (outs,))
                    if term is not None:
                        total = term if total is None else total + term
            return shaped(total, outs)

        return diagonal
    return transposed_vjp


def constant(op: Op, primals: Any, tangents: Any, static: Any, outs: Any) -> None:
    """No rules: no tangents."""
    return


def run_rule(
    rule: Callable[..., Any],
    needs: list[Origin],
    g: Any,
    ins: Any,
    static: dict[str, Any],
    outs: Any,
) -> Any:
    """One vjp rule with what it asks for, found among an op's operands and results."""
    args: list[Any] = []
    for what, key in needs:
        if what is PASSED:
            args.append(g if key == "g" else namespace(*ins, g))
        elif what is INPUT:
            args.append(ins[key])
        elif what is OUTPUT:
            args.append(outs[key])
        elif what is STATIC:
            args.append(static[key])
        elif what is SHAPE:
            args.append(tuple(getattr(ins[key], "shape", ())))
        else:
            args.append(getattr(ins[key], "dtype", None))
    return rule(*args)


def given(op: Op, primals: Any, tangents: Any, static: Any, outs: Any) -> Any:
    """By the op's own rule."""
    xp = namespace(*primals, *[t for t in tangents if t is not None])
    return op.jvp_rule(xp, tangents, *primals, **static)  # type: ignore[misc]


def linear(op: Op, primals: Any, tangents: Any, static: Any, outs: Any) -> Any:
    """The op itself, of the tangents and zeros."""
    filled = list(primals)
    moving = False
    for i, (p, t) in enumerate(zip(primals, tangents)):
        if not op.plan.wants(i):
            continue
        if p is None or type(p) in SCALARS:
            filled[i] = None if p is None else 0
        elif t is None:
            filled[i] = namespace(p).zeros_like(p)
        else:
            moving = True
            filled[i] = t
    return run_op(op, filled, static) if moving else None


def bilinear(op: Op, primals: Any, tangents: Any, static: Any, outs: Any) -> Any:
    """The product rule; inputs after the first two are added (a bias)."""
    if any(t is not None for t in tangents[2:]):
        return transposed_vjp(op, primals, tangents, static, outs)
    rest = (None,) * (len(primals) - 2)
    total: Any = None
    for i, t in enumerate(tangents[:2]):
        if t is not None:
            pair = (t, primals[1]) if i == 0 else (primals[0], t)
            term = run_op(op, (*pair, *rest), static)
            total = term if total is None else total + term
    return shaped(total, outs)


def shaped(total: Any, outs: Any) -> Any:
    """A tangent, of its output's shape."""
    if total is None or total.shape == outs.shape:
        return total
    shape = tuple(outs.shape)
    return total if tuple(total.shape) == shape else namespace(total).expand(total, shape)


def transposed_vjp(
    op: Op, primals: list[Any], tangents: list[Any], static: dict[str, Any], outs: Any
) -> Any:
    """The tangent of any op with vjp rules: the vjp is linear in its cotangent, so its own vjp
    is the jvp.
    """
    from ..base import dtypes
    from ..base.modes import Recording
    from .grad_api import grad

    if not state.grad:  # under no_grad tangents have no history either
        primals, tangents = [[without_history(a) for a in part] for part in (primals, tangents)]
    with Recording():
        moving = iter(leaf_arrays(primals, tangents))
        leaves = [whole(p) if t is None else wrap(next(moving)) for p, t in zip(primals, tangents)]
        for leaf, t in zip(leaves, tangents):
            if t is not None and dtypes.as_dtype(leaf._a.dtype).is_inexact:
                leaf.requires_grad_()
        results = op.entry(*leaves, **static)
        results = results if isinstance(results, tuple) else (results,)
        live = [(i, r) for i, r in enumerate(results) if isinstance(r, Tensor) and r._n is not None]
        ins = [
            (x, t)
            for x, t in zip(leaves, tangents)
            if isinstance(x, Tensor) and x._n is not None and t is not None
        ]
        cots = [wrap(zeros_beside(r._a)).requires_grad_() for _, r in live]
        if live and ins:
            gs = grad(
                [r for _, r in live],
                [x for x, _ in ins],
                cots,
                create_graph=True,
                allow_unused=True,
            )
            pairs = [(g, t) for g, (_, t) in zip(gs, ins) if g is not None and g._n is not None]
            if pairs:
                tans = grad(
                    [g for g, _ in pairs],
                    cots,
                    [t if isinstance(t, Tensor) else wrap(t) for _, t in pairs],
                    create_graph=needs_graph(tangents) or needs_graph(primals),
                    allow_unused=True,
                )
            else:
                tans = tuple([None] * len(cots))  # type: ignore[list-item]  # as allow_unused
        else:
            tans = ()
    out: list[Any] = [None] * len(op.names)
    for (i, r), t in zip(live, tans):
        out[i] = unwrapped(t) if t is not None else namespace(r._a).zeros_like(r._a)
    return out if len(op.names) > 1 else out[0]


def without_history(a: Any) -> Any:
    """An array in whose levels nothing is recorded."""
    if isinstance(a, Tensor):
        return without_history(a._a)
    if isinstance(a, Dual):
        return Dual(a.level, without_history(a.content), without_history(a.tangent))
    if isinstance(a, (Batched, Lifted)):
        return type(a)(a.level, without_history(a.content))
    return a


def leaf_arrays(primals: Any, tangents: Any) -> list[Any]:
    """The arrays of fresh leaves for the primals that have a tangent.

    A Tensor with a history stays whole, one level up, so that its history is kept; all others go
    up with it, for leaves of different levels are constants to each other. So are the cotangents:
    beside an interpreter's array they have to be as high as it, and all go up too.
    """
    values = [p for p, t in zip(primals, tangents) if t is not None]
    arrays = [p._a if isinstance(p, Tensor) else p for p in primals]
    if not needs_graph(values) and not any(RANK.get(type(a)) == INTERPRETER for a in arrays):
        return [v._a if isinstance(v, Tensor) else v for v in values]
    state.level += 1
    return [Lifted(state.level, v) for v in values]


def zeros_beside(a: Any) -> Any:
    """Zeros like a, at its level."""
    zeros = namespace(a).zeros_like(a)
    return Lifted(a.level, zeros) if isinstance(a, Lifted) else zeros


def unwrapped(t: Any) -> Any:
    """A result as the kind of array it came from."""
    a = t._a
    if isinstance(a, Lifted):
        return a.content
    return t if t._n is not None else a


def needs_graph(arrays: Any) -> bool:
    return any(isinstance(a, Tensor) and a._n is not None for a in arrays)


@interpreter(dual_apply)
class Dual(Interp):
    """A value and its derivative along one direction."""

    __slots__ = ("content", "tangent")
    joins = True  # torch.autograd.grad inside of jvp, at a leaf that is no dual

    def __init__(self, level: int, primal: Any, tangent: Any) -> None:
        self.level, self.content, self.tangent = level, primal, tangent

    def severed(self) -> Any:
        return severed(self.content)

    def readable(self, what: str) -> Any:
        return readable(self.content, what)

    def __repr__(self) -> str:
        return f"Dual(level={self.level}, {self.content!r}, {self.tangent!r})"


def primal(a: Any) -> tuple[Any, Any]:
    """(array, node): an array without its tangent at the innermost level, and its history below."""
    if type(a) is not Dual or a.level != max(state.open, default=0):
        return a, None
    inner = a.content
    return (inner._a, inner._n) if isinstance(inner, Tensor) else (inner, None)


def lifted_apply(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """Run the op one level down."""
    outs = run_op(
        op, [a.content if type(a) is Lifted and a.level == level else a for a in ins], static
    )
    if len(op.names) == 1:
        return Lifted(level, outs)
    return tuple([Lifted(level, o) for o in outs])


@interpreter(lifted_apply)
class Lifted(Interp):
    """Marks the arrays of a nested gradient with its level; does nothing else."""

    __slots__ = ("content",)

    def __init__(self, level: int, content: Any) -> None:
        self.level, self.content = level, content

    def readable(self, what: str) -> Any:
        return readable(self.content, what)

    def __repr__(self) -> str:
        return f"Lifted(level={self.level}, {self.content!r})"
