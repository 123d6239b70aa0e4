"""Finding where NaN and infinity come from: in the forward pass at birth, in the backward pass.

Off, it costs nothing: implementations are wrapped by a mode (see `op_modes.py`) and nodes marked
only while a block watches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..arrays.lookup import NS, RANK, SCALARS
from ..base import dtypes, source
from ..base.advice import advise
from ..engine.node import extra
from ..engine.op import Op
from ..engine.op_modes import Mode
from ..engine.plan import public_name


class _Mode(threading.local):
    """What is asked for in this thread."""

    anomaly = False
    check_nan = True

    def __init__(self) -> None:
        self.traps: list[trap_nonfinite] = []  # opened by detection


MODE = _Mode()


def on() -> bool:
    """Whether backward passes are to be watched."""
    return MODE.anomaly


def watch(nodes: list[Any]) -> None:
    """Mark the nodes of a backward pass, so that their gradients are checked."""
    if MODE.check_nan:
        for n in nodes:
            extra(n, "watched", lambda: check_backward)


def check_backward(n: Any, gradients: Any, incoming: Any = ()) -> None:
    """RuntimeError if a node of a watched pass gave NaN for the gradients that came in."""
    if not MODE.anomaly:
        return
    for i, g in enumerate(gradients):
        if g is not None and kind(getattr(g, "_a", g)) == "nan":
            raise RuntimeError(
                f"Function '{n.name()}' returned nan values in its {i}th output (the gradient of "
                f"its input {i}).\n  The forward operation was at {n.where()}"
                + shielded(g, incoming)
            )


def shielded(g: Any, incoming: Any) -> str:
    """What to do about NaN where the incoming gradients are zero: the value was not used there, as
    in the branch that torch.where did not take, but 0 times an infinite derivative is NaN.
    """
    a = getattr(g, "_a", g)
    xp = NS[type(a)]
    for c in [getattr(c, "_a", c) for c in incoming if c is not None]:
        alike = type(c) is type(a) and c.shape == a.shape and not kind(c)
        if alike and not (c[xp.isnan(a)] != 0).any():
            return (
                "\nThe gradient that came in is 0 there: the value is not used, as in the branch"
                " that torch.where does not take, but 0 times the infinite derivative is nan. Keep"
                " such elements out of the operation itself: torch.where(ok, f(torch.where(ok, x,"
                " 1.0)), other) instead of torch.where(ok, f(x), other)."
            )
    return ""


def kind(a: Any) -> str:
    """'nan', 'inf' or '' for what an array holds."""
    d = getattr(a, "dtype", None)
    if d is None or RANK.get(type(a), 0) or not dtypes.as_dtype(d).is_inexact or not a.size:
        return ""
    xp = NS[type(a)]
    if xp.isfinite(a).all():
        return ""
    return "nan" if xp.isnan(a).any() else "inf"


def finite(x: Any) -> bool:
    """Whether an operand (array, number, or group of them) has no NaN and no infinity."""
    if type(x) in (tuple, list):
        return all([finite(y) for y in x])
    if type(x) in SCALARS:
        return x - x == 0
    return not kind(x)


def span(x: Any) -> str:
    """An operand in a few words: dtype, shape and range."""
    if type(x) in SCALARS or x is None:
        return repr(x)
    shape, d = list(x.shape), dtypes.as_dtype(x.dtype)
    if not x.size:
        return f"{d} {shape}"
    if d.is_complex:
        return f"{d} {shape}, sizes to {float(abs(x).max()):.6g}"
    if d.category == dtypes.BOOLEAN:
        return f"{d} {shape}"
    return f"{d} {shape} from {float(x.min()):.6g} to {float(x.max()):.6g}"


def trapping(op: Any, f: Callable[..., Any]) -> Callable[..., Any]:
    """An implementation that refuses to make NaN or infinity of finite numbers."""
    if op.by_memory:  # it hands on what there is
        return f

    def checked(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)
        for o in result if type(result) is tuple else (result,):
            what = kind(o)
            if what and finite(args) and finite(tuple(kwargs.values())):
                raise born(op, what, args)
        return result

    return checked


def born(op: Any, what: str, args: tuple[Any, ...]) -> RuntimeError:
    """The error for a value that is not finite."""
    lines = [
        f"  {public_name(op, name)}: {span(x)}"
        for name, x in zip(op.arrays, args)
        if x is None or type(x) in SCALARS or hasattr(x, "dtype")
    ]
    place = source.describe(*source.here(2))
    return RuntimeError(
        f"{op.name} gave {what} from finite numbers at {place}\n"
        + "\n".join(lines)
        + f"\nThe forward pass was stopped where the {what} was born; pdb.pm() enters that frame."
    )


class trap_nonfinite(Mode):
    """Within it, an operation that makes NaN or infinity of finite numbers raises RuntimeError.

    The message names the operation, the ranges of its operands and the line of the program.

    >>> with trap_nonfinite():
    ...     torch.log(torch.tensor(-1.0))
    Traceback (most recent call last):
    RuntimeError: ...
    """

    def implementation(self, op: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """An implementation that refuses to make NaN or infinity of finite numbers."""
        return trapping(op, f)


def told() -> None:
    advise(
        "an index is repeated: x[i] = y keeps one of the values written to a place, and x[i] += y"
        " adds one of them. To add all, use x.index_put_((i,), y, accumulate=True) or"
        " x.index_add_(0, i, y)."
    )


class warn_repeated_writes(Mode):
    """Within it, writing to repeated indices, x[i] = y, warns: only one of the values stays, and
    x[i] += y adds once to each place.

    >>> x = torch.zeros(3)
    >>> with warn_repeated_writes():
    ...     x[torch.tensor([0, 0])] += 1.0
    """

    def wants(self, op: Op) -> bool:
        """Those that write at indices."""
        return op.name in ("index_put", "slices_put")

    def implementation(self, op: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """index_put or index_copy, with a look at its indices."""

        def looked_along(x: Any, index: Any, source: Any, at: int = 0) -> Any:
            xp = NS[type(x)]
            if source.size > 1 and x.ndim and 0 not in source.strides:
                marks = xp.reshape(xp.arange(0, source.size), source.shape)
                marked = f(xp.zeros(x.shape, marks.dtype), index, marks, at)
                spec = (slice(None),) * at + ("array",)
                if (xp.take(marked, index, spec=spec) != marks).any():
                    told()
            return f(x, index, source, at)

        if op.name == "slices_put":
            return looked_along

        def looked(
            x: Any, value: Any, *indices: Any, spec: Any = (), accumulate: bool = False
        ) -> Any:
            xp = NS[type(x)]
            if not accumulate and value.size > 1 and 0 not in value.strides:
                # what is written twice to one place cannot be read back from it
                marks = xp.reshape(xp.arange(0, value.size), value.shape)
                marked = f(xp.zeros(x.shape, marks.dtype), marks, *indices, spec=spec)
                if (xp.take(marked, *indices, spec=spec) != marks).any():
                    told()
            return f(x, value, *indices, spec=spec, accumulate=accumulate)

        return looked


class set_detect_anomaly(AbstractContextManager):
    """Turn anomaly detection on or off: at once, and until the end of a block if used as one.

    Args:
        mode: on or off.
        check_nan: whether NaN in the backward pass, and NaN and infinity in the forward pass,
            raise.

    >>> with torch.autograd.set_detect_anomaly(True):
    ...     y = torch.ones(1, requires_grad=True).exp()
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = (MODE.anomaly, MODE.check_nan)
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        _switch(*self.before)


class detect_anomaly(AbstractContextManager):
    """Within it, NaN is caught: where it is born, forward, and with that line's place, backward.

    Args:
        check_nan: False only records places, as is always done.

    >>> x = torch.tensor(-1.0, requires_grad=True)
    >>> with torch.autograd.detect_anomaly():
    ...     torch.sqrt(x).backward()
    Traceback (most recent call last):
    RuntimeError: ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        advise(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
        )

    def __enter__(self) -> None:
        self.before = (MODE.anomaly, MODE.check_nan)
        _switch(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        _switch(*self.before)


def _switch(anomaly: bool, check_nan: bool) -> None:
    """Set this thread's mode; the forward trap follows it."""
    had, wants = MODE.anomaly and MODE.check_nan, anomaly and check_nan
    MODE.anomaly, MODE.check_nan = bool(anomaly), bool(check_nan)
    if wants and not had:
        trap = trap_nonfinite()
        trap.__enter__()
        MODE.traps.append(trap)
    elif had and not wants:
        MODE.traps.pop().__exit__()


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on.

    >>> torch.is_anomaly_enabled()
    False
    """
    return MODE.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, where it is on, looks for NaN.

    >>> torch.is_anomaly_check_nan_enabled()
    True
    """
    return MODE.check_nan
