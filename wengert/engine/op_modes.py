"""Modes: what takes part in operations while it is entered (autocast, profilers, anomaly mode,
saved-tensor hooks, tracing). Each thread has a stack of them.

A `Mode` says which ops it wants, and takes part in up to four places by defining the method:

    call            a public function of several ops that is seen as one (declared `whole`), or an
                    operator of the user's, as it was called
    run             the operands as they were given, before anything is done with them
    implementation  the callable that computes the op on a library's arrays
    recorded        the node that was made, just after it was made

Without a mode nothing is tested: an op's table of implementations (`implementations.py`) is filled
and the entry calls from it. What a mode wants is not kept in those tables while the mode is
entered, in any thread, so that each call asks here for what its own thread has entered. Ops that no
mode wants stay as quick as they were.

What is not here: the switches for recording and inference (`base/modes.py`), and what replaces
public functions as a whole (`__torch_function__`): a mode sees ops, after parsing, and of public
functions those that are declared so alone.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op


# called where a function begins that may be run again elsewhere: each gives what puts in force
# there what is in force here
carried: list[Callable[[], Callable[[], AbstractContextManager[Any]]]] = []


@contextmanager
def as_then(before: list[Callable[[], AbstractContextManager[Any]]]) -> Iterator[None]:
    """Within it, what was in force where those of `carried` were called."""
    with ExitStack() as stack:
        for back in before:
            stack.enter_context(back())
        yield


# asked where a call is refused: (public function, args, kwargs) -> (result,), or None where no
# argument has a __torch_function__
strangers: list[Callable[..., Any]] = []


def ask_strangers(public: Any, args: Any, kwargs: Any) -> Any:
    """(result,) of arguments that are no tensors but stand in for functions, or None."""
    return strangers[0](public, args, kwargs) if strangers else None


class Mode:
    """Base of the modes: a context manager, usable again after it is left.

    run(op, operands, static, proceed) returns what the op's entry returns. proceed(operands,
    static) goes on with the next mode, then with the op; `self` is off until run returns, so that
    ops called within it are not given to it again. The innermost mode is asked first.

    implementation(op, f) returns what is called instead of f, on raw arrays: *arrays, then static
    arguments by position (by name for ops over any number of arrays). It is asked once for each op,
    array type and rounding after entering. The innermost mode is the outermost wrapper.

    recorded(node) is called with each new node of an op, innermost mode first.

    call(name, args, kwargs, proceed) returns what a function seen as one returns; proceed(args,
    kwargs) goes on with it while `self` is off.

    compute(op, operands, static) returns the results of an op on arrays and numbers, before dtypes
    and devices are brought together, or NotImplemented.

    watch(array) returns the array that the reverse pass begins with instead of a library's, whose
    ops it wants to see.

    every_thread: whether the mode is in force in all threads, outside of their own modes; such a
    mode has no run.
    """

    every_thread = False
    run: Callable[..., Any] | None = None
    implementation: Callable[[Op, Any], Any] | None = None
    recorded: Callable[[Any], None] | None = None
    call: Callable[..., Any] | None = None
    watch: Callable[[Any], Any] | None = None
    compute: Callable[..., Any] | None = None

    def wants(self, op: Op) -> bool:
        """Whether it takes part in an op; asked once for each op after entering."""
        return True

    def sees(self, name: Any) -> bool:
        """Whether its `call` is for a function seen as one, by name, or a user's operator."""
        return True

    def __enter__(self) -> Any:
        enter(self)
        return self

    def __exit__(self, *exc: object) -> None:
        leave(self)


class _Thread(threading.local):
    """What one thread has entered."""

    modes: tuple[Mode, ...] = ()  # the innermost last

    def __init__(self) -> None:
        self.wrapped: dict[tuple[Op, Any], Any] = {}  # implementations as the modes have them
        self.wrapped_by: Any = None  # (modes of all threads, of this thread) that those are of


HERE = _Thread()
ACTIVE: list[Mode] = []  # all that are entered, in any thread
EVERYWHERE: tuple[Mode, ...] = ()  # those of them that are in force in all threads
FILLED: list[Any] = []  # the tables of implementations that are not empty
LOCK = threading.Lock()  # held while modes change and while tables are filled


