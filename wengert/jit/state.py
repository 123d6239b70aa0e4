"""Whether a function is being traced by torch.jit.trace in this thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Here(threading.local):
    tracing = False


HERE = _Here()


def is_tracing() -> bool:
    """Whether torch.jit.trace is running the code.

    >>> torch.jit.is_tracing()
    False
    """
    return HERE.tracing


@contextmanager
def tracing() -> Iterator[None]:
    """A block that torch.jit.trace runs."""
    before, HERE.tracing = HERE.tracing, True
    try:
        yield
    finally:
        HERE.tracing = before
