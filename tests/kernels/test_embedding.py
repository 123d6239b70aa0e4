"""Rows by index and their gradient, against NumPy's."""

import numpy as np
import pytest

import wengert as torch
from wengert.kernels import compiler, embedding

from .assembly import TARGETS

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")

SHAPES = [
    (50, 3, 200),
    (500, 128, 81),
    (30, 130, 300),
    (1, 1, 40),
    (9, 77, 1),
    (70, 64, 5),
    (7, 1030, 20),
]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(embedding, "LEAST", 1)
    monkeypatch.setattr(embedding, "ADDED", 0)


@pytest.mark.parametrize("past", [1, 1 << 60])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows,width,n", SHAPES)
def test_agrees_with_numpy(rows, width, n, dtype, past, monkeypatch):
    monkeypatch.setattr(embedding, "PAST", past)
    made = np.random.default_rng(0)
    table, g = [made.standard_normal((k, width)).astype(dtype) for k in (rows, n)]
    index = made.integers(0, rows, n)
    np.testing.assert_array_equal(embedding.rows_of(table, index), table[index])
    two = np.concatenate([index, index]).reshape(2, n)
    np.testing.assert_array_equal(embedding.rows_of(table, two), table[two])
    right = np.zeros((rows, width))
    np.add.at(right, index, g.astype("f8"))
    found = embedding.added_rows(g, index, rows)
    if rows > g.size:
        assert found is None
    else:
        assert found.dtype == dtype
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [-1, 7, 2**62, -(2**63)])
def test_indices_outside_are_errors(wrong):
    index = np.array([0, 6, 3, wrong, 2])
    for width in (40, 1024):
        with pytest.raises(IndexError):
            embedding.rows_of(np.zeros((7, width), "f"), index)
    with pytest.raises(IndexError):
        embedding.added_rows(np.zeros((5, 40), "f"), index, 7)
    weight = torch.zeros(7, 40, requires_grad=True)
    with pytest.raises(IndexError, match=f"got the index {wrong}, the weight has 7 rows"):
        torch.nn.functional.embedding(torch.from_numpy(index), weight)


def test_leaves_the_rest_to_others():
    index = np.array([1, 0])
    assert embedding.rows_of(np.zeros((3, 4), "i4"), index) is None
    assert embedding.rows_of(np.zeros((4, 3), "f").T, index) is None
    assert embedding.rows_of(np.zeros((3, 4), "f"), index.astype("i4")) is None
    assert embedding.added_rows(np.zeros((2, 4), "f2"), index, 3) is None
    assert embedding.added_rows(np.zeros((2, 4), "f"), index, 9) is None


def test_gradients_need_not_lie_in_order():
    g, index = np.broadcast_to(np.float32(2), (4, 5)), np.arange(8)[::2] // 4
    found = embedding.added_rows(g, index, 3)
    np.testing.assert_array_equal(found, np.repeat([[4.0], [4.0], [0.0]], 5, 1))


def test_same_bits_for_any_number_of_threads(each_count):
    made = np.random.default_rng(1)
    g, index = made.standard_normal((20000, 33)).astype("f"), made.integers(0, 3000, 20000)
    seen = []
    for _ in each_count():
        seen.append(embedding.added_rows(g, index, 3000).tobytes())
    assert len(set(seen)) == 1


@pytest.mark.parametrize("name", TARGETS)
def test_assembles_for_other_processors(name):
    target = TARGETS[name]
    for word in ("float", "double"):
        for past in (False, True):
            assert compiler.assembly(target, embedding.read.text(target, word, past))
            text = compiler.assembly(target, embedding.add.text(target, word, past))
            assert not target.x86 or past == ("movnt" in text)
