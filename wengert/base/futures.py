"""Futures: values that are there later, set by whoever computes them (torch.futures)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Future(Generic[T]):
    """A value that is there later.

    devices: accepted.

    then() and add_done_callback() raise TypeError where callback cannot be called.

    >>> f = Future()
    >>> g = f.then(lambda done: done.value() + 1)
    >>> f.set_result(2)
    >>> g.wait()
    3
    >>> future = torch.futures.Future()
    >>> future.add_done_callback(lambda f: print(f.value()))
    >>> future.set_result(3)
    3
    >>> future.done(), future.wait()
    (True, 3)
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def done(self) -> bool:
        """Whether the value, or an error, is there."""
        return self._ready.is_set()

    def wait(self) -> Any:
        """Wait for the value and return it; raises the error if there is one instead."""
        self._ready.wait()
        return self.value()

    def value(self) -> Any:
        """The value; raises the error if there is one. RuntimeError before either is there."""
        if not self._ready.is_set():
            raise RuntimeError("Future.value(): the future is not completed yet: call wait()")
        if self._error is not None:
            raise self._error
        return self._value

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of callback(this future), called when this one is done."""
        after: Future[Any] = Future()

        def run(done: Future) -> None:
            try:
                after.set_result(callback(done))
            except BaseException as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call callback(this future) when it is done; at once if it is already."""
        with self._lock:
            if not self._ready.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def set_result(self, result: Any) -> None:
        """Set the value. RuntimeError if it was set before.

        result: the value, or the exception.
        """
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Set an error in place of a value.

        result: the exception; AssertionError where it is of the wrong type.

        >>> future = torch.futures.Future()
        >>> future.set_exception(ValueError("no"))
        >>> future.wait()
        Traceback (most recent call last):
            ...
        ValueError: no
        """
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._lock:
            if self._ready.is_set():
                raise RuntimeError(
                    "Future can only be marked completed once: it has a value or an error already"
                )
            self._value, self._error = value, error
            self._ready.set()
        for callback in self._callbacks:
            callback(self)


def collect_all(futures: list[Future]) -> Future:
    """A future of the list itself, done when all of them are.

    futures: several.

    Raises TypeError where futures is of the wrong type.

    >>> future = torch.futures.Future()
    >>> future.set_result(3)
    >>> [f.value() for f in torch.futures.collect_all([future]).wait()]
    [3]
    """
    every: Future[Any] = Future()
    left = len(futures)
    lock = threading.Lock()

    def one_more(_: Future) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            every.set_result(list(futures))

    if not futures:
        every.set_result([])
    for f in futures:
        f.add_done_callback(one_more)
    return every


def wait_all(futures: list[Future]) -> list[Any]:
    """Wait for all and return their values; raises the first error.

    futures: several.

    Raises TypeError where futures is of the wrong type.

    >>> future = torch.futures.Future()
    >>> future.set_result(3)
    >>> torch.futures.wait_all([future])
    [3]
    """
    return [f.value() for f in collect_all(futures).wait()]
