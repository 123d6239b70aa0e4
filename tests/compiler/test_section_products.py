"""Small products, single and in stacks, however their elements lie."""

from __future__ import annotations

import itertools

import pytest

import wengert as torch
from wengert.compiler.section import Section
from wengert.kernels import compiler

SIZES = [(1, 1, 1), (2, 3, 1), (33, 7, 1), (5, 8, 3), (3, 2, 17), (16, 15, 16), (9, 5, 33)]


def laid(shape, turned, dtype):
    """An array of a shape; turned: its columns follow each other."""
    x = torch.randn(*shape, dtype=dtype)
    return x.mT.contiguous().mT if turned else x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("turned", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("batch", [((), ()), ((4,), (4,)), ((4,), ()), ((), (3,)), ((2, 3), (3,))])
def test_products(batch, turned, dtype):
    torch.manual_seed(1)
    for m, depth, n in SIZES:
        x = laid((*batch[0], m, depth), turned[0], dtype)
        y = laid((*batch[1], depth, n), turned[1], dtype)

        def f(x, y):
            return (x * 2).sum() + ((x @ y) * 0.1).tanh()

        def g(x, y):
            return (x @ y).mT * 2 + 1

        for h in (f, g):
            compiled = torch.compile(h)
            for _ in range(2):
                torch.testing.assert_close(compiled(x, y), h(x, y), rtol=1e-4, atol=1e-5)
            assert compiled.calls.counts["compiled"] == 1


@pytest.mark.skipif(compiler.target() is None, reason="there is no compiler")
def test_views_of_what_a_section_computes():
    def f(x, y):
        a = torch.tanh(x) * 2
        b = (a.transpose(1, 2) @ y).permute(2, 0, 1)
        return (b @ a[:1, :3].expand(3, 3, 4).mT) + 1

    compiled = torch.compile(f)
    x, y = torch.randn(5, 6, 4), torch.randn(5, 6, 3)
    for _ in range(2):
        torch.testing.assert_close(compiled(x, y), f(x, y))
    (plan,) = compiled.calls.plans
    assert any(type(i) is Section for i in plan.program.items)


@pytest.mark.skipif(compiler.target() is None, reason="there is no compiler")
@pytest.mark.parametrize("n", [2, 15, 16, 17, 33])
def test_what_is_repeated_in_the_middle(n):
    def f(x, y, z):
        a = torch.maximum((x + y) * 2, z)
        return (a - y).sum(1) + ((z * x) / (y * y + 1)).sum(1)

    compiled = torch.compile(f)
    x, y, z = torch.randn(5, 6, n), torch.randn(5, 1, n), torch.randn(1, 6, n)
    for _ in range(2):
        torch.testing.assert_close(compiled(x, y, z), f(x, y, z))
    assert compiled.calls.counts["compiled"] == 1
    (plan,) = compiled.calls.plans
    assert [type(i) for i in plan.program.items] == [Section]
