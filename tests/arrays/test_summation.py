"""Sums, moments and norms of long single-precision data against double precision: the rounding
error stays that of a few additions along every axis, for every layout and mean.
"""

from __future__ import annotations

import numpy as np
import pytest

import wengert as torch
from wengert.arrays.summation import add_up

SHAPES = [
    ((10, 3), 0), ((1000, 2), 0), ((100_000, 4), 0), ((5_000_000, 2), 0), ((10_000_000,), 0),
    ((3000, 100), 0), ((3000, 100), 1), ((40, 300, 50), 1), ((200, 3, 17, 11), (0, 2, 3)),
    ((300, 70, 5), (0, 1)), ((2000, 150), None), ((70, 65, 3), (0, 2)),
]  # fmt: skip
MEANS = [0.0, 1.0, 1e3, 1e6]


def samples(shape: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    means = MEANS if np.prod(shape) < 1_000_000 else MEANS[::3]
    return [(rng.random(shape, np.float32) + np.float32(mean)) for mean in means]


@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_sum(shape: tuple[int, ...], dim: int | tuple[int, ...] | None) -> None:
    for x in samples(shape):
        for y in (x, np.asfortranarray(x), x[..., ::-1], x[::2]) if x.size < 10**6 else (x,):
            want = y.sum(dim, np.float64)
            for keep in (False, True):
                got = add_up(np, y, dim, keep)
                assert got.dtype == np.float32 and got.shape == y.sum(dim, keepdims=keep).shape
            np.testing.assert_allclose(add_up(np, y, dim), want, rtol=2e-6)


@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_moments(shape: tuple[int, ...], dim: int | tuple[int, ...] | None) -> None:
    for x in samples(shape):
        y, wide = torch.tensor(x), x.astype(np.float64)
        np.testing.assert_allclose(y.mean(dim).numpy(), wide.mean(dim), rtol=2e-6)
        np.testing.assert_allclose(y.std(dim).numpy(), wide.std(dim, ddof=1), rtol=1e-5)
        np.testing.assert_allclose(y.var(dim).numpy(), wide.var(dim, ddof=1), rtol=1e-5)


def test_constant_columns() -> None:
    x = torch.full((300_000, 3), 0.1)
    np.testing.assert_allclose(x.mean(0), 0.1, rtol=1e-6)
    np.testing.assert_allclose(x[:, 0].cumsum(0)[-1].item(), 30_000, rtol=1e-6)
    np.testing.assert_allclose(x.t().cumsum(1)[:, -1], 30_000, rtol=1e-6)


def test_gradient_of_a_long_batch() -> None:
    bias = torch.zeros(3, requires_grad=True)
    (torch.zeros(300_000, 3) + bias).mul(0.1).sum().backward()
    np.testing.assert_allclose(bias.grad.numpy(), 30_000, rtol=1e-6)


@pytest.mark.parametrize("mean", [0.0, 1e6])
@pytest.mark.parametrize("shape", [(20_000, 4), (50, 6, 70), (2, 2, 100_000)])
def test_norms(shape: tuple[int, ...], mean: float) -> None:
    F = torch.nn.functional
    x = (np.random.default_rng(0).random(shape) + mean).astype(np.float32)
    own = shape[-1:]
    rounding = 0.1 if mean else 0  # of the mean itself, in single precision
    for f, more in (
        (lambda x: F.batch_norm(x, None, None, training=True), rounding),
        (lambda x: F.layer_norm(x, own, *[torch.ones(own, dtype=x.dtype)] * 2), 0),
        (lambda x: F.group_norm(x, 2), 0),
    ):
        want = f(torch.tensor(x.astype(np.float64))).numpy()
        for _ in range(3):  # the later calls may go through a compiled loop
            np.testing.assert_allclose(
                f(torch.tensor(x)).numpy(), want, rtol=2e-4, atol=2e-5 + more
            )


def test_what_overflows_on_the_way() -> None:
    x = torch.tensor([1e19, 2e19, 4e19])
    np.testing.assert_allclose(x.var().item(), 2.3333e38, rtol=1e-3)
    norm = torch.nn.functional.layer_norm
    for _ in range(3):
        assert norm(x * 10, (3,)).isnan().all()
