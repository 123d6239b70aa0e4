"""Products cut into pieces, against NumPy, of operands in all layouts."""

import numpy as np
import pytest

from wengert.kernels import compiler, matmul, panels

from .assembly import TARGETS, innermost_loops, products, stack_accesses

pytestmark = pytest.mark.skipif(
    compiler.target() is None or matmul.library() is None, reason="no llvmlite or no OpenBLAS"
)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(matmul, "LEAST", 1)


def numbers(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def check(x, y):
    out = matmul.matmul(x, y)
    right = np.matmul(x.astype("d"), y.astype("d"))
    assert out.shape == right.shape and out.dtype == x.dtype and out.flags.c_contiguous
    tolerance = 1e-5 if x.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(out, right, rtol=tolerance, atol=tolerance * x.shape[-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "m, n, k", [(1, 1, 1), (1, 700, 3), (700, 1, 3), (129, 65, 33), (65, 513, 20), (64, 64, 1)]
)
def test_layouts(m, n, k, dtype):
    x, y = numbers(m, k, dtype=dtype), numbers(k, n, dtype=dtype)
    for a in (x, np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], np.repeat(x, 2, 0)[::2]):
        for b in (y, np.asfortranarray(y), y[::-1][:, ::-1]):
            check(a, b)
    check(np.broadcast_to(x[:1], x.shape), y)


BATCHES = [
    ((5, 7, 3), (5, 3, 4)),
    ((5, 7, 3), (3, 4)),
    ((7, 3), (5, 3, 4)),
    ((2, 3, 70, 9), (2, 3, 9, 80)),
    ((2, 1, 70, 9), (3, 9, 80)),
    ((2, 3, 7, 9), (1, 9, 8)),
    ((40, 3, 4), (40, 4, 5)),
]


@pytest.mark.parametrize("shapes", BATCHES)
def test_batches(shapes):
    check(numbers(*shapes[0]), numbers(*shapes[1]))


def test_heads_of_attention():
    q = numbers(2, 33, 4, 8).transpose(0, 2, 1, 3)
    k = numbers(2, 33, 4, 8).transpose(0, 2, 1, 3)
    check(q, k.swapaxes(-1, -2))
    check(numbers(2, 4, 33, 33), k)


def test_same_bits_for_any_number_of_threads(each_count):
    x, y, seen = numbers(300, 200), numbers(200, 130), []
    for _ in each_count():
        seen.append(matmul.matmul(x, y).tobytes())
    assert len(set(seen)) == 1


def test_leaves_the_rest_to_others():
    x = numbers(3, 4)
    assert matmul.matmul(x, x) is None
    assert matmul.matmul(x, numbers(4)) is None
    assert matmul.matmul(x.astype("i4"), x.T.astype("i4")) is None
    assert matmul.matmul(x, x.T.astype("d")) is None
    assert matmul.matmul(x[:0], x.T) is None
    assert matmul.matmul(numbers(2, 3, 4), numbers(3, 4, 5)) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "m, n, k", [(1, 1, 1), (5, 65, 33), (13, 64, 17), (200, 17, 600), (96, 130, 1100)]
)
def test_linear(m, n, k, dtype):
    x, w, b = numbers(m, k, dtype=dtype), numbers(n, k, dtype=dtype), numbers(n, dtype=dtype)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for a in (x, np.asfortranarray(x)):
        for v in (w, np.asfortranarray(w)):
            for bias in (b, None):
                right = a.astype("d") @ v.T.astype("d") + (0 if bias is None else bias)
                out = matmul.linear(a, v, bias)
                np.testing.assert_allclose(out, right, rtol=tolerance, atol=tolerance * k)
    assert matmul.linear(x, w[:, :0], b) is None
    assert matmul.linear(x, w, numbers(n + 1, dtype=dtype)) is None


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("target", TARGETS)
def test_sums_stay_in_registers(target, turned):
    words = panels.multiply.text(TARGETS[target], "float", turned)
    text = compiler.assembly(TARGETS[target], words)
    loops = [loop for loop in innermost_loops(text) if products(loop) >= 4]
    assert loops
    for loop in loops:
        assert len(stack_accesses(loop)) * 16 <= products(loop), loop
