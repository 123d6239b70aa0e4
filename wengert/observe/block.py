"""torch.autograd.profiler: one block, profiled from its start to its end."""

from __future__ import annotations

import os
from typing import Any

from ..base.advice import advise
from .events import EventList, FunctionEventAvg, collected
from .recorder import Recorder

__all__ = ["emit_itt", "emit_nvtx", "kineto_available", "load_nvprof", "profile"]


class profile:
    """Within it, operations, backward steps and named ranges are timed.

    Args:
        enabled: False makes it do nothing.
        use_cuda, use_device: accelerators are not timed apart; asking for one that is there
            warns, and times calls on the CPU.
        record_shapes: note input shapes.
        with_flops: estimate floating-point operations of products and convolutions.
        profile_memory: note memory that operations allocate, and when it is given back.
        with_stack: note the lines of the program.
        with_modules, use_kineto, experimental_config, acc_events: accepted for programs that give
            them; as in PyTorch without TorchScript and Kineto, they change nothing.
        use_cpu: False notes nothing.

    Raises RuntimeError if a profiler is running already.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.profiler.profile() as prof:
    ...     (x * 2).sum().backward()
    >>> [e.name for e in prof.function_events][:2]
    ['aten::mul', 'aten::sum']
    >>> with torch.autograd.profiler.profile() as p:
    ...     y = torch.ones(2) + 1
    >>> "add" in p.table(), [e.key for e in p.key_averages()][-1], p.total_average().count > 0
    (True, 'aten::add', True)
    >>> p.export_chrome_trace("trace.json")
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
    ) -> None:
        self.enabled = enabled and use_cpu
        if use_cuda or use_device is not None:
            advise(
                f"profile: work on {use_device or 'cuda'} is not timed apart; calls are timed",
            )
        self.record_shapes = record_shapes or with_flops
        self.with_flops, self.profile_memory = with_flops, profile_memory
        self.with_stack = with_stack
        self.function_events: EventList | None = None
        self._recorder: Recorder | None = None

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self._recorder is not None:
            raise RuntimeError("Profiler context manager is not reentrant: make another one")
        self._recorder = Recorder(
            self.record_shapes, self.profile_memory, self.with_stack, self.with_flops
        )
        self._recorder.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._recorder is not None:
            self._recorder.stop()
            self.function_events = collected(self._recorder)

    def _finished(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running: ask after the with block")
        return self.function_events

    def __repr__(self) -> str:
        if self.function_events is None:
            return "<unfinished torch.autograd.profile>"
        return repr(self.function_events)

    def __str__(self) -> str:
        if self.function_events is None:
            return "<unfinished torch.autograd.profile>"
        return str(self.function_events)

    def table(self, *args: Any, **kwargs: Any) -> str:
        """The events as a table: arguments of EventList.table."""
        return self._finished().table(*args, **kwargs)

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Events of the same name (and shapes, and lines) together.

        group_by_input_shape: apart by shapes. group_by_stack_n: apart by so many lines of the
        stack. group_by_overload_name: accepted.
        """
        return self._finished().key_averages(group_by_input_shape, group_by_stack_n)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        return self._finished().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each counted once."""
        return self._finished().self_cpu_time_total

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events for chrome://tracing and Perfetto.

        path: the file to write.

        Raises TypeError where path is no path.
        """
        self._finished().export_chrome_trace(path)

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write lines for flame graph programs; with_stack=True is needed.

        path: the file to write. metric: such as 'self_cpu_time_total'.

        Raises RuntimeError without with_stack=True; TypeError where path is of the wrong type.

        >>> with torch.autograd.profiler.profile(with_stack=True) as p:
        ...     y = torch.ones(2) + 1
        >>> p.export_stacks("stacks.txt")
        """
        if not self.with_stack:
            raise RuntimeError("export_stacks() needs the stacks: profile(with_stack=True)")
        self._finished().export_stacks(path, metric)


class emit_nvtx:
    """Ranges for NVIDIA's profilers: there is no binding to them, so entering raises
    RuntimeError.

    enabled: False: record nothing. record_shapes: note the shapes of operands.

    >>> with torch.autograd.profiler.emit_nvtx(enabled=False):
    ...     print("as it is")
    as it is
    """

    tool = "NVTX"

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled

    def __enter__(self) -> emit_nvtx | None:
        if not self.enabled:
            return None
        raise RuntimeError(
            f"{type(self).__name__}: this library does not speak to {self.tool}; use "
            "torch.profiler.profile() and its export_chrome_trace(path)"
        )

    def __exit__(self, *exc: object) -> None:
        pass


class emit_itt(emit_nvtx):
    """Ranges for Intel's profilers: there is no binding to them, so entering raises
    RuntimeError.

    enabled: False: record nothing. record_shapes: note the shapes of operands.

    >>> with torch.autograd.profiler.emit_itt(enabled=False):
    ...     print("as it is")
    as it is
    """

    tool = "ITT"


def load_nvprof(path: str | os.PathLike[str]) -> Any:
    """Traces of nvprof are not read: raises RuntimeError.

    path: the file to write.

    Raises TypeError where path is of the wrong type.

    >>> torch.autograd.profiler.load_nvprof("trace.nvprof")
    Traceback (most recent call last):
        ...
    RuntimeError: load_nvprof: cannot read 'trace.nvprof': traces of nvprof are not ...
    """
    raise RuntimeError(
        f"load_nvprof: cannot read {os.fspath(path)!r}: traces of nvprof are not supported; use "
        "torch.profiler.profile() and its export_chrome_trace(path)"
    )


def kineto_available() -> bool:
    """Whether PyTorch's tracing library is there: never; nothing needs it.

    >>> torch.profiler.kineto_available()
    False
    """
    return False
