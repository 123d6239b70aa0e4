"""Attention's kernels against NumPy in double precision: masks, dropout, odd sizes and layouts."""

import re

import numpy as np
import pytest

from wengert.arrays import attention as words
from wengert.kernels import attention, compiler

from .assembly import TARGETS, innermost_loops, products, stack_accesses

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="no llvmlite")


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(attention, "LEAST", 1)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f")


def case(lead, queries, keys, e, f):
    return (
        numbers(*lead, queries, e),
        numbers(*lead, keys, e, seed=1),
        numbers(*lead, keys, f, seed=2),
    )


def check(q, k, v, mask=None, noise=None, causal=False, scale=0.3):
    found = attention.attention(q, k, v, mask, noise, causal, scale)
    assert found is not None
    out, lse = found
    g = numbers(*out.shape, seed=3)
    grads = attention.attention_backward(g, q, k, v, mask, noise, lse, out, causal, scale)
    qd, kd, vd, gd = (a.astype("d") for a in (q, k, v, g))
    md = mask if mask is None or mask.dtype == bool else mask.astype("d")
    nd = None if noise is None else noise.astype("d")
    p = words.probabilities(np, qd * scale, kd, md, causal)
    right = np.matmul(p if nd is None else p * nd, vd)
    np.testing.assert_allclose(out, right, rtol=2e-5, atol=2e-6)
    theirs = words.attention_backward(np, gd, qd, kd, vd, md, nd, p, right, causal, scale)
    for a, b in zip(grads, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lead, queries, keys, e, f", [
    ((), 1, 1, 1, 1), ((2,), 17, 33, 5, 7), ((2, 3), 16, 16, 8, 8), ((1, 2), 200, 65, 16, 3),
    ((2, 2), 5, 130, 4, 16), ((3,), 130, 300, 8, 8),
])  # fmt: skip
def test_sizes(lead, queries, keys, e, f, causal):
    check(*case(lead, queries, keys, e, f), causal=causal)


def test_layouts():
    q, k, v = (numbers(2, 20, 3, 8, seed=s).transpose(0, 2, 1, 3) for s in range(3))
    check(q, k, v, causal=True)
    whole = numbers(2, 20, 3, 3, 8)
    check(*(whole[:, :, i].transpose(0, 2, 1, 3) for i in range(3)))
    check(np.asfortranarray(q), k[..., ::-1], v[..., ::2, :].repeat(2, -2))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 9, 20), (9, 20), (2, 1, 1, 20), (3, 9, 1)])
def test_masks(shape, causal):
    q, k, v = case((2, 3), 9, 20, 4, 4)
    check(q, k, v, numbers(*shape, seed=5), causal=causal)
    check(q, k, v, numbers(*shape, seed=5) > -0.3, causal=causal)


def test_rows_of_which_nothing_is_left():
    q, k, v = case((2,), 6, 20, 4, 4)
    keep = np.ones((6, 20), bool)
    keep[2] = False
    keep[4, 3:] = False
    check(q, k, v, keep)
    check(q, k, v, np.where(keep, 0, -np.inf).astype("f"))
    out, _ = attention.attention(q, k, v, keep, None, False, 1.0)
    assert (out[:, 2] == 0).all()


def test_dropout():
    q, k, v = case((2, 2), 20, 20, 8, 8)
    noise = (np.random.default_rng(0).random((2, 2, 20, 20)) > 0.3).astype("f") / 0.7
    check(q, k, v, None, noise.astype("f"), True)


def test_same_bits_for_any_number_of_threads(each_count):
    q, k, v = case((2, 2), 300, 300, 8, 8)
    seen = []
    for _ in each_count():
        out, lse = attention.attention(q, k, v, None, None, True, 0.3)
        seen.append(
            [out, *attention.attention_backward(out, q, k, v, None, None, lse, out, True, 0.3)]
        )
    for other in seen[1:]:
        for a, b in zip(seen[0], other):
            assert a.tobytes() == b.tobytes()


def test_leaves_the_rest_to_others():
    q, k, v = case((2,), 4, 5, 3, 3)
    assert (
        attention.attention(q.astype("d"), k.astype("d"), v.astype("d"), None, None, False, 1.0)
        is None
    )
    assert attention.attention(q, k[:1], v, None, None, False, 1.0) is None
    assert attention.attention(q, k, v, np.ones((4, 5), "d"), None, False, 1.0) is None
    assert attention.attention(q[:0], k[:0], v[:0], None, None, False, 1.0) is None


@pytest.mark.parametrize("target", TARGETS)
def test_sums_stay_in_registers(target):
    form = attention.Form("", False, True)
    for kernel in (attention.attend, attention.attend_backward):
        text = compiler.assembly(TARGETS[target], kernel.text(TARGETS[target], "float", form))
        tiles = re.findall(r"^(?:scores|wide)\d:.*?^\.Lfunc_end", text, re.S | re.M)
        loops = [loop for t in tiles for loop in innermost_loops(t) if products(loop) >= 2]
        assert len(tiles) >= 4 and len(loops) >= 4
        for loop in loops:
            assert len(stack_accesses(loop)) * 16 <= products(loop), loop


def test_few_heads_are_cut_into_parts():
    q, k, v = case((1,), 300, 90, 8, 8)
    check(q, k, v)
    check(q, k, v, causal=True)
