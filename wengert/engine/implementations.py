"""What computes an op on arrays of a library: the library's own word, or the op's body over it.

Each op has a table from array type to callable, which its entry reads. It says None for arrays that
ops do not run on by themselves (interpreters' and Tensors, sparse ones) and for ops whose operands
a mode of this thread wants: both take the general way of `dispatch.py`. Of ops that a mode of some
thread wants nothing is kept in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..arrays.lookup import NS, PER_DEVICE, RANK, namespace
from ..base import dtypes
from ..base.errors import DevicesDiffer
from . import op_modes
from .op_modes import ACTIVE

if TYPE_CHECKING:
    from .op import Op

HALF, BRAIN, SINGLE = dtypes.float16.np, dtypes.bfloat16.np, dtypes.float32.np

# type of raw array -> f(op, operands, static), for arrays that ops do not run on: what can be done
# with them is composed of other ops (sparse tensors)
COMPOSED: dict[type, Any] = {}

# What an implementation must be able to take: half precision too, or not.
ANY_DTYPE, PLAIN_DTYPES = "any dtype", "no half precision"


class Direct(dict):
    """type of raw array -> the callable of a table of implementations, or what may be called in its
    place where the first operand lies in C order, or the result is written to given memory: without
    the look at the order of dimensions.
    """

    def __init__(self, table: Implementations) -> None:
        self.table = table

    def __missing__(self, t: type) -> Any:
        f = self.table[t]
        found = getattr(f, "direct", f)
        with op_modes.LOCK:
            if self.table.get(t, self) is f:
                self[t] = found
        return found


class Floats(Direct):
    """type of raw array -> what may be called in the place of a table's callable on float32 and
    float64.
    """

    def __missing__(self, t: type) -> Any:
        f = self.table[t]
        found = None if f is None else NS[t].of_floats(f)
        with op_modes.LOCK:
            if self.table.get(t, self) is f:
                self[t] = found
        return found


class Implementations(dict):
    """type of raw array -> the callable that computes the op on it, or None; filled at use.

    Where op.rounds, the callables of this table do not take half precision.
    """

    def __init__(self, op: Op) -> None:
        self.op = op
        self.bare: dict[Any, Any] = {}  # without what modes make of it
        self.direct = Direct(self)
        self.floats = Floats(self)

    def clear(self) -> None:
        """Forget all, for modes that want the op."""
        super().clear()
        self.direct.clear()
        self.floats.clear()

    def __missing__(self, t: type) -> Any:
        f = None
        if not RANK.get(t):
            NS[t]  # finds out what t is, if it was not met yet
            if t in COMPOSED or ACTIVE and op_modes.needs_operands(self.op):
                return None
            if not RANK.get(t):
                f = self.callable(t, PLAIN_DTYPES)
        with op_modes.LOCK:
            if f is None or not op_modes.wanted(self.op):
                if not self:
                    op_modes.FILLED.append(self)
                self[t] = f
        return f

    def callable(self, t: type, dtypes: str = ANY_DTYPE, low: Any = None) -> Any:
        """The op's callable on arrays of type t, as the modes of this thread have it; low: the
        dtype that its result is rounded to.
        """
        if dtypes == PLAIN_DTYPES and not self.op.rounds:
            dtypes = ANY_DTYPE
        f = self.bare.get((t, dtypes))
        if f is None:
            f = self.bare[t, dtypes] = implementation(NS[t], self.op, dtypes)
        if low is not None:
            f = partial(rounded, f, NS[t], low)
        return op_modes.wrapped(self.op, (t, dtypes, low), f) if ACTIVE else f


def rounded(f: Callable[..., Any], xp: Any, low: Any, *args: Any, **kwargs: Any) -> Any:
    """What f returns, in the dtype low."""
    return xp.astype(f(*args, **kwargs), low)


def rounded_once(fwd: Callable[..., Any], low: Any, xp: Any, args: Any, kwargs: Any) -> Any:
    """A body on half precision, computed in single: its steps do not round."""
    wide = [xp.astype(a, SINGLE) if getattr(a, "dtype", None) == low else a for a in args]
    out = fwd(xp, *wide, **kwargs)
    if type(out) is tuple:
        return tuple([xp.astype(o, low) if o.dtype == SINGLE else o for o in out])
    return xp.astype(out, low) if out.dtype == SINGLE else out


def in_single(f: Callable[..., Any], xp: Any, *arrays: Any, **static: Any) -> Any:
    """f(xp, *arrays, **static); of half precision, as the first array has it, rounded once. For
    bodies of ops that are not elementwise, where this is done without asking.
    """
    low = dtypes.as_np(arrays[0].dtype)
    if low in (HALF, BRAIN):
        return rounded_once(f, low, xp, arrays, static)
    return f(xp, *arrays, **static)


def implementation(ns: Any, op: Op, dtypes: str = ANY_DTYPE) -> Callable[..., Any]:
    """The op's callable on a library namespace: the library's own word, or the body over it."""
    f = word_or_body(ns, op, dtypes)
    if op.in_order:
        if op.channels_last:
            return ns.in_format(f, op.channels_last, op.deciding)
        return ns.in_order(f)
    if op.kind != "elementwise" or len(op.inputs) < 2:
        return f
    return ns.ordered(f, len(op.inputs) == 2 and not op.static)


def word_or_body(ns: Any, op: Op, dtypes: str) -> Callable[..., Any]:
    """What computes the op; results of elementwise ones lie as the library has them."""
    if op.primitive:
        f = ns.primitive(op.name)
        if f is None:
            raise NotImplementedError(
                f"{op.name}: the array library {ns.name} has no implementation"
            )
        return f
    fwd = op.fwd
    if ns.array_type in PER_DEVICE:

        def body(*args: Any, **kwargs: Any) -> Any:
            xp = namespace(*args)
            there = getattr(xp, "index", None)
            for a in args:
                if type(a) is ns.array_type and xp.of(a).index != there:
                    raise DevicesDiffer(xp.name, xp.of(a).name)
            with xp.current():
                return fwd(xp, *args, **kwargs)

    elif op.kind == "elementwise" and dtypes == ANY_DTYPE:

        def body(*args: Any, **kwargs: Any) -> Any:
            for a in args:
                d = getattr(a, "dtype", None)
                if d is HALF or d is BRAIN:
                    return rounded_once(fwd, d, ns, args, kwargs)
            return fwd(ns, *args, **kwargs)

    else:
        return ns.quicker(op.name, partial(fwd, ns))

    body.__name__ = op.name
    return ns.quicker(op.name, body)
