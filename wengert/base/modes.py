"""Thread-local switches: is the graph recorded (no_grad, enable_grad), inference mode, the default
device; with their context managers.
"""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, overload

from . import warmup
from .advice import advise

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _State(threading.local):
    """One per thread; read on the eager path, so plain attributes."""

    grad = True  # record a graph for tensors that require grad
    inference = False
    default_device: Any = None  # None: the CPU
    levels = 0  # nesting depth of function transforms
    level = 0  # the number of the last transform entered; later ones are inner ones
    open: tuple[int, ...] = ()  # the levels that have not been left yet
    running: tuple[Any, ...] = ()  # functions that are differentiated (transforms/captured.py)
    backward: Any = None  # the backward pass that runs in this thread
    top = 0  # the innermost level that has arrays of its own
    vmap: Any = ()  # (level, size, randomness) of the vmaps that are active
    capture: Any = None  # the capture that writes down what this thread does (see compiler/)
    special = False  # whether one of those that `place` sets is set

    def __init__(self) -> None:
        thread = threading.current_thread()
        if thread.name.startswith("wengert"):  # it computes for another one
            return
        _threads.add(thread)
        if len(_threads) > 1:  # what `mark` says holds for one thread
            everyone.mark = None


class _Everyone:
    """How many threads have recording switched off, which functions are being differentiated, and
    in how many threads new tensors are anything but plain ones of the CPU: while none is, the eager
    path need not ask for its own thread's state, which takes as long as a quarter of NumPy's
    smallest operation.
    """

    __slots__ = ("inference", "mark", "off", "running", "special")

    def __init__(self) -> None:
        self.off = self.special = 0
        self.running: set[Any] = set()
        # the extras that each new tensor gets: those of inference tensors while the only thread
        # that computes is in inference mode; with several, results are ordinary tensors
        self.mark: Any = None
        self.inference: Any = None  # those extras; set by engine/tensor.py


_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
everyone = _Everyone()
state = _State()
_counting = threading.Lock()


def record(on: bool) -> None:
    """Switch recording in this thread. Both state.grad and the count change, or none does, whatever
    a signal's handler raises: handlers and other threads have their turn at calls, and between the
    two there is none.
    """
    on = bool(on)
    if on is not state.grad:
        everyone.off += -1 if on else 1
        state.grad = on


def place(name: str, value: Any) -> None:
    """Say where and how this thread makes new tensors; the only place that sets
    state.default_device, inference, vmap and capture.
    """
    with _counting:
        before = state.special
        setattr(state, name, value)
        now = bool(value or state.default_device or state.inference or state.vmap or state.capture)
        everyone.special += now - before
        state.special = now
        if name == "inference":
            alone = value and sum([t.is_alive() for t in _threads]) == 1
            everyone.mark = everyone.inference if alone else None


def switch(on: bool, before: bool) -> None:
    """record(on), or as before if a signal's handler raises meanwhile: then without a call, lest
    another signal come in between.
    """
    try:
        record(on)
    except BaseException:
        if state.grad is not before:
            everyone.off += -1 if before else 1
            state.grad = before
        raise


class Level:
    """Context manager around a function transform: gives it its number.

    arrays: whether the transform wraps tensors in arrays of its level. running: what is known of
    the function that it differentiates.
    """

    def __init__(self, arrays: bool = True, running: Any = None) -> None:
        self.arrays, self.running = arrays, running

    def __enter__(self) -> int:
        self.before = before = state.top, state.open, state.running
        state.levels += 1
        state.level = level = state.level + 1
        state.open = (*before[1], level)
        running = self.running
        if running is not None:
            running.level = level
            state.running = (*before[2], running)
            everyone.running.add(self)
        if self.arrays:
            state.top = level
        return level

    def __exit__(self, *exc: object) -> None:
        state.levels -= 1
        state.top, state.open, state.running = self.before
        if self.running is not None:
            everyone.running.discard(self)


def in_transform() -> bool:
    """Whether a function transform is under way. Captures have levels too, over arrays that nothing
    records.
    """
    captures, c = 0, state.capture
    while c is not None:
        captures, c = captures + 1, c.around
    return state.levels > captures


