"""Processes that run one function with their number: torch.multiprocessing.spawn.

An error in any of them ends the others and is raised again, with its traceback, where they were
started. How tensors travel between processes is in `sharing.py`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

from ..api import sharing
from ..base.advice import advise
from ..engine.tensor import Tensor
from ..nn.parameter import Parameter

__all__ = [
    "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException",
    "SpawnContext", "spawn", "start_processes",
]  # fmt: skip


class ProcessException(Exception):
    """A process ended other than it should."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process ended with an exception, whose traceback is in the text."""


class ProcessExitedException(ProcessException):
    """A process ended by a signal or with an exit code."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int,
        signal_name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (
            self.msg, self.error_index, self.pid, self.exit_code, self.signal_name
        )  # fmt: skip


def _work(fn: Callable[..., Any], i: int, args: Any, told: str) -> None:
    """What a process does: the function, or the traceback into a file and exit code 1."""
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted too, and says so
    except Exception:
        with open(told, "w", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        os._exit(1)


class ProcessContext:
    """Processes that were started together.

    processes: the processes. error_files: where they write their errors.
    """

    def __init__(self, processes: Any, error_files: Any) -> None:
        self.processes, self.error_files = processes, error_files
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their process ids."""
        return [int(p.pid) for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for one or more to end; True if all have. Raises what ended the first bad one, after
        the others were told to end.

        timeout: seconds; None: for as long as it takes. grace_period: seconds between asking and
        killing.
        """
        if not self.sentinels:
            return True
        ready = multiprocessing.connection.wait(list(self.sentinels), timeout=timeout)
        bad = None
        for sentinel in ready:
            i = self.sentinels.pop(sentinel)
            self.processes[i].join()
            if self.processes[i].exitcode != 0:
                bad = i
                break
        if bad is None:
            if not self.sentinels:
                self._clean()
            return not self.sentinels
        self._end_others(grace_period)
        raise self._reason(bad)

    def _end_others(self, grace_period: float | None) -> None:
        for p in self.processes:
            if p.is_alive():
                p.terminate()
        until = time.monotonic() + (30 if grace_period is None else grace_period)
        for p in self.processes:
            p.join(max(0.0, until - time.monotonic()))
            if p.is_alive():
                p.kill()
                p.join()

    def _reason(self, i: int) -> ProcessException:
        process, told = self.processes[i], self.error_files[i]
        text = ""
        if os.path.exists(told):
            with open(told, encoding="utf-8") as file:
                text = file.read()
        self._clean()
        if text:
            head = f"\n\n-- Process {i} terminated with the following error:\n"
            return ProcessRaisedException(head + text, i, process.pid)
        code = process.exitcode
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"<Unknown signal {-code}>"
            return ProcessExitedException(
                f"process {i} terminated with signal {name}", i, process.pid, code, name
            )
        return ProcessExitedException(
            f"process {i} terminated with exit code {code}", i, process.pid, code
        )

    def _clean(self) -> None:
        for told in self.error_files:
            if os.path.exists(told):
                os.unlink(told)


class SpawnContext(ProcessContext):
    """Processes that spawn() started.

    processes: the processes. error_files: where they write their errors.
    """


def start_processes(
    fn: Callable[..., Any], args: Any = (), nprocs: int = 1, join: bool = True,
    daemon: bool = False, start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """Start nprocs processes that run fn(i, *args), i from 0; with join, wait for all of them.

    start_method: spawn, fork or forkserver. With spawn and forkserver, fn has to be a function of a
    module. Returns a context to join, or None after joining. daemon: end with this process.

    Raises ProcessRaisedException, which is an Exception, with the traceback of the process that
    failed.
    """
    sharing.register(Tensor, Parameter)
    context = multiprocessing.get_context(start_method)
    processes, files = [], []
    for i in range(nprocs):
        handle, told = tempfile.mkstemp(prefix="wengert-error-", suffix=".txt")
        os.close(handle)
        os.unlink(told)
        process = context.Process(target=_work, args=(fn, i, args, told), daemon=daemon)  # type: ignore[attr-defined]
        process.start()
        processes.append(process)
        files.append(told)
    started = SpawnContext(processes, files)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any], args: Any = (), nprocs: int = 1, join: bool = True,
    daemon: bool = False, start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """start_processes with the method spawn: fn(i, *args) in nprocs processes.

    join: wait for them. daemon: end with this process. start_method: 'spawn', 'fork' or
    'forkserver'.

    Raises ProcessRaisedException, which is an Exception, with the traceback of the process that
    failed.
    """
    if start_method != "spawn":
        advise(
            "This method only supports start_method=spawn (got: "
            f"{start_method}). To use a different start_method use: "
            "torch.multiprocessing.start_processes(...)",
            FutureWarning,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")
