"""Memory shared by processes: what goes in comes out, and is used again only when nobody looks."""

import gc
import os
import pickle

import ml_dtypes
import numpy as np
import pytest

import wengert
from wengert.data import shared

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="a worker and its parent here are one process"
)


@pytest.fixture
def ends():
    file = shared.SharedFile()
    return shared.Writer(file), shared.Reader(file)


def send(ends, value):
    """One message, as a worker sends it and its parent reads it."""
    writer, reader = ends
    return reader.load(*writer.dump(value))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(2000),
        np.arange(3, dtype=np.uint8),
        np.ones((40, 50), np.float16),
        np.ones((20, 30), ml_dtypes.bfloat16),
        np.ones(3, ml_dtypes.bfloat16),
        np.array(1.5),
        np.zeros((0, 3)),
        np.full(500, 1 + 2j),
        np.array([True] * 3000),
        np.arange(10000)[::3],
        np.arange(10000).reshape(100, 100).T,
        np.array(["word", "words"] * 400),
        np.array(["2020-01-01"] * 300, "M8[D]"),
        np.zeros(200, [("a", "i4"), ("b", "f8")]),
        np.array([None, "x"]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_and_tensors_arrive(ends, array):
    found = send(ends, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable
    if array.dtype.kind in "biufc":
        tensor = send(ends, wengert.from_numpy(array.copy()))
        assert tensor.dtype == wengert.from_numpy(array.copy()).dtype
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_structures_arrive(ends):
    tensor = wengert.arange(1000)
    found = send(ends, {"a": [tensor, tensor], "b": ("x", 1, None), "c": {2}})
    assert found["a"][0] is found["a"][1]
    assert (found["b"], found["c"]) == (("x", 1, None), {2})


def test_whether_it_records_is_kept_and_a_graph_refused(ends):
    leaf = wengert.ones(1000, requires_grad=True)
    assert send(ends, leaf).requires_grad and not send(ends, leaf.detach()).requires_grad
    with pytest.raises(RuntimeError, match=r"shape \(1000,\).*call .detach\(\)"):
        send(ends, leaf * 2)


def test_it_is_the_same_memory(ends):
    writer, reader = ends
    mine = writer.array((50, 50), np.dtype(np.float32))
    mine[...] = 1
    pieces, rest = writer.dump(mine[10:20])
    theirs = reader.load(pieces, rest)
    mine[10, 0] = 7
    assert theirs[0, 0] == 7
    assert writer.file.size == shared.CHUNK and len(writer.places) == 1


def test_a_block_is_used_again_when_both_sides_let_go(ends):
    writer, reader = ends
    mine = writer.array((1000,), np.dtype(np.int64))
    mine[...] = 1
    theirs = reader.load(*writer.dump(mine))
    part = theirs[5:]
    del theirs
    writer.release(reader.drain())
    del mine
    assert writer.free == [] and part.tolist() == [1] * 995
    del part
    writer.release(reader.drain())
    assert writer.free == [0]
    other = writer.array((900,), np.dtype(np.int64))
    assert (len(writer.places), writer.free) == (1, [])
    del other
    assert writer.free == [0]


def test_a_loop_that_lets_go_needs_few_blocks(ends):
    writer, reader = ends
    for size in range(1000, 1100):
        batch = reader.load(*writer.dump(np.arange(size)))
        assert batch[-1] == size - 1
        writer.release(reader.drain())
    assert len(writer.places) <= 4


def test_a_small_array_does_not_take_a_large_block(ends):
    writer, _ = ends
    large = writer.empty(1 << 20)
    del large
    small = writer.empty(2000)
    assert len(writer.places) == 2 and len(small) == 2000


def test_more_than_a_chunk(ends, monkeypatch):
    monkeypatch.setattr(shared, "CHUNK", 1 << 16)
    arrays = [np.full(3000, number) for number in range(40)]
    found = [send(ends, array) for array in arrays]
    huge = send(ends, np.arange(100_000))
    assert [array[-1] for array in found] == list(range(40)) and huge[-1] == 99_999
    assert len(ends[0].chunks) > 2


def test_blocks_alive_at_a_fork_are_never_used_again(ends):
    writer, reader = ends
    batch = reader.load(*writer.dump(np.arange(1000)))
    read, write = os.pipe()
    if not os.fork():
        os.read(read, 1)
        os._exit(0 if batch.tolist() == list(range(1000)) else 1)
    child = os.wait
    del batch
    writer.release(reader.drain())
    assert writer.free == []
    reader.load(*writer.dump(np.zeros(1000, np.int64)))
    os.write(write, b"x")
    assert child()[1] == 0
    os.close(read)
    os.close(write)


def test_private_readers_do_not_see_each_other():
    file = shared.SharedFile()
    message = shared.Writer(file).dump(np.zeros(1000))
    first, second = (shared.Reader(file, private=True).load(*message) for _ in range(2))
    first += 1
    assert (first.sum(), second.sum()) == (1000, 0)


def test_nothing_is_left_open():
    def descriptors():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no list of descriptors")
    before = descriptors()
    file = shared.SharedFile()
    array = shared.Reader(file).load(*shared.Writer(file).dump(np.arange(1000)))
    file.close()
    del file
    assert array[-1] == 999
    del array
    assert descriptors() == before


def test_a_file_travels_only_to_a_process_that_starts():
    with pytest.raises(RuntimeError, match="inheritance"):
        pickle.dumps(shared.SharedFile())


def test_without_memory_files(monkeypatch):
    def missing(name):
        raise OSError("not here")

    monkeypatch.setattr(os, "memfd_create", missing, raising=False)
    file = shared.SharedFile()
    found = shared.Reader(file).load(*shared.Writer(file).dump(np.arange(5000)))
    assert found[-1] == 4999


def test_a_full_disk_is_an_error_and_no_crash(monkeypatch):
    def missing(name):
        raise OSError("not here")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "memfd_create", missing, raising=False)
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        shared.Writer(shared.SharedFile()).dump(np.arange(5000))
