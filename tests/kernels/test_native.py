"""Machine code against NumPy's ways to the same numbers, and PyTorch's; and doing without it."""

import numpy as np
import pytest

from wengert.arrays import random_kernels as drawn
from wengert.arrays.box_muller import blocks32
from wengert.arrays.random_stream import Stream, _shuffled
from wengert.kernels import native
from wengert.kernels import row_gather as rows
from wengert.kernels.native import Code, Host

F32 = np.dtype("float32")


@pytest.fixture
def compiled():
    for code in (drawn._shuffle, drawn._normals, rows._copy):
        if code.compile() is None:
            pytest.skip("no compiler, or a processor without fused multiply-add")


@pytest.mark.parametrize("n", [301, 302, 4096, 60000])
def test_shuffles_are_the_same(compiled, n):
    draws = np.random.default_rng(n).integers(0, 2**32, n - 1, np.uint64)
    assert np.array_equal(drawn.shuffled(draws, n), _shuffled(draws, n))


def test_every_uniform_gives_the_same_normals(compiled):
    every = np.arange(0, 2**24, 7, dtype=np.uint32)
    every = every[: every.size // 8 * 8].reshape(-1, 8)
    draws = np.stack([every, np.roll(every, 999)], 1).reshape(-1)
    high = np.uint32(0xAB000000)  # bits that do not count
    ours = drawn.normals(draws.size)(draws + high)
    theirs = blocks32(draws.astype(F32) * F32.type(2.0**-24))
    assert np.array_equal(ours.view(np.int32), theirs.view(np.int32))


@pytest.mark.parametrize("n", [16, 17, 31, 1000, 40007])
def test_streams_are_pytorchs(compiled, n):
    torch = pytest.importorskip("torch")
    stream = Stream(n)
    torch.manual_seed(n)
    assert np.array_equal(stream.normal((n,), F32), torch.randn(n).numpy())
    assert np.array_equal(stream.permutation(n), torch.randperm(n).numpy())
    assert np.array_equal(stream.normal((n,), F32, 1.5, 0.3), torch.empty(n).normal_(1.5, 0.3))
    assert stream.uniform((), F32) == torch.rand(()).numpy()


@pytest.mark.parametrize("size", [rows.ROW // 8, 100, 513])
def test_gathered_rows(compiled, monkeypatch, size):
    monkeypatch.setattr(rows, "LARGE", 0)
    array = np.random.default_rng(0).random((500, size))
    order = np.random.default_rng(1).permutation(500)
    for start, stop in ((0, 500), (3, 17), (490, 500), (500, 500)):
        assert np.array_equal(rows.gather(array, order, start, stop), array[order[start:stop]])


def test_code_is_made_when_it_pays():
    asked = []
    code = Code(lambda host: asked.append(host), "p")
    assert code.ready(native.COST / 2) is None
    assert not asked
    assert code.ready(native.COST / 2) is None
    assert code.ready(native.COST) is None
    assert code.made
    assert len(asked) == (Host.make() is not None)


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(Host, "made", [None])
    for module, name in ((drawn, "_shuffle"), (drawn, "_normals"), (rows, "_copy")):
        old = getattr(module, name)
        monkeypatch.setattr(module, name, Code(old.text, "p"))
        assert getattr(module, name).compile() is None
    expected = Stream(3)
    assert np.array_equal(np.sort(expected.permutation(1000)), np.arange(1000))
    assert drawn.shuffled(np.zeros(9, np.uint64), 10) is None
    assert drawn.normals(10**9) is None
