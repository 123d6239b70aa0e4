"""Moving tensors between devices, recorded: the gradient moves back."""

from __future__ import annotations

from typing import Any

from ...arrays.lookup import HOST, INTERPRETER, NS, RANK, VALUES, on_device
from ...base.devices import device
from ...base.modes import state
from ...engine.interp import run_op
from ...engine.kinds import linear
from ...engine.op import op
from ...engine.recording import record
from ...engine.tensor import Tensor, wrap


def recorded(t: Tensor, target: device, source: device) -> Tensor:
    """The op's entry: unlike other ops, its result is another kind of array than its input."""
    out = wrap(move(t._a, target))
    if t._n is not None and state.grad:
        record(
            to_device_op,
            [out],
            [t._n],
            [t._a],
            [out._a],
            {"target": target, "source": source},
        )
    return out


@op(linear, node="ToCopyBackward0", keeps_order=True, entry=recorded)
def to_device_op(xp, x, target=None, source=None):
    """x on another device."""
    return move(x, target)


to_device_op.vjp(
    x=lambda g, source, target: (
        recorded(g, source, target) if isinstance(g, Tensor) else move(g, source)
    )
)


def move(x: Any, target: device) -> Any:
    """A raw array copied to a device; a program that is written down copies it then."""
    if RANK.get(type(x)) == INTERPRETER:
        return run_op(to_device_op, (x,), {"target": target, "source": NS[type(x)].device_of(x)})
    return on_device(target).from_host(NS[type(x)].to_host(x))


def beside(t: Tensor, other: Tensor) -> Tensor:
    """t, an index or the like, where other is, if t is on the CPU and other is not."""
    a, b = t._a, other._a
    if type(a) is type(b) or RANK.get(type(a)) == INTERPRETER or RANK.get(type(b)) == INTERPRETER:
        return t
    here, there = NS[type(a)], NS[type(b)]
    if not here.has(HOST) or there.has(HOST) or not there.has(VALUES):
        return t
    return to_device(t, there.device_of(b))


def to_device(t: Tensor, target: device) -> Tensor:
    """t on a device; t itself where it is there already."""
    source = t.device
    if target.type == source.type and target.index is None:
        here = getattr(on_device(target), "index", None)  # the current one, of several
        if source.index is None or here == source.index:
            return t
    if RANK.get(type(t._a)) == INTERPRETER and not t._a.cell:
        raise RuntimeError(
            "a tensor can't be moved to another device inside a function transform: move it before"
        )
    return recorded(t, target, source)
