"""Forward mode: a primal and its tangent. Most ops need no rule of their own: the kind tells
what to do.
"""

from __future__ import annotations

from typing import Any

from ..arrays.lookup import SCALARS, namespace
from ..base.modes import state
from .interp import Interp, environment, interpreter, own_level, run_op, run_rule
from .op import Op
from .tensor import Tensor, wrap


def dual_apply(op: Op, ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """An op on duals: (primal, tangent) of its outputs."""
    level = own_level(ins, Dual)
    mine = [isinstance(a, Dual) and a.level == level for a in ins]
    primals = tuple([a.content if m else a for a, m in zip(ins, mine)])
    tangents = [a.tangent if m else None for a, m in zip(ins, mine)]
    outs = run_op(op, primals, static)
    if not op.differentiable and op.kind not in ("linear", "movement"):
        return outs
    if all(t is None for t in tangents):
        return outs
    tans = tangent(op, primals, tangents, static, outs)
    if len(op.names) == 1:
        return outs if tans is None else Dual(level, outs, tans)
    return tuple([o if t is None else Dual(level, o, t) for o, t in zip(outs, tans)])


def tangent(
    op: Op, primals: tuple[Any, ...], tangents: list[Any], static: dict[str, Any], outs: Any
) -> Any:
    """The tangents of op's outputs."""
    if op.jvp_rule is not None:
        xp = namespace(*primals, *[t for t in tangents if t is not None])
        return op.jvp_rule(xp, tangents, *primals, **static)
    k = len(op.inputs)
    names: list[Any] = [op.inputs[i] if i < k else op.variadic for i in range(len(primals))]
    single = len(op.names) == 1
    if op.kind in ("linear", "movement") and single:
        live = [i for i, n in enumerate(names) if op.rules.get(n) is not None or op.joint]
        if not any(tangents[i] is not None for i in live):
            return None
        filled = list(primals)
        for i in live:
            t = tangents[i]
            p = primals[i]
            if p is None or type(p) in SCALARS:
                filled[i] = 0 if p is not None else None
            else:
                filled[i] = t if t is not None else namespace(p).zeros_like(p)
        return run_op(op, filled, static)
    terms = []
    if op.kind == "bilinear" and single:
        for i, t in enumerate(tangents):
            if t is not None:
                if i < 2:
                    terms.append(
                        run_op(
                            op,
                            (*primals[:i], t, *primals[i + 1 : 2], *(None,) * (len(primals) - 2)),
                            static,
                        )
                    )
                else:
                    return transposed_vjp(op, primals, tangents, static, outs)
    elif op.kind == "elementwise" and single and op.holomorphic and not op.joint:
        env = environment(op, primals, static, outs)
        for i, t in enumerate(tangents):
            if t is not None and names[i] in op.rules:
                xp = namespace(*primals, t)
                terms.append(run_rule(op, names[i], xp, t, env))
    else:
        return transposed_vjp(op, primals, tangents, static, outs)
    terms = [x for x in terms if x is not None]
    if not terms:
        return None
    total = terms[0]
    for x in terms[1:]:
        total = total + x
    if tuple(total.shape) != tuple(outs.shape):
        total = namespace(total).expand(total, tuple(outs.shape))
    return total


def transposed_vjp(
    op: Op, primals: tuple[Any, ...], tangents: list[Any], static: dict[str, Any], outs: Any
) -> Any:
    """The tangent of any op with vjp rules: the vjp is linear in its cotangent, so its own vjp
    is the jvp.
    """
    from ..base import dtypes
    from ..base.modes import enable_grad
    from .differentiate import grad

    with enable_grad():
        moving = iter(leaf_arrays([p for p, t in zip(primals, tangents) if t is not None]))
        leaves = [p if t is None else wrap(next(moving)) for p, t in zip(primals, tangents)]
        for leaf, t in zip(leaves, tangents):
            if t is not None and dtypes.as_dtype(leaf._a.dtype).category >= 2:
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
                tans = tuple([None] * len(cots))
        else:
            tans = ()
    out: list[Any] = [None] * len(op.names)
    for (i, r), t in zip(live, tans):
        out[i] = unwrapped(t) if t is not None else namespace(r._a).zeros_like(r._a)
    return out if len(op.names) > 1 else out[0]


def leaf_arrays(values: Any) -> list[Any]:
    """The arrays of fresh leaves for arrays and Tensors.

    A Tensor with a history stays whole, one level up, so that its history is kept; all others go
    up with it, for leaves of different levels are constants to each other.
    """
    if not needs_graph(values):
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

    def __init__(self, level: int, primal: Any, tangent: Any) -> None:
        self.level, self.content, self.tangent = level, primal, tangent

    @property
    def shape(self) -> Any:
        return tuple(self.content.shape)

    @property
    def dtype(self) -> Any:
        d = self.content.dtype
        return d.np if isinstance(self.content, Tensor) else d

    def __repr__(self) -> str:
        return f"Dual(level={self.level}, {self.content!r}, {self.tangent!r})"


def lifted_apply(op: Op, ins: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """Run the op one level down."""
    level = own_level(ins, Lifted)
    outs = run_op(
        op, [a.content if isinstance(a, Lifted) and a.level == level else a for a in ins], static
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

    @property
    def shape(self) -> Any:
        return tuple(self.content.shape)

    @property
    def dtype(self) -> Any:
        d = self.content.dtype
        return d.np if isinstance(self.content, Tensor) else d

    def __repr__(self) -> str:
        return f"Lifted(level={self.level}, {self.content!r})"
