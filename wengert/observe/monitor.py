"""torch.monitor: numbers that a program counts, put together over windows of time, and events that
are given to whoever asked for them.
"""

from __future__ import annotations

import contextlib
import enum
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from ..engine.error_context import clear_errors

__all__ = [
    "STAT_EVENT", "Aggregation", "Event", "EventHandlerHandle", "Stat", "TensorboardEventHandler",
    "data_value_t", "log_event", "register_event_handler", "unregister_event_handler",
]  # fmt: skip

STAT_EVENT = "torch.monitor.Stat"
data_value_t = str | int | float | bool
FOREVER = 2**63 - 1


class Aggregation(enum.Enum):
    """How the numbers of a window become one.

    >>> torch.monitor.Aggregation.MEAN.name
    'MEAN'
    """

    VALUE = 0  # the last
    MEAN = 2
    COUNT = 3
    SUM = 4
    MAX = 5
    MIN = 6


class Event:
    """Something that happened.

    name: of its kind. timestamp: a datetime, when. data: text and numbers by name.

    Raises TypeError where name, timestamp or data is of the wrong type.

    >>> from datetime import datetime
    >>> torch.monitor.Event("epoch", datetime(2030, 1, 1), {"loss": 0.5}).data["loss"]
    0.5
    """

    def __init__(self, name: str, timestamp: datetime, data: dict[str, data_value_t]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"Event(): name must be a str, not {type(name).__name__}")
        if not isinstance(timestamp, datetime):
            raise TypeError(
                f"Event(): timestamp must be a datetime, not {type(timestamp).__name__}"
            )
        if not isinstance(data, dict) or not all(
            isinstance(k, str) and isinstance(v, (str, int, float)) for k, v in data.items()
        ):
            raise TypeError(f"Event(): data must be text and numbers by name, not {data!r}")
        self.name, self.timestamp, self.data = name, timestamp, dict(data)


class EventHandlerHandle:
    """What `register_event_handler` gives, for `unregister_event_handler`."""

    def __init__(self, callback: Callable[[Event], Any]) -> None:
        self.callback = callback


_handlers: list[EventHandlerHandle] = []
_lock = threading.RLock()


def register_event_handler(callback: Callable[[Event], Any]) -> EventHandlerHandle:
    """Have a function called with every event; the handle is for unregister_event_handler.

    Raises TypeError where callback cannot be called.

    >>> handle = torch.monitor.register_event_handler(print)
    >>> torch.monitor.unregister_event_handler(handle)
    """
    if not callable(callback):
        raise TypeError(f"register_event_handler(): callback cannot be called: {callback!r}")
    handle = EventHandlerHandle(callback)
    with _lock:
        _handlers.append(handle)
    return handle


def unregister_event_handler(handler: EventHandlerHandle) -> None:
    """Have a function called no longer.

    handler: what register_event_handler gave.

    Raises TypeError where handler is none; what is not registered is left as it is.

    >>> handle = torch.monitor.register_event_handler(print)
    >>> torch.monitor.unregister_event_handler(handle)
    """
    if not isinstance(handler, EventHandlerHandle):
        raise TypeError(f"unregister_event_handler(): not a handle: {handler!r}")
    with _lock:
        if handler in _handlers:
            _handlers.remove(handler)


def log_event(event: Event) -> None:
    """Give an event to all functions that are registered, in order; what they raise is raised.

    Raises TypeError where event is none.

    >>> from datetime import datetime
    >>> handle = torch.monitor.register_event_handler(lambda event: print(event.name))
    >>> torch.monitor.log_event(torch.monitor.Event("start", datetime.now(), {}))
    start
    >>> torch.monitor.unregister_event_handler(handle)
    """
    if not isinstance(event, Event):
        raise TypeError(f"log_event(): not an Event: {event!r}")
    with _lock:
        handlers = list(_handlers)
    for handler in handlers:
        handler.callback(event)


