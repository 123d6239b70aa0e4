"""torch.profiler: a profiler for training loops, which records some steps and skips others."""

from __future__ import annotations

import enum
import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..base.advice import advise
from .block import kineto_available
from .events import DeviceType, EventList, collected
from .recorder import RANGE, Recorder, perf_counter_ns, record_function

__all__ = [
    "DeviceType", "ProfilerAction", "ProfilerActivity", "kineto_available", "profile",
    "record_function", "schedule", "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


class ProfilerActivity(enum.Enum):
    """Whose work is profiled. Work on accelerators is not timed apart from the calls."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """What can be profiled: {ProfilerActivity.CPU}.

    >>> len(torch.profiler.supported_activities())
    1
    """
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:  # fmt: skip
    """A schedule for profile(schedule=...): wait, warm up, record, over and over.

    Args:
        wait, warmup, active: how many steps of each in a cycle.
        repeat: how many cycles; 0 for no end.
        skip_first: steps before the first cycle.
        skip_first_wait: 1 leaves the wait out of the first cycle.

    Raises AssertionError for negative numbers, or no active step; TypeError where wait, warmup or
    active is of the wrong type; RuntimeError where wait, warmup or active is a tensor of several
    numbers.

    >>> plan = torch.profiler.schedule(wait=1, warmup=1, active=2)
    >>> [plan(i).name for i in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError(
            f"schedule: wait={wait}, warmup={warmup}, repeat={repeat}, skip_first={skip_first} "
            f"must not be negative, and active={active} must be positive"
        )
    cycle = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step >= 0 and skip_first_wait:
            step += wait
        if step < 0 or (repeat > 0 and step // cycle >= repeat):
            return ProfilerAction.NONE
        place = step % cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == cycle - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False,
    use_python_export: bool = False,
) -> Callable[[profile], None]:  # fmt: skip
    """A function for profile(on_trace_ready=...) that writes each trace into a folder.

    Files are called WORKER.TIME.pt.trace.json, with .gz if use_gzip.

    dir_name: the folder. worker_name: in the file's name; None: host and process.
    use_python_export: accepted.

    >>> handler = torch.profiler.tensorboard_trace_handler("log")
    >>> with torch.profiler.profile(on_trace_ready=handler):
    ...     y = torch.ones(2).exp()
    """

    def handler(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".gz" if use_gzip else ""
        name = f"{worker}.{time.time_ns()}.pt.trace.json{ending}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


class profile:
    """Times operations, backward steps and named ranges; with a schedule, only of some steps.

    Args:
        activities: a set of ProfilerActivity; only the CPU's calls are timed.
        schedule: gives the action for each step number; call step() after each step.
        on_trace_ready: called with this profiler when a recording is complete.
        record_shapes, profile_memory, with_stack, with_flops: note input shapes, memory, lines
            of the program, and floating-point operations.
        acc_events: keep the events of all recordings; else of the last one.
        with_modules, experimental_config, execution_trace_observer: accepted for programs that
            give them; without TorchScript and Kineto they change nothing.
        use_cuda: as ProfilerActivity.CUDA among the activities.

    Its exports raise AssertionError before anything was recorded.

    >>> x = torch.ones(2, 2)
    >>> with torch.profiler.profile(record_shapes=True) as prof:
    ...     y = x @ x
    >>> prof.events()[0].name, prof.events()[0].input_shapes
    ('aten::matmul', [[2, 2], [2, 2]])
    >>> with torch.profiler.profile() as prof:
    ...     y = torch.ones(2).exp()
    ...     prof.add_metadata("note", "a text"), prof.add_metadata_json("more", "[1]")
    ...     prof.step()
    (None, None)
    >>> "exp" in prof.key_averages().table()
    True
    >>> prof.export_chrome_trace("trace.json")
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
    ) -> None:
        wanted = set(activities) if activities is not None else supported_activities()
        if use_cuda:
            wanted.add(ProfilerActivity.CUDA)
        if not wanted:
            raise AssertionError("profile: no valid profiler activities were given")
        for other in sorted(wanted - supported_activities(), key=lambda a: a.value):
            advise(
                f"profile: {other.name} is not timed apart; calls on the CPU are timed",
            )
        self.activities = wanted
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self._stepped = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes or with_flops, profile_memory
        self.with_stack, self.with_flops, self.acc_events = with_stack, with_flops, acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.metadata: dict[str, Any] = {}
        self._recorder: Recorder | None = None
        self._events: EventList | None = None
        self._step_start = 0

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with the first step.

        >>> p = torch.profiler.profile()
        >>> p.start()
        >>> y = torch.ones(2) + 1
        >>> p.stop()
        >>> "add" in p.key_averages().table()
        True
        """
        if self.current_action in RECORDING:
            self.start_trace()

    def stop(self) -> None:
        """End. A recording that is going on counts as complete.

        >>> p = torch.profiler.profile()
        >>> p.start()
        >>> p.stop()
        """
        if self._recorder is None:
            return
        self._note_step()
        self.stop_trace()
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Say that a step has ended and the next one begins."""
        before = self.current_action
        if self._recorder is not None:
            self._note_step()
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE and self._recorder is not None:
            self.stop_trace()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        if self.current_action in RECORDING:
            if self._recorder is None:
                self.start_trace()
        elif self._recorder is not None:
            self.stop_trace()  # the schedule has ended a recording without saving it

    def start_trace(self) -> None:
        """Begin to record now, whatever the schedule says.

        >>> p = torch.profiler.profile()
        >>> p.start_trace()
        >>> p.stop_trace()
        """
        self._recorder = Recorder(
            self.record_shapes, self.profile_memory, self.with_stack, self.with_flops
        )
        self._recorder.start()
        self._step_start = perf_counter_ns()

    def stop_trace(self) -> None:
        """End the recording. AssertionError if there is none.

        >>> p = torch.profiler.profile()
        >>> p.start_trace()
        >>> p.stop_trace()
        """
        if self._recorder is None:
            raise AssertionError("Profiler must be initialized before stopping trace: start() it")
        self._recorder.stop()
        found = collected(self._recorder)
        self._recorder = None
        if self.acc_events and self._events is not None:
            found.memory = self._events.memory + found.memory
            found[:] = [*self._events, *found]
        self._events = found

    def _note_step(self) -> None:
        if self._stepped and self._recorder is not None:
            self._recorder.note(f"ProfilerStep#{self.step_num}", RANGE, self._step_start)
            self._step_start = perf_counter_ns()

    # ---- results

    def _recorded(self, what: str) -> EventList:
        if self._events is None:
            raise AssertionError(
                f"Profiler must be initialized before {what}: nothing has been recorded yet"
            )
        return self._events

    def events(self) -> EventList:
        """All events in the order of their start. AssertionError before a recording is done."""
        return self._recorded("accessing events")

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Events of the same name (and input shapes, and n lines of the program) together.

        group_by_input_shape: apart by shapes. group_by_stack_n: apart by so many lines of the
        stack. group_by_overload_name: accepted.
        """
        events = self._recorded("getting key averages")
        return events.key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events for chrome://tracing and Perfetto; compressed for names in .gz.

        path: the file to write.

        Raises AssertionError before anything was recorded; TypeError where path is of the wrong
        type.
        """
        self._recorded("exporting chrome trace").export_chrome_trace(path, **self.metadata)

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write lines for flame graph programs; with_stack=True is needed.

        path: the file to write. metric: such as 'self_cpu_time_total'.

        Raises AssertionError before anything was recorded; TypeError where path is of the wrong
        type.

        >>> with torch.profiler.profile(with_stack=True) as p:
        ...     y = torch.ones(2) + 1
        >>> p.export_stacks("stacks.txt")
        """
        self._recorded("exporting stacks").export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Have a string in the trace.

        key: a name. value: a text.
        """
        self.metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Have a value, given as JSON, in the trace.

        key: a name.

        Raises TypeError where value is of the wrong type; ValueError where it is no JSON.
        """
        self.metadata[key] = json.loads(value)
