"""What torch.cpu offers for code that is written for any device: there is one CPU, never behind."""

from __future__ import annotations

from typing import Any

__all__ = [
    "Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count",
    "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


class Stream:
    """A stream of the CPU: everything is done when a call returns."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for.

        stream: a Stream; None: the current one.
        """

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for."""

    def record_event(self, event: Any = None) -> Any:
        """An event that has happened."""
        return Event() if event is None else event


class Event:
    """An event of the CPU: it has happened."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing to note.

        stream: a Stream; None: the current one.
        """

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def wait(self, stream: Any = None) -> None:
        """Nothing to wait for.

        stream: a Stream; None: the current one.
        """


class StreamContext:
    """Context manager of a stream of the CPU, which changes nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


_STREAM = Stream()


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def synchronize(device: Any = None) -> None:
    """Nothing to wait for.

    device: a CUDA device, its number or name; None: the current one.
    """


def current_stream(device: Any = None) -> Stream:
    """The one stream.

    device: a CUDA device, its number or name; None: the current one.
    """
    return _STREAM


def stream(stream: Stream) -> StreamContext:
    """A context manager for a stream."""
    return StreamContext(stream)


def device_count() -> int:
    """1."""
    return 1


def set_device(device: Any) -> None:
    """Nothing to choose.

    device: a CUDA device, its number or name; None: the current one.
    """


def current_device() -> str:
    """The name of the CPU as a device.

    >>> torch.cpu.current_device()
    'cpu'
    """
    return "cpu"