class _Switch:
    """Base of the context managers: usable as decorators too, on functions and generators."""

    def __enter__(self) -> Any:
        raise TypeError("abstract")

    def __exit__(self, *exc: object) -> None: ...

    def clone(self) -> _Switch:
        """The same switch once more."""
        return type(self)()

    def __call__(self, f: Decorated) -> Decorated:
        if inspect.isclass(f):
            advise(
                "Decorating classes is deprecated and will be disabled in future versions. You"
                f" should only decorate functions or methods: decorate the methods of {f.__name__}."
                " Now it holds while an object is made.",
                FutureWarning,
            )
        if inspect.isgeneratorfunction(f):

            @functools.wraps(f)
            def generator(*args: Any, **kwargs: Any) -> Any:
                with self.clone():  # the switch is on only while the generator itself runs
                    it = f(*args, **kwargs)
                    try:
                        item = next(it)
                    except StopIteration as end:
                        return end.value
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        with self.clone():
                            it.close()
                        raise
                    except BaseException as e:
                        with self.clone():
                            try:
                                item = it.throw(e)
                            except StopIteration as end:
                                return end.value
                    else:
                        with self.clone():
                            try:
                                item = it.send(sent)
                            except StopIteration as end:
                                return end.value

            return generator  # type: ignore[return-value]

        @functools.wraps(f)
        def inner(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return f(*args, **kwargs)

        return inner  # type: ignore[return-value]


class no_grad(_Switch):
    """Record nothing inside: results do not require grad. Context manager and decorator.

    orig_func: a function, for use as a decorator.

    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.no_grad():
    ...     print((2 * x).requires_grad)
    False
    """

    def __init__(self, orig_func: Callable[..., Any] | None = None) -> None:
        self.orig_func = orig_func

    @overload
    def __new__(cls, orig_func: None = None) -> no_grad: ...
    @overload
    def __new__(cls, orig_func: Decorated) -> Decorated: ...  # type: ignore[misc]
    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        if orig_func is None:
            return object.__new__(cls)
        return object.__new__(cls)(orig_func)  # @no_grad without parentheses

    def __enter__(self) -> None:
        if warmup.begin:
            warmup.used()
        self.prev = state.grad
        switch(False, self.prev)

    def __exit__(self, *exc: object) -> None:
        prev = self.prev
        if prev is not state.grad:  # record(), without calls, at which handlers have their turn
            everyone.off += -1 if prev else 1
            state.grad = prev


class enable_grad(no_grad):
    """Record inside, even within no_grad. Context manager and decorator.

    orig_func: a function, for use as a decorator.

    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.no_grad(), torch.enable_grad():
    ...     print((2 * x).requires_grad)
    True
    """

    def __enter__(self) -> None:
        self.prev = state.grad
        switch(not state.inference, self.prev)  # in inference mode nothing is recorded


class Recording:
    """Context manager in which functions are differentiated: records, also in inference mode, whose
    tensors are plain ones meanwhile.
    """

    def __enter__(self) -> None:
        self.grad, self.inference = state.grad, state.inference
        if self.inference:
            place("inference", False)
        if not self.grad:
            switch(True, False)

    def __exit__(self, *exc: object) -> None:
        record(self.grad)
        if state.inference is not self.inference:
            place("inference", self.inference)


class set_grad_enabled(_Switch):
    """Turn recording on or off: as a plain call at once, as a context manager for a block.

    mode: whether to record. Raises TypeError where mode is of the wrong type.

    >>> with torch.set_grad_enabled(False):
    ...     print(torch.is_grad_enabled())
    False
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_grad_enabled(): argument 'enabled' must be bool, not {type(mode).__name__}"
            )
        self.prev = state.grad
        self.mode = mode
        record(self.mode)

    def __call__(self, f: Decorated) -> Decorated:
        record(self.prev)
        return super().__call__(f)

    def __enter__(self) -> None:
        record(self.mode)

    def __exit__(self, *exc: object) -> None:
        record(self.prev)

    def clone(self) -> set_grad_enabled:
        """The same setting once more.

        >>> torch.set_grad_enabled(True).clone().mode
        True
        """
        return set_grad_enabled(self.mode)


class inference_mode(_Switch):
    """Like no_grad; tensors made inside are marked so that they cannot be recorded later.

    mode: bool.

    >>> with torch.inference_mode():
    ...     print(torch.ones(1).is_inference())
    True
    """

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        if isinstance(mode, bool):
            return object.__new__(cls)
        return cls()(mode)

    def __enter__(self) -> None:
        self.prev = (state.grad, state.inference)
        record(not self.mode)
        place("inference", self.mode)

    def __exit__(self, *exc: object) -> None:
        record(self.prev[0])
        place("inference", self.prev[1])

    def clone(self) -> inference_mode:
        """The same setting once more.

        >>> torch.inference_mode(False).clone().mode
        False
        """
        return inference_mode(self.mode)


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded now.

    >>> torch.is_grad_enabled()
    True
    """
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on.

    >>> torch.is_inference_mode_enabled()
    False
    """
    return state.inference
