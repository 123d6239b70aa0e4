"""How ranks of one host tell each other, by words in memory that they share, that they have come
somewhere, and that they sleep and want to be woken.

Linux wakes who waits for such a word (futex); elsewhere a sleep lasts as long as it was asked for.
"""

from __future__ import annotations

import ctypes
import platform
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["BYTES", "Signals"]

BYTES = 64  # of a rank's words: a line of the cache of their own
FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
WAIT, WAKE = 0, 1
# Where what a processor has stored is seen by others in the same order.
ORDERED = platform.machine() in ("x86_64", "AMD64")


class _Seconds(ctypes.Structure):
    _fields_ = [("whole", ctypes.c_long), ("nano", ctypes.c_long)]


def _futex() -> Callable[..., int] | None:
    """Linux's system call, or None."""
    number = FUTEX.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return None
    call = ctypes.CDLL(None).syscall
    call.restype = ctypes.c_long
    call.argtypes = [
        ctypes.c_long, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_uint32,
    ]  # fmt: skip
    return lambda word, what, value, limit: int(call(number, word, what, value, limit, None, 0))


class Arrival:
    """The request of a rank that has come somewhere: done when all others have."""

    __slots__ = ("counts", "number")

    def __init__(self, counts: Sequence[Any], number: int) -> None:
        self.counts, self.number = counts, number

    def Test(self) -> bool:
        """Whether all have come."""
        number = self.number
        return all([count[0] >= number for count in self.counts])


class Signals:
    """The words of the ranks of a host: whether each sleeps, and how often it has arrived.

    rows: for each rank, BYTES bytes of shared memory that only it and who wakes it write, zeros at
    first. me: this rank.
    """

    def __init__(self, rows: Sequence[Any], me: int) -> None:
        sleeps = [row[:4].view(np.uint32) for row in rows]
        counts = [row[8:16].view(np.int64).data for row in rows]
        self.asleep, self.address = sleeps[me].data, sleeps[me].ctypes.data
        self.count, self.arrivals = counts[me], 0
        self.other_sleeps = [(s.data, s.ctypes.data) for r, s in enumerate(sleeps) if r != me]
        self.other_counts = [count for r, count in enumerate(counts) if r != me]
        self.futex = _futex()
        self.limit = _Seconds(0, 0)
        self.limit_address = ctypes.addressof(self.limit)

    def arrive(self) -> Arrival:
        """Say that this rank has come here, and what it has written before can be read. All ranks
        arrive at the same places in the same order.
        """
        self.arrivals = self.count[0] = self.arrivals + 1
        return Arrival(self.other_counts, self.arrivals)

    def sleep(self, seconds: float, test: Callable[[], bool]) -> bool:
        """Sleep until somebody rings, less than a second, unless test() is true once others can
        see that this rank sleeps. Returns what it was.
        """
        if self.futex is None:
            time.sleep(seconds)
            return test()
        self.asleep[0] = 1
        done = test()
        if not done:
            self.limit.nano = int(seconds * 1e9)
            self.futex(self.address, WAIT, 1, self.limit_address)
        self.asleep[0] = 0
        return done

    def ring(self) -> None:
        """Wake those who sleep: something that they may wait for has been done."""
        for word, address in self.other_sleeps:
            if word[0]:
                word[0] = 0
                if self.futex is not None:
                    self.futex(address, WAKE, 1, None)
