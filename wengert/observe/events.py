"""What a profile says: events in order, their averages by name, totals, and files of them.

How they look as a table is in `table.py`; how they are noted in `recorder.py`.
"""

from __future__ import annotations

import enum
import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..engine.error_context import clear_errors
from .recorder import BACKWARD, OP, RANGE, Memory, Note, Recorder
from .table import microseconds, table

MEMORY = "[memory]"


class DeviceType(enum.IntEnum):
    """Where an event ran."""

    CPU = 0
    CUDA = 1


class Interval:
    """When an event ran, in microseconds since the profiler started.

    start: in microseconds. end: in microseconds.

    Raises TypeError where start or end is of the wrong type.

    >>> torch.autograd.profiler_util.Interval(2.0, 5.0).elapsed_us()
    3.0
    """

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        """How long it took."""
        return self.end - self.start


class _Times:
    """What single events and averages have in common."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    cpu_memory_usage: int
    self_cpu_memory_usage: int
    device_type = DeviceType.CPU
    # work on accelerators is not timed apart: an event's time ends when its call returns
    device_time_total = self_device_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0
    cuda_time_total = self_cuda_time_total = 0.0
    is_async = is_remote = is_legacy = False
    node_id = -1
    overload_name = ""
    use_device = None

    @property
    def cpu_time(self) -> float:
        """Microseconds of one call, with what it called."""
        return self.cpu_time_total / self.count if self.count else 0.0

    device_time = cuda_time = 0.0

    @property
    def cpu_time_str(self) -> str:
        """cpu_time with its unit."""
        return microseconds(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """cpu_time_total with its unit."""
        return microseconds(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """self_cpu_time_total with its unit."""
        return microseconds(self.self_cpu_time_total)


class FunctionEvent(_Times):
    """One thing that ran: name, time_range, thread, cpu_parent, cpu_children, input_shapes, stack.

    cpu_time_total is in microseconds and includes cpu_children; self_cpu_time_total does not.

    number: of the event. note: what was noted. origin: when the profiler began.

    >>> with torch.autograd.profiler.profile() as p:
    ...     y = torch.ones(2) + 1
    >>> [e.name for e in p.function_events if "add" in e.name]
    ['aten::add']
    """

    count = 1

    def __init__(self, number: int, note: Note, origin: int) -> None:
        self.id, self.name, self.kind = number, note.name, note.kind
        self.thread, self.input_shapes = note.thread, note.shapes
        self.stack, self.flops = note.stack, note.flops
        self.time_range = Interval((note.start - origin) / 1000, (note.end - origin) / 1000)
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.self_cpu_memory_usage = 0
        self.is_user_annotation = note.kind == RANGE
        self.scope = {OP: 0, BACKWARD: 1, RANGE: 7}[note.kind]

    @property
    def key(self) -> str:
        """The name under which it is counted: all steps of a profiler under one."""
        return "ProfilerStep*" if self.name.startswith("ProfilerStep#") else self.name

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds from its start to its end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds outside of what it called."""
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    @property
    def cpu_memory_usage(self) -> int:  # type: ignore[override]
        """Bytes allocated less bytes given back, with what it called."""
        return self.self_cpu_memory_usage + sum(c.cpu_memory_usage for c in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[c.id for c in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class FunctionEventAvg(_Times):
    """The events of one key together: count, totals, and averages.

    >>> with torch.autograd.profiler.profile() as p:
    ...     y = torch.ones(2) + 1
    >>> total = torch.autograd.profiler_util.FunctionEventAvg()
    >>> total.add(p.function_events[0]).count
    1
    """

    def __init__(self) -> None:
        self.key: str | None = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.input_shapes: Any = ""
        self.stack: list[str] = []
        self.flops = 0
        self.scope = 0
        self.is_user_annotation = False
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []

    @clear_errors
    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Count another event, or another average, in; returns self.

        other: another one.

        Raises TypeError where other is of the wrong type.
        """
        if self.key is None:
            self.key, self.scope, self.stack = other.key, other.scope, other.stack
            self.input_shapes = other.input_shapes
            self.is_user_annotation = other.is_user_annotation
            self.cpu_parent, self.cpu_children = other.cpu_parent, other.cpu_children
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} count={self.count} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list):
    """A list of events or averages, with ways to sum them up and to write them down.

    profile_memory: with memory. with_flops: with operations. epoch_ns: when it began.

    >>> with torch.autograd.profiler.profile() as prof:
    ...     y = torch.ones(2).exp()
    >>> events = prof.function_events
    >>> len(events.key_averages()) > 0, events.total_average().count > 0
    (True, True)
    >>> "exp" in events.key_averages().table(sort_by="self_cpu_time_total")
    True
    >>> events.export_chrome_trace("trace.json")
    """

    def __init__(
        self, events: Iterable[Any] = (), *, profile_memory: bool = False, with_flops: bool = False,
        epoch_ns: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(events)
        self.profile_memory, self.with_flops, self.epoch_ns = profile_memory, with_flops, epoch_ns
        self.memory: list[tuple[float, int, int]] = []  # (microsecond, thread, bytes)

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each counted once."""
        return float(sum(e.self_cpu_time_total for e in self))

    def _like(self, events: Iterable[Any]) -> EventList:
        return EventList(
            events,
            profile_memory=self.profile_memory,
            with_flops=self.with_flops,
            epoch_ns=self.epoch_ns,
        )

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Events of the same name together.

        Args:
            group_by_input_shapes: keep events with different input shapes apart (they are there
                with record_shapes=True).
            group_by_stack_n: and those with different n innermost lines (with with_stack=True).
            group_by_overload_name: accepted; operators have one overload each.
        """
        groups: dict[Any, FunctionEventAvg] = defaultdict(FunctionEventAvg)
        for e in self:
            shapes = str(e.input_shapes) if group_by_input_shapes else ""
            stack = tuple(e.stack[:group_by_stack_n])
            groups[e.key, shapes, stack].add(e)
        for (_, _, stack), average in groups.items():
            average.stack = list(stack)
            if not group_by_input_shapes:
                average.input_shapes = ""
        return self._like(groups.values())

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        total = FunctionEventAvg()
        for e in self:
            total += e
        total.key = "Total"
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The list as a table.

        Args:
            sort_by: a column: cpu_time, cpu_time_total, self_cpu_time_total, cpu_memory_usage,
                self_cpu_memory_usage or count; None keeps the order.
            row_limit: how many rows at most; -1 for all.
            header: a line above the table.
            top_level_events_only: leave out what other events called.
            time_unit: "s", "ms" or "us" for all times; None chooses for each.

        Raises AttributeError for other columns.

        max_src_column_width: letters. max_name_column_width: letters. max_shapes_column_width:
        letters.
        """
        return table(
            self,
            sort_by=sort_by,
            row_limit=row_limit,
            widths=(max_name_column_width, max_shapes_column_width, max_src_column_width),
            header=header,
            top_level_only=top_level_events_only,
            unit=time_unit,
            total=self.self_cpu_time_total,
            memory=self.profile_memory,
            flops=self.with_flops,
        )

    def export_stacks(self, path: str | os.PathLike[str], metric: str) -> None:
        """Write `outermost;...;innermost microseconds` lines, as flame graph programs read them.

        metric: "self_cpu_time_total" (ValueError for others). Needs with_stack=True.

        path: the file to write.

        Raises TypeError where path is of the wrong type.

        >>> with torch.autograd.profiler.profile(with_stack=True) as p:
        ...     y = torch.ones(2) + 1
        >>> p.function_events.export_stacks("stacks.txt", "self_cpu_time_total")
        """
        if metric != "self_cpu_time_total":
            raise ValueError(
                f"metric should be one of: ['self_cpu_time_total'], not {metric!r}: accelerators "
                "are not timed apart"
            )
        sums: dict[str, float] = defaultdict(float)
        for e in self:
            if e.stack:
                line = ";".join(s.replace(";", ",").replace(" ", "_") for s in reversed(e.stack))
                sums[line] += getattr(e, metric)
        with open(path, "w", encoding="utf-8") as file:
            for line, value in sums.items():
                if int(value) > 0:
                    file.write(f"{line} {int(value)}\n")

    def export_chrome_trace(self, path: str | os.PathLike[str], **facts: Any) -> None:
        """Write the events for chrome://tracing and Perfetto: JSON, compressed for names in .gz.

        path: the file to write.

        Raises TypeError where path is no path.
        """
        pid = os.getpid()
        events: list[dict[str, Any]] = [
            {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": "python"}}
        ]
        for t in dict.fromkeys(e.thread for e in self):
            name = f"thread {t} (python)"
            events.append(
                {"ph": "M", "name": "thread_name", "pid": pid, "tid": t, "args": {"name": name}}
            )
        for e in self:
            args: dict[str, Any] = {"External id": e.id}
            if e.input_shapes:
                args["Input Dims"] = e.input_shapes
            if e.stack:
                args["Call stack"] = ";".join(e.stack)
            if e.flops:
                args["flops"] = e.flops
            kind = RANGE if e.is_user_annotation else OP
            range_ = e.time_range
            events.append(
                {"ph": "X", "cat": kind, "name": e.name, "pid": pid, "tid": e.thread,
                 "ts": range_.start, "dur": range_.elapsed_us(), "args": args}
            )  # fmt: skip
        live = 0
        for at, thread, size in self.memory:
            live += size
            events.append(
                {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": MEMORY, "pid": pid,
                 "tid": thread, "ts": at,
                 "args": {"Bytes": size, "Total Allocated": live, "Device Type": 0}}
            )  # fmt: skip
        trace = {
            "schemaVersion": 1,
            "displayTimeUnit": "ms",
            "baseTimeNanoseconds": self.epoch_ns,
            "traceName": str(path),
            **facts,
            "traceEvents": events,
        }
        opener: Any = gzip.open if str(path).endswith(".gz") else open
        with opener(path, "wt", encoding="utf-8") as file:
            json.dump(trace, file)


def collected(recorder: Recorder) -> EventList:
    """What a recorder has noted, in order of time and nested."""
    order = sorted(recorder.notes, key=lambda n: (n.start, -n.end))
    found = EventList(
        (FunctionEvent(i, n, recorder.start_ns) for i, n in enumerate(order)),
        profile_memory=recorder.memory,
        with_flops=recorder.flops,
        epoch_ns=recorder.epoch_ns,
    )
    threads: dict[int, list[FunctionEvent]] = defaultdict(list)
    for e in found:
        threads[e.thread].append(e)
    memory: dict[int, list[Memory]] = defaultdict(list)
    for m in recorder.allocations:
        memory[m.thread].append(m)
    free = []
    for thread, events in threads.items():
        free += nest(events, memory.pop(thread, []), recorder.start_ns)
    found.memory = [
        ((m.at - recorder.start_ns) / 1000, m.thread, m.bytes) for m in recorder.allocations
    ]
    if free:
        found.append(unowned(len(found), free, recorder.start_ns))
    return found


def nest(events: list[FunctionEvent], memory: list[Memory], origin: int) -> list[Memory]:
    """Find who called whom in one thread, and whose memory it was; returns what was nobody's."""
    open_: list[FunctionEvent] = []
    todo, left = list(reversed(memory)), []

    def settle(until: float) -> None:
        while todo and (todo[-1].at - origin) / 1000 < until:
            m = todo.pop()
            at = (m.at - origin) / 1000
            while open_ and open_[-1].time_range.end < at:
                open_.pop()
            if open_:
                open_[-1].self_cpu_memory_usage += m.bytes
            else:
                left.append(m)

    for e in events:
        settle(e.time_range.start)
        while open_ and open_[-1].time_range.end <= e.time_range.start:
            open_.pop()
        if open_:
            e.cpu_parent = open_[-1]
            open_[-1].cpu_children.append(e)
        open_.append(e)
    settle(float("inf"))
    return left


def unowned(number: int, memory: list[Memory], origin: int) -> FunctionEvent:
    """The row for memory that was given back (or taken) outside of all events."""
    first = memory[0]
    note = Note(MEMORY, OP, first.at, first.at, first.thread, [], [], 0)
    event = FunctionEvent(number, note, origin)
    event.self_cpu_memory_usage = sum(m.bytes for m in memory)
    return event
