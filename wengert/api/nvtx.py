"""Marks for NVIDIA's profiler, through CuPy where there is a device; elsewhere they do nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..arrays import cuda as _cuda


def range_push(msg: str) -> int:
    """Begin a range.

    msg: a text.
    """
    if _cuda.device_count():
        _cuda.library().cuda.nvtx.RangePush(msg)
    return 0


def range_pop() -> int:
    """End the innermost range."""
    if _cuda.device_count():
        _cuda.library().cuda.nvtx.RangePop()
    return 0


def range_start(msg: str) -> int:
    """Begin a range that may end in another thread; its number.

    msg: a text.
    """
    if _cuda.device_count():
        return int(_cuda.library().cuda.nvtx.RangeStart(msg))
    return 0


def range_end(range_id: int) -> None:
    """End a range.

    range_id: its number, from range_start().
    """
    if _cuda.device_count():
        _cuda.library().cuda.nvtx.RangeEnd(range_id)


def mark(msg: str) -> None:
    """Mark a point in time.

    msg: a text.
    """
    if _cuda.device_count():
        _cuda.library().cuda.nvtx.Mark(msg)


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A block, or a function, as a range.

    msg: a text.
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
