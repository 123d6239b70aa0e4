"""The contexts of distributed autograd: what each process notes while messages come and go.

The backward pass through them is in `../autograd.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...engine.tensor import Tensor

__all__ = ["Context", "context_of", "current", "enter", "entered", "noted", "received"]


class Context:
    """What the backward pass of one context needs in this process."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.sent: dict[int, list[Tensor]] = {}  # by the number of their message
        self.received: dict[int, tuple[int, list[Tensor]]] = {}  # from which process
        self.peers: set[int] = set()
        self.gradients: dict[Tensor, Tensor] = {}
        self.lock = threading.Lock()


class _Now(threading.local):
    context: Context | None = None


_now = _Now()
_contexts: dict[int, Context] = {}
_lock = threading.Lock()


def enter(c: Context | None) -> None:
    """Have this thread's calls belong to a context."""
    _now.context = c


def current() -> Context | None:
    """The context that this thread is in."""
    return _now.context


def context_of(number: int) -> Context:
    """A context by its number, made here when a first message of it comes."""
    with _lock:
        return _contexts.setdefault(number, Context(number))


@contextmanager
def entered(c: Context | None) -> Iterator[None]:
    """A block whose calls belong to a context."""
    before, _now.context = _now.context, c
    try:
        yield
    finally:
        _now.context = before


def noted(c: Context | None, number: int, packed: Any, to: int) -> None:
    """A message is sent: keep its tensors."""
    if c is not None:
        with c.lock:
            c.peers.add(to)
            if packed.tensors:
                c.sent[number] = packed.tensors


def received(c: Context | None, number: int, leaves: list[Tensor], sender: int) -> None:
    """A message has arrived: keep its leaves."""
    if c is not None and leaves:
        with c.lock:
            c.received[number] = (sender, leaves)


def forget(number: int) -> Context | None:
    """Take a context away; None if it is not there."""
    with _lock:
        return _contexts.pop(number, None)


def known(number: int) -> Context:
    """A context that is there."""
    with _lock:
        if number not in _contexts:
            raise RuntimeError(f"Could not find autograd context with id: {number}")
        return _contexts[number]
