"""What a profiler notes while it runs: operations, backward steps, optimizer steps, the user's
own ranges, memory.

Off, it costs nothing. On, implementations of ops are wrapped (see `engine/op_modes.py`), and what
the reverse pass calls is exchanged for timed forms. What is made of the notes is in `events.py`.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import ContextDecorator
from time import perf_counter_ns, time_ns
from types import FrameType
from typing import Any, NamedTuple

from ..autodiff import function, function_node
from ..base import frames
from ..engine import backward as reverse
from ..engine.op import OPS, Op
from ..engine.op_modes import Mode
from ..engine.views import CopySlices, owner
from ..optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from .naming import event_name, operations

OP, BACKWARD, RANGE = "cpu_op", "backward", "user_annotation"


class Note(NamedTuple):
    """One thing that ran: when (ns), in which thread, and what is known about it."""

    name: str
    kind: str
    start: int
    end: int
    thread: int
    shapes: list[list[int]]
    stack: list[str]
    flops: int


class Memory(NamedTuple):
    """Bytes that were allocated, or given back (negative)."""

    at: int
    thread: int
    bytes: int


class Recorder:
    """Notes what runs between start() and stop(), in all threads."""

    def __init__(
        self, shapes: bool = False, memory: bool = False, stack: bool = False, flops: bool = False
    ) -> None:
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops
        self.notes: list[Note] = []
        self.allocations: list[Memory] = []
        self.start_ns = self.epoch_ns = 0
        self._alive: dict[int, Any] = {}  # id of an array -> weak reference that notes its end
        self._undo: list[Callable[[], object]] = []
        self._steps: list[tuple[Any, int]] = []
        self.on = False

    # ---- switching

    def start(self) -> None:
        """Begin. RuntimeError if another profiler is running."""
        global RECORDER
        with _lock:
            if RECORDER is not None:
                raise RuntimeError(
                    "a profiler is already running: profilers cannot be nested; leave the other "
                    "profile() block first"
                )
            RECORDER = self
        mode = _Noting(self._watched)
        mode.__enter__()
        self._undo.append(mode.__exit__)
        for op in OPS.values():
            if op.backward is not None:
                self._time_backward(op)
        self._exchange(reverse, "accumulate_grad", "torch::autograd::AccumulateGrad")
        self._exchange(function_node.BackwardCFunction, "apply_backward", None)
        self._exchange(CopySlices, "run", "CopySlices")
        self._exchange(function, "recorded", None)
        for handle in (
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ):
            self._undo.append(handle.remove)
        self.on = True
        self.epoch_ns = time_ns()
        self.start_ns = perf_counter_ns()

    def stop(self) -> None:
        """End; doing it twice is harmless."""
        global RECORDER
        if not self.on:
            return
        self.on = False
        while self._undo:
            self._undo.pop()()
        self._alive.clear()
        with _lock:
            RECORDER = None

    def _exchange(self, home: Any, attribute: str, name: str | None) -> None:
        """Put a timed form of a function in its place until stop()."""
        f = getattr(home, attribute)

        def timed(first: Any, *args: Any, **kwargs: Any) -> Any:
            start = perf_counter_ns()
            try:
                return f(first, *args, **kwargs)
            finally:
                if name is not None:
                    self.note(name, BACKWARD, start)
                elif isinstance(first, type):  # a user-defined Function, forward
                    self.note(first.__name__, OP, start, args[0] if self.shapes else ())
                else:
                    self.note(first.name(), BACKWARD, start)

        setattr(home, attribute, timed)
        self._undo.append(lambda: setattr(home, attribute, f))

    # ---- what runs

    def note(self, name: str, kind: str, start: int, inputs: Any = (), flops: int = 0) -> None:
        """Note what has just ended."""
        if not self.on:
            return
        end = perf_counter_ns()
        self.notes.append(
            Note(
                name,
                kind,
                start,
                end,
                threading.get_ident(),
                [shape(x) for x in inputs] if self.shapes else [],
                stack_of(sys._getframe(2)) if self.stack else [],
                flops if self.flops else 0,
            )
        )

    def _watched(self, op: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """An implementation that is noted each time it runs."""
        self._time_backward(op)
        name, count = event_name(op), self.flops
        remember, note = self.memory, self.note

        def watched(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter_ns()
            result = f(*args, **kwargs)
            if remember:
                self._allocated(result, args)
            note(name, OP, start, args, operations(op.name, args, result) if count else 0)
            return result

        return watched

    def _time_backward(self, op: Op) -> None:
        """Time the backward step of an op's nodes until stop()."""
        node: Any = op.node
        if "step" not in node.__dict__ or hasattr(node.__dict__["step"], "untimed"):
            return
        for attribute in ("step", "backward"):
            self._time_step(node, attribute)

    def _time_step(self, node: Any, attribute: str) -> None:
        f, name, own = getattr(node, attribute), node.__name__, node.__dict__[attribute]
        if f is None:
            return

        def timed(*args: Any) -> Any:
            start = perf_counter_ns()
            try:
                return f(*args)
            finally:
                self.note(name, BACKWARD, start)

        changed = staticmethod(timed)
        changed.untimed = own  # type: ignore[attr-defined]
        setattr(node, attribute, changed)
        self._undo.append(lambda: setattr(node, attribute, own))

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._steps.append((optimizer, perf_counter_ns()))

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        while self._steps:
            known, start = self._steps.pop()
            if known is optimizer:
                self.note(f"Optimizer.step#{type(optimizer).__name__}.step", RANGE, start)
                return

    # ---- memory

    def _allocated(self, result: Any, args: tuple[Any, ...]) -> None:
        """Note the memory of results that is new, and have its end noted."""
        given = {id(owner(x)) for x in args if hasattr(x, "nbytes")}
        for a in result if type(result) is tuple else (result,):
            o = owner(a)
            size = getattr(o, "nbytes", 0)
            if not size or id(o) in given or id(o) in self._alive:
                continue
            try:
                ref = weakref.ref(o, self._freed_later(id(o), size))
            except TypeError:  # a number, or memory that cannot be watched
                continue
            self._alive[id(o)] = ref
            self.allocations.append(Memory(perf_counter_ns(), threading.get_ident(), size))

    def _freed_later(self, key: int, size: int) -> Callable[[Any], None]:
        def freed(_: Any) -> None:
            if self._alive.pop(key, None) is not None and self.on:
                self.allocations.append(Memory(perf_counter_ns(), threading.get_ident(), -size))

        return freed


