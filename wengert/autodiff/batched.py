"""vmap: an array with a hidden batch dimension in front. The kind of an op tells how to push
the batch through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.lookup import NS, SCALARS, namespace
from ..base.modes import Level
from ..engine.interp import Interp, interpreter, library_of, run_op
from ..engine.op import Op
from ..engine.tensor import Tensor, wrap


def shift(dim: Any, ndim: int) -> Any:
    """dim (an int, a tuple, or None for all) of a logical array, as dims of the physical one."""
    if dim is None:
        return tuple(range(1, ndim + 1))
    if isinstance(dim, (tuple, list)):
        return tuple([shift(d, ndim) for d in dim]) if len(dim) else tuple(range(1, ndim + 1))
    return dim % ndim + 1 if ndim else 1


def batched_apply(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """An op on batched arrays."""
    flags: list[bool] = []
    values: list[Any] = []
    if len(ins) == 1:
        flags, values = [True], [ins[0].content]
    else:
        for a in ins:
            mine = type(a) is Batched and a.level == level
            flags.append(mine)
            values.append(a.content if mine else a)
    if op.batch_rule is not None:
        size = values[flags.index(True)].shape[0]
        with library_of(*values).current():  # rules may use Python's operators
            outs = op.batch_rule(namespace(*values), size, flags, *values, **static)
    elif op.kind == "elementwise":
        outs = run_op(op, values if len(values) == 1 else aligned(values, flags), static)
    else:
        outs = shifted(op, values[0], static) if len(values) == 1 else NotImplemented
    if outs is NotImplemented:
        outs = looped(op, values, flags, static)
    if len(op.names) == 1:
        return Batched(level, outs)
    return tuple([Batched(level, o) for o in outs])


def shifted(op: Op, v: Any, static: dict[str, Any]) -> Any:
    """The results of an op over one array on a batch of them, by other static arguments;
    NotImplemented where there are none.
    """
    if op.static_rule is not None:
        new = op.static_rule(static, v.ndim - 1, v.shape[0])
        return new if new is NotImplemented else run_op(op, (v,), new)
    if not along_dims(op, static):
        return NotImplemented
    if v.ndim > 1:
        return run_op(op, (v,), {**static, "dim": shift(static["dim"], v.ndim - 1)})
    if "keepdim" in static:  # numbers, each reduced
        return run_op(op, (namespace(v).unsqueeze(v, 1),), {**static, "dim": 1, "keepdim": False})
    return NotImplemented


def along_dims(op: Op, static: dict[str, Any]) -> bool:
    """Whether op works along its static argument dim and on nothing else of its one input."""
    if op.kind in ("reduction", "linear"):
        return "dim" in static
    return op.kind == "opaque" and type(static.get("dim")) is int


def aligned(values: list[Any], flags: list[bool]) -> list[Any]:
    """Operands of an elementwise op: the batch in front, and after it ones where a logical array
    has fewer dimensions than the others.
    """
    dims = [-1 if v is None or type(v) in SCALARS else v.ndim - f for v, f in zip(values, flags)]
    most = max(dims)
    if dims.count(most) == len(dims):
        return values
    for i, d in enumerate(dims):
        if d != most and flags[i]:
            v = values[i]
            shape = tuple(v.shape)
            values[i] = namespace(v).reshape(v, (shape[0], *(1,) * (most - d), *shape[1:]))
    return values


def looped(op: Op, values: list[Any], flags: list[bool], static: dict[str, Any]) -> Any:
    """The general way: one element at a time, results stacked."""
    parts = []
    for i in range(values[flags.index(True)].shape[0]):
        ins = [take(v, i) if f else v for v, f in zip(values, flags)]
        parts.append(run_op(op, ins, static))
    if not parts:
        raise RuntimeError(f"vmap: {op.name} over a batch of size 0 is not supported")
    if len(op.names) == 1:
        return namespace(*parts).stack(*parts, dim=0)
    return tuple([namespace(*p).stack(*p, dim=0) for p in zip(*parts)])


def take(v: Any, i: int) -> Any:
    """Element i of the batch."""
    return namespace(v).select(v, 0, i)


@interpreter(batched_apply)
class Batched(Interp):
    """An array per element of a batch, kept as one array with the batch in front."""

    __slots__ = ("content",)

    def __init__(self, level: int, content: Any) -> None:
        self.level, self.content = level, content

    @property
    def shape(self) -> Any:
        return tuple(self.content.shape[1:])

    @property
    def ndim(self) -> int:
        return int(self.content.ndim) - 1

    def around(self, made: Any) -> Batched:
        return Batched(self.level, made)

    def __repr__(self) -> str:
        return f"Batched(level={self.level}, {self.content!r})"


def lift_batch(x: Any, level: int, dim: int = 0) -> Tensor:
    """A Tensor as a batch along one of its dimensions."""
    xp = namespace(x._a)
    if x._n is not None:
        moved = x if dim == 0 else NS[Tensor].movedim(x, dim, 0)
        return wrap(Batched(level, moved))
    return wrap(Batched(level, x._a if dim == 0 else xp.movedim(x._a, dim, 0)))


def drop_batch(t: Any, level: int, size: int, dim: int = 0) -> Tensor:
    """The whole batch of a result as one Tensor (results that do not depend on the batch are
    repeated).
    """
    a = t._a if isinstance(t, Tensor) else t
    if isinstance(a, Batched) and a.level == level:
        v = a.content
    else:
        v = t if isinstance(t, Tensor) and t._n is not None else a
        xp = namespace(v)
        v = xp.expand(xp.reshape(v, (1, *tuple(v.shape))), (size, *tuple(v.shape)))
    out = v if isinstance(v, Tensor) else wrap(v)
    if dim:
        out = NS[Tensor].movedim(out, 0, dim)
    return out


def vmap_raw(f: Callable[..., Any], tensors: list[Tensor]) -> tuple[Any, ...]:
    """f (returning a tuple of Tensors or None) over the first dimension of all tensors."""
    with Level() as level:
        size = tensors[0].shape[0]
        outs = f(*[lift_batch(t, level) for t in tensors])
        return tuple([None if o is None else drop_batch(o, level, size) for o in outs])
