"""Integrals of many short rows, whose places are worked on as rows, against their definition."""

import pytest

import wengert as T


@pytest.mark.parametrize("shape", [(4000, 3), (40, 100, 4), (3000, 8), (9000, 2)])
def test_trapezoids_of_short_rows(shape):
    T.manual_seed(0)
    y = T.randn(shape, dtype=T.float64).requires_grad_()
    at = T.randn(shape, dtype=T.float64)
    for x in (None, at, at[(0,) * (len(shape) - 1)]):
        h = 1 if x is None else x[..., 1:] - x[..., :-1]
        want = (y[..., 1:] + y[..., :-1]) * h / 2
        for got, whole in (
            (T.cumulative_trapezoid(y, *[x] * (x is not None)), want.cumsum(-1)),
            (T.trapezoid(y, *[x] * (x is not None)), want.sum(-1)),
        ):
            assert got.is_contiguous() and T.allclose(got, whole)
            g = T.randn_like(got)
            grads = [T.autograd.grad(r, y, g, retain_graph=True)[0] for r in (got, whole)]
            assert T.allclose(*grads)
