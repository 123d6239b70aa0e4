"""New arrays that take blocks of memory which were given."""

import gc
import mmap
import os

import numpy as np
import pytest

from wengert.kernels.placement import Placement

pytestmark = pytest.mark.skipif(not Placement.possible(), reason="without a compiler")
SIZES = [1 << 20, 1 << 20, 400_000]


@pytest.fixture
def memory():
    """The address of some memory that stays, and a placement of blocks in it."""
    kept = np.frombuffer(mmap.mmap(-1, 1 << 22), np.uint8)
    low = kept.ctypes.data
    ends = np.cumsum([0, *SIZES])
    placement = Placement([(low + int(at), n) for at, n in zip(ends, SIZES)])
    placement.kept = kept
    placement.on()
    yield low, placement
    placement.off()


def at(a):
    return a.__array_interface__["data"][0]


def test_arrays_of_these_sizes_take_blocks_until_they_are_gone(memory):
    low, placement = memory
    a, b, c = (np.empty(1 << 18, "f4") for _ in range(3))
    assert [at(a) - low, at(b) - low] == [0, 1 << 20]
    assert not low <= at(c) < low + (1 << 22)
    assert at(np.zeros((400, 250), "f4")) == low + (2 << 20)
    assert at(np.empty(1000, "f4")) not in range(low, low + (1 << 22))
    a[:] = 3
    part = a[5:]
    del a
    assert at(np.empty(1 << 18, "f4")) != low  # a view holds it
    assert part[0] == 3
    del part
    placement.off()
    assert at(np.empty(1 << 18, "f4")) != low
    placement.on()
    assert at(np.empty(1 << 18, "f4")) == low
    del b  # given back while something else was on, or nothing
    gc.collect()
    assert [at(np.empty(1 << 18, "f4")) for _ in range(2)] == [low, low]


def test_zeros_are_zero_and_arrays_that_grow_move(memory):
    low, _ = memory
    a = np.full(1 << 18, 7, "f4")
    assert at(a) == low
    a.resize(1 << 19, refcheck=False)
    assert at(a) != low and a[0] == a[(1 << 18) - 1] == 7 and a[-1] == 0
    b = np.zeros(1 << 18, "f4")
    assert at(b) == low and not b.any()
    small = np.empty(1 << 18, "f4")
    small.resize(10, refcheck=False)
    assert small.size == 10


def test_a_forked_process_takes_none(memory):
    low, _ = memory
    a = np.full(1 << 18, 1, "f4")
    child = os.fork()
    if not child:
        b = np.full(1 << 18, 2, "f4")
        fine = at(b) != low + (1 << 20) and at(a) == low
        del a, b
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert at(np.empty(1 << 18, "f4")) == low + (1 << 20)
    assert a[0] == 1
