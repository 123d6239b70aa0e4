"""Streams and events: queues of work on a device, and marks in them.

Work on the CPU is done when its call returns, so there its streams have nothing to wait for and
its events are points in time. On CUDA devices both are CuPy's.
"""

from __future__ import annotations

import time
from typing import Any

from ..arrays import cuda as _cuda
from ..base.devices import device as _device
from ..engine.error_context import clear_errors

__all__ = ["Event", "Stream", "StreamContext", "current_stream", "default_stream", "set_stream"]


def _target(d: Any) -> _device:
    if d is None:
        d = "cuda" if _cuda.device_count() else "cpu"
    found = _device(d)
    if found.type == "cuda" and found.index is None:
        return _device("cuda", int(_cuda.library().cuda.runtime.getDevice()))
    return found


class Stream:
    """A queue of work on a device; a context manager that makes it the current one.

    device: where (default: CUDA if there is a device, else the CPU); priority: lower goes first.

    Raises RuntimeError where device is unknown or device is of the wrong type; TypeError where
    device is of the wrong type.

    >>> with torch.Stream("cpu") as s:
    ...     x = torch.ones(2) * 2
    >>> s.query()
    True
    """

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        self.device, self.priority = _target(device), priority
        self.native = None
        if self.device.type == "cuda":
            with _cuda.library().cuda.Device(self.device.index or 0):
                self.native = _cuda.library().cuda.Stream(non_blocking=True, priority=priority)

    @property
    def device_index(self) -> int:
        """The number of the device; -1 for the CPU."""
        return -1 if self.native is None else self.device.index or 0

    @property
    def cuda_stream(self) -> int:
        """CUDA's handle of it; 0 on the CPU."""
        return 0 if self.native is None else int(self.native.ptr)

    stream_id = native_handle = cuda_stream

    def synchronize(self) -> None:
        """Wait until all its work is done."""
        if self.native is not None:
            self.native.synchronize()

    def query(self) -> bool:
        """Whether all its work is done."""
        return self.native is None or bool(self.native.done)

    def record_event(self, event: Any = None) -> Any:
        """Put an event (default: a new one) behind the work so far; returns it."""
        event = Event(self.device) if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Any) -> None:
        """Let later work wait for an event."""
        if self.native is not None and event.native is not None:
            self.native.wait_event(event.native)

    def wait_stream(self, stream: Any) -> None:
        """Let later work wait for all that is in another stream now."""
        self.wait_event(stream.record_event())

    def __enter__(self) -> Stream:
        if self.native is not None:
            self.native.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self.native is not None:
            self.native.__exit__(*exc)

    def __eq__(self, other: object) -> bool:
        mine = (self.device, self.cuda_stream)
        return isinstance(other, Stream) and mine == (other.device, other.cuda_stream)

    def __hash__(self) -> int:
        return hash((self.device, self.cuda_stream))

    def __repr__(self) -> str:
        return (
            f"torch.Stream device_type={self.device.type}, device_index={self.device_index}, "
            f"stream_id={self.cuda_stream}"
        )


class Event:
    """A mark in a stream: for waiting, and with enable_timing for measuring.

    device: 'cpu' or 'cuda'. blocking: accepted. interprocess: accepted.

    Raises RuntimeError where device is unknown or device is of the wrong type; TypeError where
    device is of the wrong type.

    >>> start, end = torch.Event("cpu", enable_timing=True), torch.Event("cpu", enable_timing=True)
    >>> start.record(), end.record()
    (None, None)
    >>> start.elapsed_time(end) >= 0
    True
    """

    def __init__(
        self, device: Any = None, *, enable_timing: bool = False, blocking: bool = False,
        interprocess: bool = False,
    ) -> None:  # fmt: skip
        self.device, self.enable_timing = _target(device), enable_timing
        self.native: Any = None
        self.at: int | None = None  # when it was recorded, in ns
        if self.device.type == "cuda":
            self.native = _cuda.library().cuda.Event(
                block=blocking, disable_timing=not enable_timing, interprocess=interprocess
            )

    def record(self, stream: Any = None) -> None:
        """Put the mark behind the work so far (of the current stream)."""
        if self.native is not None:
            self.native.record(None if stream is None else stream.native)
        self.at = time.perf_counter_ns()

    def synchronize(self) -> None:
        """Wait until the work before the mark is done."""
        if self.native is not None:
            self.native.synchronize()

    def query(self) -> bool:
        """Whether the work before the mark is done."""
        return self.native is None or bool(self.native.done)

    def wait(self, stream: Any = None) -> None:
        """Let later work of a stream wait for the mark."""
        (current_stream(self.device) if stream is None else stream).wait_event(self)

    @clear_errors
    def elapsed_time(self, end_event: Any) -> float:
        """Milliseconds from this mark to another. RuntimeError if either was not recorded.

        end_event: a later Event.

        Raises TypeError where end_event is of the wrong type.
        """
        if self.at is None or end_event.at is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self.native is None:
            return float(end_event.at - self.at) / 1e6
        return float(_cuda.library().cuda.get_elapsed_time(self.native, end_event.native))

    def __repr__(self) -> str:
        index = -1 if self.device.index is None else self.device.index
        return f"torch.Event device_type={self.device.type}, device_index={index}, event_flag=0"


def _around(native: Any, device: _device) -> Stream:
    s = object.__new__(Stream)
    s.device, s.priority, s.native = device, 0, native
    return s


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to now."""
    d = _target(device)
    native = _cuda.library().cuda.get_current_stream() if d.type == "cuda" else None
    return _around(native, d)


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to unless another is chosen."""
    d = _target(device)
    return _around(_cuda.library().cuda.Stream.null if d.type == "cuda" else None, d)


def set_stream(stream: Stream) -> None:
    """Make a stream the current one."""
    if stream is not None and stream.native is not None:
        stream.native.use()


class StreamContext:
    """Context manager: a stream is the current one inside; None changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(self, *exc: Any) -> None:
        if self.stream is not None:
            self.stream.__exit__(*exc)
