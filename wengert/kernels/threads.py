"""Work shared by Python threads: NumPy's loops and products release the interpreter lock.

`spread` runs pieces of a kernel on the calling thread and on helper threads, with the BLAS
library's own threads off meanwhile. A helper takes the next piece when it is free, so a busy
machine slows things gracefully. The threads of compiled plans are not here: they belong to the
compiler.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy

Work = Callable[[Iterator[Any]], None]


# What machine code that starts calls itself must know: the workers' memory, the address of their
# `run` (see workers.py), and how many threads there are (0: nobody has said, all of them).
FACTS = (ctypes.c_int64 * 3)(0, 0, 0)
on_change: list[Callable[[int], None]] = []  # who wants to know how many threads there shall be


def available() -> int:
    """Processors that this process may use; a quota and the variable OMP_NUM_THREADS limit them."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    cores = max(1, math.ceil(min(cores, quota())))
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(cores, int(limit)) if limit.isdigit() and int(limit) else cores


@functools.cache
def quota(root: str = "/sys/fs/cgroup") -> float:
    """How many processors' time the control group of this process may use."""
    try:
        with open(f"{root}/cpu.max") as f:
            most, _, period = f.read().partition(" ")
    except OSError:
        try:
            with (
                open(f"{root}/cpu/cpu.cfs_quota_us") as f,
                open(f"{root}/cpu/cpu.cfs_period_us") as g,
            ):
                most, period = f.read(), g.read()
        except OSError:
            return math.inf
    try:
        share = int(most) / int(period)
    except (ValueError, ZeroDivisionError):  # "max"
        return math.inf
    return share if share > 0 else math.inf


def count() -> int:
    """How many threads a kernel may use."""
    return FACTS[2] or available()


def set_count(n: int) -> None:
    """Let kernels, and the BLAS library, use n threads from now on."""
    FACTS[2] = n
    for ready in on_change:
        ready(n)
    library = blas()
    if library is not None and not _state.alone:
        library.set(n)


def leave_blas_alone() -> None:
    """One thread for the BLAS library from now on: ours call it, and its own would be in the way.

    They go on looking for work after a product, on the processors that ours need.
    """
    library = blas()
    if library is not None:
        _state.alone = True
        library.set(1)


@contextmanager
def blas_threads() -> Iterator[None]:
    """All threads for the BLAS library, for a decomposition of a large matrix."""
    library = blas()
    if library is None or not _state.alone or count() < 2:
        yield
        return
    library.set(count())
    try:
        yield
    finally:
        library.set(1)


def spread(work: Work, pieces: Sequence[Any], threads: int | None = None) -> None:
    """Call work(iterator of pieces) on several threads; together they see every piece exactly once.

    What work raises is raised here. With one thread or one piece it is a plain call, and BLAS is
    left alone.
    """
    threads = min(len(pieces), count() if threads is None else threads)
    if (
        threads < 2 or blas() is None
    ):  # an unknown BLAS may use all processors inside: do not add to that
        work(iter(pieces))
        return
    job = _Job(work, pieces)
    with _one_blas_thread():
        for _ in range(threads - 1):
            _state.call_helper(job)
        job.take_part()
        job.wait()
    if job.error is not None:
        raise job.error


def ranges(n: int, parts: int) -> list[tuple[int, int]]:
    """0..n cut into at most `parts` ranges of nearly equal length."""
    cuts = [n * i // parts for i in range(parts + 1)]
    return [(a, b) for a, b in itertools.pairwise(cuts) if a < b]


class _Job:
    """One spread. Helpers that come late find it closed: the caller waits for those at work."""

    def __init__(self, work: Work, pieces: Sequence[Any]) -> None:
        self.work, self.pieces = work, iter(pieces)
        self.lock = threading.Lock()
        self.busy, self.closed = 0, False
        self.idle = threading.Event()
        self.error: BaseException | None = None

    def _next(self) -> Iterator[Any]:
        while True:
            with self.lock:
                try:
                    piece = next(self.pieces)
                except StopIteration:
                    return
            yield piece

    def take_part(self) -> None:
        with self.lock:
            if self.closed:
                return
            self.busy += 1
        try:
            self.work(self._next())
        except BaseException as e:
            self.error = e
        with self.lock:
            self.busy -= 1
            self.closed = True  # whoever comes home first has seen the last piece taken
            if not self.busy:
                self.idle.set()

    def wait(self) -> None:
        self.idle.wait()


class _State:
    """The helpers of this process, and whether the BLAS library is left alone by them."""

    def __init__(self, alone: bool = False) -> None:
        self.helpers, self.alone = 0, alone
        self.jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.inside = 0  # spreads under way

    def call_helper(self, job: _Job) -> None:
        if self.helpers < count() - 1:
            self.helpers += 1
            threading.Thread(target=_help, args=(self.jobs,), daemon=True, name="wengert").start()
        self.jobs.put(job)


def _help(jobs: queue.SimpleQueue[_Job]) -> None:
    numpy.seterr(all="ignore")  # per thread; results carry their own inf and nan
    while True:
        jobs.get().take_part()


class _Blas:
    """The thread switch of the OpenBLAS that NumPy brought along."""

    def __init__(self, library: ctypes.CDLL, prefix: str, suffix: str) -> None:
        self.library, self.prefix, self.suffix = library, prefix, suffix
        self.get: Callable[[], int] = getattr(library, f"{prefix}openblas_get_num_threads{suffix}")
        self.set: Callable[[int], Any] = getattr(
            library, f"{prefix}openblas_set_num_threads{suffix}"
        )


_found: list[_Blas | None] = []


def blas() -> _Blas | None:
    """The BLAS library of NumPy, where it is one whose threads can be switched."""
    if not _found:
        _found.append(_find_blas())
    return _found[0]


def _find_blas() -> _Blas | None:
    import glob

    root = os.path.dirname(numpy.__file__)
    for pattern in (root + ".libs", os.path.join(root, ".dylibs")):
        for path in glob.glob(os.path.join(pattern, "*openblas*")):
            try:
                library = ctypes.CDLL(path)
            except OSError:
                continue
            for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
                try:
                    return _Blas(library, prefix, suffix)
                except AttributeError:
                    pass
    return None


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    library = blas()
    assert library is not None
    with _state.lock:
        _state.inside += 1
        if _state.inside == 1:
            _state.before = library.get()  # type: ignore[attr-defined]
            library.set(1)
    try:
        yield
    finally:
        with _state.lock:
            _state.inside -= 1
            if not _state.inside:
                library.set(_state.before)  # type: ignore[attr-defined]


_state = _State()


def _after_fork() -> None:
    global _state
    _state = _State(_state.alone)  # helpers do not survive a fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