class _Noting(Mode):
    """The mode of a running recorder."""

    every_thread = True

    def __init__(self, watched: Callable[[Op, Any], Any]) -> None:
        self.implementation = watched


RECORDER: Recorder | None = None
_lock = threading.Lock()


def shape(x: Any) -> list[int]:
    """The shape of an input; [] for what has none."""
    a = getattr(x, "_a", x)
    return [int(n) for n in getattr(a, "shape", ())]


def stack_of(frame: FrameType | None) -> list[str]:
    """The frames outside the package, innermost first: `file(line): function`."""
    found = []
    while frame is not None:
        code = frame.f_code
        if not frames.INTERNAL[code.co_filename]:
            found.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return found


class record_function(ContextDecorator):
    """A named range in the profile: context manager and decorator. Without a profiler, nothing.

    Args:
        name: what the range is called.
        args: a remark that traces show.

    >>> with torch.profiler.profile() as prof:
    ...     with torch.profiler.record_function("attention"):
    ...         y = torch.ones(2) * 3
    >>> [e.key for e in prof.key_averages()]
    ['attention', 'aten::mul']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = str(name), args
        self._open: list[tuple[Recorder | None, int]] = []

    def _recreate_cm(self) -> record_function:
        return type(self)(self.name, self.args)  # decorated functions may call themselves

    def __enter__(self) -> record_function:
        self._open.append((RECORDER, perf_counter_ns()))
        return self

    def __exit__(self, *exc: object) -> None:
        recorder, start = self._open.pop()
        if recorder is not None:
            recorder.note(self.name, RANGE, start)