class Stat:
    """Numbers under a name, put together in windows of time. A window that ends is logged as an
    event named STAT_EVENT, when the next number comes, or when the Stat is let go.

    name: of the numbers. aggregations: how they become one, an Aggregation each. window_size: a
    timedelta. max_samples: a window ends with so many numbers; those after them are left out.

    Raises TypeError where name, aggregations or window_size is of the wrong type; ValueError where
    window_size is not positive.

    >>> from datetime import timedelta
    >>> total = torch.monitor.Aggregation.SUM
    >>> stat = torch.monitor.Stat("loss", [total], timedelta(hours=1), max_samples=2)
    >>> stat.add(1.0)
    >>> stat.add(2.5)
    >>> stat.get() == {total: 3.5}
    True
    """

    @clear_errors
    def __init__(
        self,
        name: str,
        aggregations: Iterable[Aggregation],
        window_size: timedelta,
        max_samples: int = FOREVER,
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"Stat(): name must be a str, not {type(name).__name__}")
        kinds = list(aggregations)
        if not all(isinstance(kind, Aggregation) for kind in kinds):
            raise TypeError(f"Stat(): aggregations must be Aggregations, not {kinds!r}")
        if not isinstance(window_size, timedelta):
            raise TypeError(
                f"Stat(): window_size must be a timedelta, not {type(window_size).__name__}"
            )
        if window_size <= timedelta(0):
            raise ValueError(f"Stat(): window_size must be positive, not {window_size}")
        self.name = name
        self._kinds, self._max = kinds, max_samples
        self._seconds = window_size.total_seconds()
        self._values: list[float] = []
        self._last = dict.fromkeys(kinds, 0.0)
        self._window, self._ended = self._now(), False
        self._lock = threading.Lock()

    def _now(self) -> int:
        """The number of the window that the clock is in."""
        return int(time.monotonic() // self._seconds)

    @property
    def count(self) -> int:
        """How many numbers this window has so far."""
        return len(self._values)

    def add(self, v: float) -> None:
        """Add a number v to this window. Raises TypeError where it is none."""
        value = float(v) if isinstance(v, (int, float)) or hasattr(v, "__float__") else None
        if value is None:
            raise TypeError(f"Stat.add(): v must be a number, not {type(v).__name__}")
        event = None
        with self._lock:
            window = self._now()
            if window != self._window:
                event = self._end()
                self._window, self._ended = window, False
            if not self._ended:
                self._values.append(value)
        self._log(event)
        if len(self._values) >= self._max:
            with self._lock:
                event, self._ended = self._end(), True
            self._log(event)

    def get(self) -> dict[Aggregation, float]:
        """What the last window that ended came to: 0 before one has."""
        return dict(self._last)

    def _end(self) -> Event | None:
        """End the window; the event to log, if it had numbers."""
        values, self._values = self._values, []
        if not values:
            return None
        self._last = {kind: put_together(kind, values) for kind in self._kinds}
        data = {f"{self.name}.{kind.name.lower()}": x for kind, x in self._last.items()}
        return Event(STAT_EVENT, datetime.now(), data)  # type: ignore[arg-type]

    def _log(self, event: Event | None) -> None:
        if event is not None:
            log_event(event)

    def __del__(self) -> None:
        if getattr(self, "_values", None):
            self._log(self._end())


def put_together(kind: Aggregation, values: list[float]) -> float:
    """One number of a window's."""
    if kind is Aggregation.VALUE:
        return values[-1]
    if kind is Aggregation.MEAN:
        return sum(values) / len(values)
    if kind is Aggregation.COUNT:
        return float(len(values))
    if kind is Aggregation.SUM:
        return float(sum(values))
    return max(values) if kind is Aggregation.MAX else min(values)


class TensorboardEventHandler:
    """Writes what windows of Stats came to as scalars: a function for register_event_handler.

    writer: a SummaryWriter.

    >>> handler = torch.monitor.TensorboardEventHandler(writer=None)
    >>> handle = torch.monitor.register_event_handler(handler)
    >>> torch.monitor.unregister_event_handler(handle)
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def __call__(self, event: Event) -> None:
        """Write an event, if it is one of a Stat."""
        if event.name == STAT_EVENT:
            for key, value in event.data.items():
                self._writer.add_scalar(key, value, walltime=event.timestamp.timestamp())


class _WaitCounter:
    """A name for time that is waited for; nothing reads it here."""

    def __init__(self, key: str) -> None:
        self.key = key

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Inside, the time counts."""
        yield
