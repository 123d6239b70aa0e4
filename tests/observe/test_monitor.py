"""Numbers put together over windows, and events (torch.monitor)."""

import time
from datetime import datetime, timedelta

import pytest

from wengert import monitor
from wengert.monitor import Aggregation, Event, Stat

HOUR = timedelta(hours=1)


@pytest.fixture
def events():
    seen = []
    handle = monitor.register_event_handler(lambda e: seen.append((e.name, dict(e.data))))
    yield seen
    monitor.unregister_event_handler(handle)


def test_a_window_that_is_full(events):
    stat = Stat("n", list(Aggregation), HOUR, max_samples=3)
    assert (stat.name, stat.count) == ("n", 0)
    counts = []
    for value in (1, 5.5, 2, 9):
        stat.add(value)
        counts.append(stat.count)
    assert counts == [1, 2, 0, 0]  # what comes after it is full is left out
    assert stat.get() == {
        Aggregation.VALUE: 2, Aggregation.MEAN: 8.5 / 3, Aggregation.COUNT: 3,
        Aggregation.SUM: 8.5, Aggregation.MAX: 5.5, Aggregation.MIN: 1,
    }  # fmt: skip
    assert events == [("torch.monitor.Stat", {
        "n.value": 2, "n.mean": 8.5 / 3, "n.count": 3, "n.sum": 8.5, "n.max": 5.5, "n.min": 1,
    })]  # fmt: skip


def test_a_window_that_ends(events):
    stat = Stat("n", (Aggregation.SUM,), timedelta(milliseconds=30))
    stat.add(2)
    assert stat.get() == {Aggregation.SUM: 0}
    time.sleep(0.05)
    assert not events
    stat.add(7)
    assert stat.get() == {Aggregation.SUM: 2} and stat.count == 1
    del stat
    assert [data for _, data in events] == [{"n.sum": 2}, {"n.sum": 7}]


def test_events(events):
    event = Event("e", datetime(2030, 1, 1), {"a": 1, "b": 2.5, "c": "text"})
    monitor.log_event(event)
    assert events == [("e", {"a": 1, "b": 2.5, "c": "text"})]
    for make in (
        lambda: Event("e", 3.0, {}), lambda: Event("e", datetime.now(), {"a": [1]}),
        lambda: Event(1, datetime.now(), {}), lambda: monitor.log_event("e"),
        lambda: monitor.register_event_handler(3), lambda: monitor.unregister_event_handler(3),
        lambda: Stat(1, [], HOUR), lambda: Stat("n", ["sum"], HOUR), lambda: Stat("n", [], 1),
        lambda: Stat("n", [], HOUR).add("x"),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            make()
    with pytest.raises(ValueError, match="window_size"):
        Stat("n", [], timedelta(0))


def test_what_a_handler_raises_is_raised():
    def handler(event):
        raise KeyError(event.name)

    handle = monitor.register_event_handler(handler)
    event = Event("e", datetime.now(), {})
    with pytest.raises(KeyError, match="e"):
        monitor.log_event(event)
    monitor.unregister_event_handler(handle)
    monitor.unregister_event_handler(handle)
    monitor.log_event(event)


def test_scalars():
    class Writer:
        def add_scalar(self, name, value, walltime):
            written.append((name, value, walltime))

    written = []
    write = monitor.TensorboardEventHandler(Writer())
    when = datetime(2030, 1, 1)
    write(Event("other", when, {"a": 1}))
    write(Event(monitor.STAT_EVENT, when, {"n.sum": 2.0}))
    assert written == [("n.sum", 2.0, when.timestamp())]
