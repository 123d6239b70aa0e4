"""Native threads: every chunk once, from many threads, after forks, with any number of workers."""

import os
import threading

import numpy as np
import pytest

from wengert.kernels import compiler, threads, workers
from wengert.kernels.jobs import job

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")


@job("seen: out i64*, who: out i64*, n: i64")
def mark(k):
    """Counts the visits of each chunk and notes who came."""
    seen, who, n = k.table()
    seen.store(seen.load(k.chunk) + 1 + k.step * n, k.chunk)
    who.store(k.thread, k.chunk)


@job("x: T*, out: out T*, n: i64")
def doubled(k, word):
    x, out, n = k.table()
    lanes, size = k.lanes(word), 1000
    start = k.chunk * size
    stop = k.least(start + size, n)
    full = start + (stop - start) // lanes * lanes

    def some(i, mask=None):
        out.store(x.load(i, lanes, mask) * 2.0, i, mask)

    k.loop(start, full, lanes, some)
    k.when(full < stop, lambda: some(full, k.mask(stop - full, lanes)))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000, 100_000])
@pytest.mark.parametrize("most", [1, 2, 5, 300])
def test_every_chunk_once(count, most, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: most)
    seen, who = np.zeros(count, "i8"), np.full(count, -1)
    mark()(count, seen, who, 0)
    assert (seen == 1).all()
    assert who.size == 0 or (who.min() >= 0 and who.max() < most)


def test_steps_follow_each_other(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 3)
    seen, who = np.zeros(50, "i8"), np.zeros(50, "i8")
    mark()(50, seen, who, 100, steps=4)
    assert (seen == 4 + 100 * (0 + 1 + 2 + 3)).all()


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 33, 999, 1000, 1001, 12345])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tails(n, dtype):
    x = np.arange(n, dtype=dtype)
    out = np.full(n + 8, -1, dtype)
    doubled("float" if dtype == "float32" else "double")(-(-n // 1000), x, out, n)
    assert (out[:n] == 2 * x).all() and (out[n:] == -1).all()


def test_many_python_threads_at_once(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 4)
    wrong = []

    def work():
        x = np.random.default_rng().standard_normal(20_000).astype("f")
        for _ in range(200):
            out = np.empty_like(x)
            doubled("float")(20, x, out, len(x))
            if not (out == 2 * x).all():
                wrong.append(1)

    running = [threading.Thread(target=work) for _ in range(4)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_workers_of_its_own(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 2)
    x = np.arange(50_000, dtype="f")
    out = np.empty_like(x)
    run = doubled("float")
    busy = threading.Event()

    def work():  # the fork comes while a call is under way
        there = np.empty_like(x)
        while not busy.is_set():
            run(50, x, there, len(x))

    t = threading.Thread(target=work)
    t.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                try:
                    for _ in range(20):
                        out[...] = 0
                        run(50, x, out, len(x))
                        assert (out == 2 * x).all()
                    os._exit(0)
                finally:
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        busy.set()
        t.join()


def test_arrays_are_checked():
    run = doubled("float")
    x = np.zeros(100, "f")
    with pytest.raises(
        ValueError, match="kernel doubled, argument 0: needs an aligned C-contiguous"
    ):
        run(1, x[::2], x.copy(), 50)
    with pytest.raises(ValueError, match="float32, not float64"):
        run(1, x.astype("d"), x.copy(), 50)
    fixed = x.copy()
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="may be written"):
        run(1, x, fixed, 50)


def test_too_many_chunks():
    with pytest.raises(ValueError, match="too many"):
        mark()(workers.CHUNKS, np.zeros(1, "i8"), np.zeros(1, "i8"), 0)


def test_loops_of_ufuncs_share_their_elements(each_count):
    from wengert.kernels.formulas import gelu, softmax
    from wengert.kernels.simd import Ufunc, elements, rows

    flat = Ufunc("flat", "ff", 1, lambda t: elements(t, "ff", gelu))
    by_row = Ufunc("by_row", "ff", 1, lambda t: rows(t, "ff", (0, 1), softmax), "(n)->(n)")
    x = np.random.default_rng(0).standard_normal(150_001).astype("f")
    y = x[:150_000].reshape(500, 300)
    seen = []
    for _ in each_count(1, 2, 3, 300):
        f, g = flat.ready(1e9), by_row.ready(1e9)
        seen.append([f(x), f(x[::2]), f(x[::-1]), g(y), g(y[::-1]), g(y.T), g(y[:1])])
    for other in seen[1:]:
        for a, b in zip(seen[0], other):
            assert a.tobytes() == b.tobytes()
    np.testing.assert_array_equal(seen[0][2], seen[0][0][::-1])
    np.testing.assert_allclose(seen[0][3].sum(1), 1, rtol=1e-5)
