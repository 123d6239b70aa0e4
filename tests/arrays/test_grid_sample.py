"""Reading at the points of a grid: the kernels against the bodies that they stand for."""

import itertools
import math

import numpy as np
import pytest

import wengert as T
import wengert.nn.functional as F
from wengert.arrays import grid_sample
from wengert.kernels import compiler

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
KINDS = [
    (rank, mode, padding)
    for rank, mode, padding in itertools.product(
        (2, 3), ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    )
    if rank == 2 or mode != "bicubic"
]


def results(x, points, g, *options):
    a, b = T.tensor(x).requires_grad_(), T.tensor(points).requires_grad_()
    y = F.grid_sample(a, b, *options)
    return [t.detach().numpy() for t in (y, *T.autograd.grad(y, (a, b), T.tensor(g)))]


def arrays(dtype, spatial, out, seed=0, images=3, channels=2):
    r = np.random.default_rng(seed)
    x = r.standard_normal((images, channels, *spatial))
    points = r.standard_normal((images, *out, len(out))) * 1.2
    return [a.astype(dtype) for a in (x, points, r.standard_normal((images, channels, *out)))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rank", "mode", "padding"), KINDS)
def test_kernels_agree_with_the_bodies(rank, mode, padding, dtype, monkeypatch):
    for spatial, out in (((4, 5, 3), (6, 3, 2)), ((1, 1, 1), (5, 2, 1)), ((5, 6, 7), (9, 5, 3))):
        x, points, g = arrays(dtype, spatial[:rank], out[:rank])
        for strange in (False, True):
            if strange:
                flat = points.reshape(-1)
                for step, odd in ((13, math.nan), (17, math.inf), (11, -math.inf), (19, 1e30)):
                    flat[step // 4 :: step] = odd
                flat[::7] = np.round(flat[::7])
            for corners in (False, True):
                both = []
                for lost in (math.inf, -math.inf):
                    monkeypatch.setattr(grid_sample, "lost", [lost])
                    both.append(results(x, points, g, mode, padding, corners))
                for quick, slow in zip(*both):
                    np.testing.assert_allclose(quick, slow, *(2e-4, 2e-4), equal_nan=True)


def test_nothing_outside_is_read_or_written(monkeypatch):
    """Neighbours in memory hold nan, in front, between and behind the images."""
    monkeypatch.setattr(grid_sample, "lost", [math.inf])
    x = np.full((3, 4, 5, 6), np.nan, "f")
    x[1, 1:3] = 1
    points = np.linspace(-9, 9, 400, dtype="f").reshape(1, 10, 20, 2)
    image, grid = T.from_numpy(x)[1:2, 1:3], T.from_numpy(points)
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            assert F.grid_sample(image, grid, mode, padding, False).isfinite().all()


def test_same_bits_for_any_number_of_threads(monkeypatch, each_count):
    monkeypatch.setattr(grid_sample, "lost", [math.inf])
    x, points, g = arrays("float32", (9, 8), (40, 70), images=4, channels=3)
    seen = []
    for _ in each_count():
        seen.append([a.tobytes() for a in results(x, points, g, "bilinear", "border", False)])
    assert seen[0] == seen[1] == seen[2]


def test_strides_of_any_kind(monkeypatch):
    monkeypatch.setattr(grid_sample, "lost", [math.inf])
    x, points, _ = arrays("float32", (5, 6), (7, 4))
    want = F.grid_sample(T.tensor(x), T.tensor(points), align_corners=False)
    a = T.tensor(x).contiguous(memory_format=T.channels_last)
    b = T.tensor(points).flip(1).permute(3, 1, 2, 0).contiguous().permute(3, 1, 2, 0)
    assert F.grid_sample(a, b, align_corners=False).flip(2).equal(want)
