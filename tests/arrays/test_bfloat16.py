"""Sums of bfloat16 products in a fixed order: checked term by term, and against PyTorch."""

import numpy as np
import pytest

from wengert.arrays import bfloat16 as brainfloat
from wengert.arrays.bfloat16 import norm, product, product_plus, rounded


def matrix(*shape, seed=0):
    return rounded(np.random.default_rng(seed).standard_normal(shape))


def one_by_one(a, b, block):
    k = a.shape[1]
    total = None
    for start in range(0, k, block):
        out = np.zeros((len(a), b.shape[1]), np.float32)
        places = list(range(start, min(start + block, k)))
        for i in range(0, len(places) - 1, 2):
            places[i : i + 2] = places[i + 1], places[i]
        for i in places:
            out += np.multiply.outer(a[:, i], b[i])
        total = out if total is None else total + out
    return total


@pytest.mark.parametrize("m, n, k", [(20, 30, 9), (7, 33, 100), (40, 40, 384), (13, 35, 385)])
def test_pairs_second_first(m, n, k):
    if brainfloat._chain.compile() is None:
        pytest.skip("no compiler: OpenBLAS may add in another order")
    a, b = matrix(m, k), matrix(k, n, seed=1)
    assert np.array_equal(product(a, b), one_by_one(a, b, 512))


@pytest.mark.parametrize("k, block", [(700, 512), (1100, 1024)])
def test_long_sums_are_begun_anew(k, block):
    if brainfloat._chain.compile() is None:
        pytest.skip("no compiler")
    a, b = matrix(9, k), matrix(k, 37, seed=1)
    assert np.array_equal(product(a, b), one_by_one(a, b, block))


@pytest.mark.parametrize("along", [False, True])
@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (2, 3, 5), (3, 3, 70), (2, 2, 333), (1, 1, 4096)])
def test_small_ones_are_right_too(m, n, k, along):
    a, b = matrix(m, k), matrix(k, n, seed=1)
    exact = a.astype(float) @ b.astype(float)
    np.testing.assert_allclose(product(a, b, along), exact, rtol=1e-5, atol=1e-5)


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(brainfloat._chain, "made", True)
    monkeypatch.setattr(brainfloat._chain, "run", None)
    a, b = matrix(9, 700), matrix(700, 37, seed=1)
    np.testing.assert_allclose(product(a, b), a @ b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 4), (17, 31), (64, 64), (100, 333)])
def test_norms(shape):
    torch = pytest.importorskip("torch")
    for seed in range(20):
        a = matrix(*shape, seed=seed)
        assert norm(a) == torch.from_numpy(a).bfloat16().norm().float().item()


@pytest.mark.parametrize("m, n, k", [(8, 8, 8), (30, 50, 30), (33, 70, 600), (64, 64, 1500)])
def test_as_pytorch(m, n, k):
    torch = pytest.importorskip("torch")
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("PyTorch adds in another order on this processor")
    if k > brainfloat.CHAINED and brainfloat._chain.compile() is None:
        pytest.skip("no compiler")
    a, b, c = matrix(m, k), matrix(k, n, seed=1), matrix(m, n, seed=2)
    x, y, z = (torch.from_numpy(v).bfloat16() for v in (a, b, c))
    assert np.array_equal(rounded(product(a, b)), (x @ y).float().numpy())
    found = product_plus(-4.775, c, 2.0315, a, b)
    assert np.array_equal(found, torch.addmm(z, x, y, beta=-4.775, alpha=2.0315).float().numpy())
