"""Machine code against NumPy's ways to the same numbers, and PyTorch's; and doing without it."""

import numpy as np
import pytest

from wengert.arrays import random_kernels
from wengert.arrays.random_stream import Stream
from wengert.kernels import native
from wengert.kernels import row_gather as rows
from wengert.kernels.native import Code, Host

F32, F64, I64 = np.dtype("float32"), np.dtype("float64"), np.dtype("int64")


KERNELS = [code for code in vars(random_kernels).values() if isinstance(code, Code)]


@pytest.fixture
def compiled():
    for code in (*KERNELS, rows._copy):
        if code.compile() is None:
            pytest.skip("no compiler, or a processor without fused multiply-add")


@pytest.fixture
def numpy_alone(monkeypatch):
    """What switches the kernels off."""

    def switch_off():
        for code in KERNELS:
            monkeypatch.setattr(code, "made", True)
            monkeypatch.setattr(code, "run", None)

    return switch_off


def draws(stream, rng):
    """Some numbers of each kind, one kind after another in random order."""
    for _ in range(80):
        n = int(rng.choice([0, 1, 2, 3, 5, 15, 16, 17, 31, 32, 100, 625, 4007]))
        mean, std = float(rng.normal()), float(abs(rng.normal()))
        yield one_of(rng.integers(12), stream, n, mean, std)


def one_of(kind, stream, n, mean, std):
    low, p = int(mean * 100), min(std, 1.0)
    kinds = (
        lambda: stream.uniform((n,), F32),
        lambda: stream.uniform((n,), F32, mean, mean + std),
        lambda: stream.uniform((n,), F64, mean, mean + std),
        lambda: stream.normal((n,), F32),
        lambda: stream.normal((n,), F32, mean, std),
        lambda: stream.normal((n,), F64, mean, std),
        lambda: stream.normal((n,), F32, mean, std, contiguous=False),
        lambda: stream.normal((n,), np.dtype("c8"), mean, std),
        lambda: stream.integers((n,), I64, low, low + 1 + int(std * 1000)),
        lambda: stream.integers((n,), I64, -low, 2**40),
        lambda: stream.permutation(n),
        lambda: stream.bernoulli((n,), p),
    )
    return kinds[kind]()


@pytest.mark.parametrize("seed", range(4))
def test_kernels_draw_what_numpy_draws(compiled, numpy_alone, seed):
    ours = Stream(seed)
    fast = [*draws(ours, np.random.default_rng(seed)), ours.state()]
    numpy_alone()
    ours = Stream(seed)
    slow = [*draws(ours, np.random.default_rng(seed)), ours.state()]
    for x, y in zip(fast, slow):
        assert x.tobytes() == y.tobytes() if hasattr(x, "tobytes") else x == y


def test_normals_of_a_million_uniforms_are_the_same(compiled, numpy_alone):
    fast = Stream(5).normal((1 << 20,), F32)
    numpy_alone()
    assert np.array_equal(fast.view(np.int32), Stream(5).normal((1 << 20,), F32).view(np.int32))


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
    for code in (*KERNELS, rows._copy):
        monkeypatch.setattr(code, "made", False)
        monkeypatch.setattr(code, "run", None)
    assert all(code.compile() is None for code in KERNELS)
    assert np.array_equal(np.sort(Stream(3).permutation(1000)), np.arange(1000))
    assert len(Stream(3).normal((1 << 16,), F32)) == 1 << 16
