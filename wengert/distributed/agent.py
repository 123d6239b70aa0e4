"""The agent that starts a host's ranks, watches them, and starts all again after a failure.

One rank that fails ends the job: the others are told to end, then killed, with all processes that
they started. Agents of several hosts share a store, in which a failure is news to all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, TextIO

from .errors import DistNetworkError
from .store import PrefixStore, Store, TCPStore

__all__ = ["Agent", "Failure", "Job", "die_with_parent", "free_port", "tell", "told"]

GRACE = 3.0  # seconds between asking a rank to end and killing it
INTERRUPTED = 130
SILENCE = 10.0  # seconds in which host 0's agent has to answer the others'
PARENT_DEATH_SIGNAL = 1  # Linux's prctl: a rank must not outlive its agent


@dataclass
class Job:
    """What to run, and how often."""

    command: Sequence[str]
    ranks_here: int = 1
    hosts: int = 1
    host: int = 0  # the number of this one
    address: str = "127.0.0.1"  # of host 0
    port: int = 0  # at host 0; 0: a free one
    restarts: int = 0
    run_id: str = "none"
    role: str = "default"
    interval: float = 0.05  # seconds between looks at the ranks
    log_dir: str | None = None  # for files with what the ranks print
    redirects: dict[int, int] = field(default_factory=dict)  # local rank -> 1 out, 2 err, 3 both
    tees: dict[int, int] = field(default_factory=dict)  # the same of what is shown as well
    shown: frozenset[int] | None = None  # local ranks whose output is shown; None: all


def copied(pipe: IO[bytes], file: TextIO, screen: TextIO, mark: str) -> None:
    """Write what comes out of a pipe into a file, and line by line, with a mark, on a screen."""
    for line in pipe:
        text = line.decode("utf-8", "replace")
        file.write(text)
        screen.write(mark + text)
        screen.flush()
    pipe.close()


@dataclass
class Failure:
    """How a rank ended that ended badly."""

    rank: int
    pid: int
    code: int  # as Popen has it: negative for a signal

    def exit_code(self) -> int:
        """The exit code as a shell would tell it."""
        return self.code if self.code > 0 else 128 - self.code

    def __str__(self) -> str:
        if self.code > 0:
            how = f"ended with exit code {self.code}"
        else:
            names = {s.value: s.name for s in signal.Signals}
            how = f"was killed by {names.get(-self.code, f'signal {-self.code}')}"
        return f"rank {self.rank} (pid {self.pid}) {how}"


class Stopped(Exception):
    """The agent has been asked to end."""


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as s:
        s.bind(("", 0))
        return int(s.getsockname()[1])


def tried(restarts: int, attempt: Callable[[int], Failure | str | None]) -> int:
    """Attempt a job, again after failures as often as it may be; returns the exit code."""
    code = 1
    for number in range(restarts + 1):
        failure = attempt(number)
        if failure is None:
            return 0
        left = restarts - number
        tell(f"{failure}{f'; {left} restarts left' if left else ''}")
        code = failure.exit_code() if isinstance(failure, Failure) else 1
    return code


def tell(text: str) -> None:
    """Say something about the job."""
    sys.stderr.write(f"[wengertrun] {text}\n")
    sys.stderr.flush()


def die_with_parent() -> None:
    """In a new process: end when the agent ends, in whatever way (on Linux)."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def told(job: Job, host: int, local: int, address: str, port: int, attempt: int) -> dict[str, str]:
    """What a rank finds in its environment: who it is, and where rank 0 waits."""
    rank = host * job.ranks_here + local
    size = job.hosts * job.ranks_here
    words = {
        "RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": local, "LOCAL_WORLD_SIZE": job.ranks_here,
        "GROUP_RANK": host, "GROUP_WORLD_SIZE": job.hosts, "ROLE_RANK": rank,
        "ROLE_WORLD_SIZE": size, "ROLE_NAME": job.role, "MASTER_ADDR": address,
        "MASTER_PORT": port, "TORCHELASTIC_RESTART_COUNT": attempt,
        "TORCHELASTIC_MAX_RESTARTS": job.restarts, "TORCHELASTIC_RUN_ID": job.run_id,
        "WENGERTRUN_ID": f"{os.getpid()}-{attempt}",
    }  # fmt: skip
    if job.ranks_here > 1:  # the ranks share the cores
        for library in ("OMP", "OPENBLAS", "MKL"):
            words[f"{library}_NUM_THREADS"] = os.environ.get(f"{library}_NUM_THREADS", "1")
    return {name: str(value) for name, value in words.items()}