def enter(mode: Mode) -> None:
    """Put a mode in force; the ops that it wants are taken out of the tables."""
    global EVERYWHERE
    with LOCK:
        ACTIVE.append(mode)
        if mode.every_thread:
            EVERYWHERE = (*EVERYWHERE, mode)
        else:
            HERE.modes = (*HERE.modes, mode)
        kept = []
        for table in FILLED:
            if mode.wants(table.op):
                table.clear()
            else:
                kept.append(table)
        FILLED[:] = kept


def leave(mode: Mode) -> None:
    """Take a mode out of force, wherever it stands; tables are filled again at the next use."""
    global EVERYWHERE
    with LOCK:
        if mode.every_thread:
            EVERYWHERE = without(EVERYWHERE, mode)
        else:
            HERE.modes = without(HERE.modes, mode)
        ACTIVE.remove(mode)


def without(modes: tuple[Mode, ...], mode: Mode) -> tuple[Mode, ...]:
    """Modes without the innermost entry of one of them."""
    i = len(modes) - 1 - modes[::-1].index(mode)
    return modes[:i] + modes[i + 1 :]


def wanted(op: Op) -> bool:
    """Whether a mode of any thread wants an op."""
    return any([mode.wants(op) for mode in ACTIVE])


def current(op: Op) -> list[Mode]:
    """The modes of this thread that want an op, the innermost last."""
    return [mode for mode in (*EVERYWHERE, *HERE.modes) if mode.wants(op)]


def wrapped(op: Op, what: Any, f: Any) -> Any:
    """The implementation f as this thread's modes have it; what: the array type and whatever else
    tells it from the op's others.
    """
    by = HERE.wrapped_by
    if by is None or by[0] is not EVERYWHERE or by[1] is not HERE.modes:
        HERE.wrapped_by = (EVERYWHERE, HERE.modes)
        HERE.wrapped.clear()
    known = HERE.wrapped.get((op, what))
    if known is None:
        for mode in current(op):
            if mode.implementation is not None:
                f = mode.implementation(op, f)
        HERE.wrapped[op, what] = known = f
    return known


def needs_operands(op: Op) -> bool:
    """Whether a mode of this thread wants to see an op's operands or nodes, so that the op has to
    go the general way.
    """
    return any([bool(m.run or m.recorded or m.compute) for m in current(op)])


def runner(op: Op) -> Mode | None:
    """The innermost mode of this thread that runs an op."""
    for mode in reversed(HERE.modes):
        if mode.run is not None and mode.wants(op):
            return mode
    return None


def run(mode: Mode, op: Op, operands: Any, static: dict[str, Any], proceed: Any) -> Any:
    """Have a mode run an op; it is off meanwhile, so that the next one is found within."""
    before = HERE.modes
    HERE.modes = without(before, mode)
    try:
        assert mode.run is not None
        return mode.run(op, operands, static, proceed)
    finally:
        HERE.modes = before


def seen_whole(f: Any, name: Any) -> Any:
    """A function that is seen as one operation, or an operator of the user's: it asks the modes
    first. All of them take long.
    """

    @functools.wraps(f)
    def asking(*args: Any, **kwargs: Any) -> Any:
        mode = caller(name) if ACTIVE else None
        return f(*args, **kwargs) if mode is None else shown(mode, name, asking, args, kwargs)

    return asking


def shown(mode: Mode, name: Any, f: Any, args: Any, kwargs: Any) -> Any:
    """What a mode makes of a function seen as one; it is off meanwhile."""
    before = HERE.modes
    HERE.modes = without(before, mode)
    try:
        assert mode.call is not None
        return mode.call(name, args, kwargs, lambda args, kwargs: f(*args, **kwargs))
    finally:
        HERE.modes = before


def computer(op: Op) -> Any:
    """The `compute` of the innermost mode of this thread that has one and wants an op."""
    return next((m.compute for m in reversed(current(op)) if m.compute is not None), None)


def watcher() -> Any:
    """The `watch` of the innermost mode of this thread that has one."""
    return next((m.watch for m in reversed(HERE.modes) if m.watch is not None), None)


def caller(name: Any) -> Mode | None:
    """The innermost mode of this thread that sees a function as a whole."""
    for mode in reversed(HERE.modes):
        if mode.call is not None and mode.sees(name):
            return mode
    return None


def recorded(op: Op, node: Any) -> None:
    """Show a new node to the modes of this thread."""
    for mode in reversed(current(op)):
        if mode.recorded is not None:
            mode.recorded(node)
