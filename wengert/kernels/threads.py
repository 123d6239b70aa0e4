"""How many threads kernels use, and how many the BLAS library.

Processors, control groups and the user say how many. The threads are in `workers.py`.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

_alone: list[bool] = []  # whether the BLAS library has one thread for good


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
    if library is not None and not _alone:
        library.set(n)


def leave_blas_alone() -> None:
    """One thread for the BLAS library from now on: ours call it, and its own would be in the way.

    They go on looking for work after a product, on the processors that ours need.
    """
    library = blas()
    if library is not None:
        _alone.append(True)
        library.set(1)


@contextmanager
def blas_threads() -> Iterator[None]:
    """All threads for the BLAS library, for a decomposition of a large matrix."""
    library = blas()
    if library is None or not _alone or count() < 2:
        yield
        return
    library.set(count())
    try:
        yield
    finally:
        library.set(1)


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
    root = os.path.dirname(numpy.__file__)
    for folder in (root + ".libs", os.path.join(root, ".dylibs")):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if "openblas" not in name:
                continue
            try:
                library = ctypes.CDLL(os.path.join(folder, name))
            except OSError:
                continue
            for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
                try:
                    return _Blas(library, prefix, suffix)
                except AttributeError:
                    pass
    return None