class Agent:
    """Runs a job's ranks on this host."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.store: TCPStore | None = None
        if job.hosts > 1:
            self.store = TCPStore(job.address, job.port, job.hosts, job.host == 0)
        self.ranks: list[subprocess.Popen[bytes]] = []
        self.files: list[TextIO] = []
        self.copiers: list[threading.Thread] = []

    def run(self) -> int:
        """Run the job, again after failures as often as it may be; returns the exit code."""
        before = signal.signal(signal.SIGTERM, self._stop)
        try:
            return tried(self.job.restarts, self._attempt)
        except KeyboardInterrupt:
            tell("interrupted")
            self._end(signal.SIGINT)
            return INTERRUPTED
        except Stopped:
            return 128 + signal.SIGTERM
        finally:
            self._end(signal.SIGTERM)
            signal.signal(signal.SIGTERM, before)

    def _stop(self, number: int, frame: Any) -> None:
        raise Stopped

    def _attempt(self, attempt: int) -> Failure | str | None:
        """Run all ranks once; None if all end well, else what went wrong first."""
        job, shared = self.job, None
        if self.store is not None:
            shared = PrefixStore(f"attempt{attempt}", self.store)
            if job.host == 0:
                shared.set("port", str(free_port()))
            port = int(shared.get("port"))
        else:
            port = job.port or free_port()
        for local in range(job.ranks_here):
            self.ranks.append(self._start(local, port, attempt))
        failure = self._watched(shared)
        self._end(signal.SIGTERM)
        return failure

    def _watched(self, shared: Store | None) -> Failure | str | None:
        """_watch, but a host 0 that does not answer is a failure too."""
        if self.store is None:
            return self._watch(None)
        self.store.answer_within(SILENCE)
        try:
            found = self._watch(shared)
        except DistNetworkError as e:
            return f"host 0 does not answer any more ({e})"
        self.store.answer_within(None)
        return found

    def _watch(self, shared: Store | None) -> Failure | str | None:
        """Wait for the ranks here, and for those of the other hosts."""
        left = dict(enumerate(self.ranks))
        looked, told = time.monotonic(), False
        while True:
            for local, process in list(left.items()):
                code = process.poll()
                if code is not None:
                    del left[local]
                    if code:
                        found = Failure(self._first() + local, process.pid, code)
                        if shared is not None:
                            with contextlib.suppress(DistNetworkError):
                                shared.set("failed", f"on host {self.job.host}, {found}")
                        return found
            if shared is None and not left:
                return None
            if shared is not None:
                if not left and not told:
                    shared.add("done", 1)
                    told = True
                if time.monotonic() - looked > 0.2:
                    looked = time.monotonic()
                    if shared.check(["failed"]):
                        return shared.get("failed").decode()
                    if told and shared.add("done", 0) == self.job.hosts:
                        # the server is host 0's: it stays until the others have seen this
                        shared.add("seen", 1)
                        if self.job.host == 0:
                            until = time.monotonic() + GRACE
                            while shared.add("seen", 0) < self.job.hosts:
                                if time.monotonic() > until:
                                    break
                                time.sleep(self.job.interval)
                        return None
            time.sleep(self.job.interval)

    def _first(self) -> int:
        """The rank in the world of the first rank here."""
        return self.job.host * self.job.ranks_here

    def _start(self, local: int, port: int, attempt: int) -> subprocess.Popen[bytes]:
        job = self.job
        env = {**os.environ, **told(job, job.host, local, job.address, port, attempt)}
        shown = job.shown is None or local in job.shown
        teed = job.tees.get(local, 0)
        wanted = job.redirects.get(local, 0) | teed
        files = {i: self._file(local, attempt, i) for i in (1, 2) if wanted & i}
        outputs: list[Any] = [files.get(i, None if shown else subprocess.DEVNULL) for i in (1, 2)]
        for i in (1, 2):
            if teed & i and shown:
                outputs[i - 1] = subprocess.PIPE
        rank = subprocess.Popen(
            list(job.command), env=env, stdin=subprocess.DEVNULL, stdout=outputs[0],
            stderr=outputs[1], start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )  # fmt: skip
        for i, pipe, screen in ((1, rank.stdout, sys.stdout), (2, rank.stderr, sys.stderr)):
            if pipe is not None:
                given = pipe, files[i], screen, f"[{job.role}{local}]:"
                copier = threading.Thread(target=copied, args=given, daemon=True)
                copier.start()
                self.copiers.append(copier)
        return rank

    def _file(self, local: int, attempt: int, which: int) -> TextIO:
        assert self.job.log_dir is not None
        name = "stdout.log" if which == 1 else "stderr.log"
        folder = os.path.join(self.job.log_dir, self.job.run_id, f"attempt_{attempt}", str(local))
        os.makedirs(folder, exist_ok=True)
        file = open(os.path.join(folder, name), "w", encoding="utf-8")  # noqa: SIM115
        self.files.append(file)
        return file

    def _end(self, first: signal.Signals) -> None:
        """End what is left of the ranks: ask, and after a while kill, with their children."""
        self._signal(first)
        self._signal(signal.SIGCONT)  # one that is stopped can end only when it goes on
        until = time.monotonic() + GRACE
        while any(p.poll() is None for p in self.ranks) and time.monotonic() < until:
            time.sleep(0.01)
        self._signal(signal.SIGKILL, everyone=True)
        for p in self.ranks:
            p.wait()
        for copier in self.copiers:
            copier.join(GRACE)  # what a rank wrote at last is still on its way
        self.copiers = []
        for file in self.files:
            file.close()
        self.ranks, self.files = [], []

    def _signal(self, number: signal.Signals, everyone: bool = False) -> None:
        for p in self.ranks:
            if everyone or p.poll() is None:  # a rank leads a group of its own
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(p.pid, number)
