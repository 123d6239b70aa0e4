"""What torch.cpu offers for code that is written for any device: there is one CPU, never behind."""

from __future__ import annotations

from typing import Any

__all__ = [
    "Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count",
    "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


class Stream:
    """A stream of the CPU: everything is done when a call returns.

    priority: accepted.

    >>> stream = torch.cpu.Stream()
    >>> event = stream.record_event()
    >>> stream.wait_event(event), stream.wait_stream(torch.cpu.current_stream())
    (None, None)
    """

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for.

        stream: a Stream; None: the current one.
        """

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for.

        event: an Event.
        """

    def record_event(self, event: Any = None) -> Any:
        """An event that has happened."""
        return Event() if event is None else event


class Event:
    """An event of the CPU: it has happened.

    >>> event = torch.cpu.Event()
    >>> event.record(), event.wait(), event.query(), event.synchronize()
    (None, None, True, None)
    """

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
    """Context manager of a stream of the CPU, which changes nothing.

    >>> with torch.cpu.StreamContext(torch.cpu.Stream()):
    ...     print("as it is")
    as it is
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


_STREAM = Stream()


def is_available() -> bool:
    """True.

    >>> torch.cpu.is_available()
    True
    """
    return True


def is_initialized() -> bool:
    """True.

    >>> torch.cpu.is_initialized()
    True
    """
    return True


def synchronize(device: Any = None) -> None:
    """Nothing to wait for.

    device: a CUDA device, its number or name; None: the current one.

    >>> torch.cpu.synchronize()
    """


def current_stream(device: Any = None) -> Stream:
    """The one stream.

    device: a CUDA device, its number or name; None: the current one.

    >>> type(torch.cpu.current_stream()).__name__
    'Stream'
    """
    return _STREAM


def stream(stream: Stream) -> StreamContext:
    """A context manager for a stream.

    >>> with torch.cpu.stream(torch.cpu.Stream()):
    ...     print("as it is")
    as it is
    """
    return StreamContext(stream)


def device_count() -> int:
    """1.

    >>> torch.cpu.device_count()
    1
    """
    return 1


def set_device(device: Any) -> None:
    """Nothing to choose.

    device: a CUDA device, its number or name; None: the current one.

    >>> torch.cpu.set_device("cpu")
    """


def current_device() -> str:
    """The name of the CPU as a device.

    >>> torch.cpu.current_device()
    'cpu'
    """
    return "cpu"
