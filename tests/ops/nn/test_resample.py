"""interpolate, grid_sample and affine_grid: against PyTorch, and by their laws."""

import itertools
import warnings

import numpy as np
import pytest

import wengert as T
from wengert.func import vmap
from wengert.nn import functional as F

RNG = np.random.default_rng(0)


def randn(*shape):
    return RNG.standard_normal(shape)


def close(a, b, tol=1e-9):
    np.testing.assert_allclose(np.asarray(a.detach()), np.asarray(b.detach()), atol=tol, rtol=tol)


# ------------------------------------------------------------------------------------- laws


def test_recorded_values():
    x = T.tensor([[[1.0, 3.0]]])
    assert F.interpolate(x, scale_factor=2).tolist() == [[[1.0, 1.0, 3.0, 3.0]]]
    assert F.interpolate(x, 3, mode="linear", align_corners=True).tolist() == [[[1.0, 2.0, 3.0]]]
    assert F.interpolate(x, 4, mode="linear").tolist() == [[[1.0, 1.5, 2.5, 3.0]]]
    assert F.interpolate(x, 1, mode="area").tolist() == [[[2.0]]]
    grid = T.tensor([[[[-1.0, 0.0], [0.0, 0.0], [3.0, 0.0]]]])
    y = F.grid_sample(x[None], grid, align_corners=True)
    assert y.tolist() == [[[[1.0, 2.0, 0.0]]]]
    y = F.grid_sample(x[None], grid, padding_mode="border", align_corners=True)
    assert y.tolist() == [[[[1.0, 2.0, 3.0]]]]


@pytest.mark.parametrize("corners", [True, False])
def test_the_identity_grid_reads_the_image(corners):
    x = T.tensor(randn(2, 3, 4, 5))
    theta = T.eye(2, 3, dtype=T.float64).expand(2, 2, 3)
    grid = F.affine_grid(theta, x.shape, align_corners=corners)
    for mode in ("bilinear", "nearest", "bicubic"):
        close(F.grid_sample(x, grid, mode, align_corners=corners), x)


def test_a_volume_grid():
    x = T.tensor(randn(1, 2, 3, 4, 5))
    theta = T.eye(3, 4, dtype=T.float64)[None]
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    close(F.grid_sample(x, grid, align_corners=False), x)


def test_vmap_is_a_loop():
    x, grid = T.tensor(randn(3, 2, 1, 4, 5)), T.tensor(randn(3, 2, 3, 3, 2) / 2)

    def f(x, grid):
        return F.grid_sample(x, grid, align_corners=False)

    close(vmap(f)(x, grid), T.stack([f(a, b) for a, b in zip(x, grid)]))
    close(vmap(f, (0, None))(x, grid[0]), T.stack([f(a, grid[0]) for a in x]))

    def up(x):
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    close(vmap(up)(x), T.stack([up(a) for a in x]))


def test_older_names_warn():
    x = T.tensor(randn(1, 1, 2, 2))
    for f, new in (
        (F.upsample, dict(mode="nearest")),
        (F.upsample_nearest, dict(mode="nearest")),
        (F.upsample_bilinear, dict(mode="bilinear", align_corners=True)),
    ):
        with pytest.warns(UserWarning, match="deprecated"):
            y = f(x, scale_factor=2)
        close(y, F.interpolate(x, scale_factor=2, **new))
    with pytest.warns(UserWarning, match="align_corners"):
        F.affine_grid(T.eye(2, 3)[None], (1, 1, 2, 2))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({}, ValueError, "either size or scale_factor"),
        (dict(size=3, scale_factor=2), ValueError, "only one of size or scale_factor"),
        (dict(size=(3,)), ValueError, "same number of spatial dimensions"),
        (dict(scale_factor=(2.0,)), ValueError, "same number of spatial dimensions"),
        (dict(size=3, mode="linear"), NotImplementedError, "linear mode needs 3D input"),
        (dict(size=3, mode="cubic"), NotImplementedError, "got cubic"),
        (dict(size=3, align_corners=True), ValueError, "align_corners option"),
        (dict(size=3, antialias=True), ValueError, "Anti-alias"),
        (dict(size=3, mode="lanczos"), ValueError, "requires antialias"),
        (dict(size=0), RuntimeError, "greater than 0"),
        (dict(size=3.5), TypeError, "size must be ints"),
        (dict(size=3, recompute_scale_factor=True), ValueError, "recompute_scale_factor"),
    ],
)
def test_bad_arguments(arguments, kind, message):
    with pytest.raises(kind, match=message):
        F.interpolate(T.ones(1, 1, 4, 4), **arguments)


def test_bad_grids():
    x, grid = T.ones(1, 1, 4, 4), T.zeros(1, 2, 2, 2)
    for call, kind, message in (
        (lambda: F.grid_sample(x, grid, "cubic"), ValueError, "expected mode"),
        (lambda: F.grid_sample(x, grid, padding_mode="same"), ValueError, "expected padding_mode"),
        (lambda: F.grid_sample(x, grid[..., :1]), RuntimeError, "size 2 in last dimension"),
        (lambda: F.grid_sample(x, T.zeros(2, 2, 2, 2)), RuntimeError, "same batch size"),
        (lambda: F.grid_sample(x, grid.double()), RuntimeError, "same dtype"),
        (lambda: F.affine_grid(T.ones(2, 3), (1, 1, 2, 2)), ValueError, "Nx2x3"),
        (lambda: F.affine_grid(T.ones(1, 2, 3), (1, 1, 2)), NotImplementedError, "4D and 5D"),
    ):
        with pytest.raises(kind, match=message):
            call()


# ------------------------------------------------------------------------------------- live

INTERPOLATE = [
    ((2, 2, 7), dict(scale_factor=1.6, mode="linear")),
    ((2, 2, 5, 7), dict(size=(8, 3), mode="nearest")),
    ((2, 2, 5, 7), dict(scale_factor=(0.6, 1.7), mode="nearest-exact")),
    ((2, 2, 5, 7), dict(size=(8, 3), mode="bilinear", align_corners=True)),
    ((2, 2, 5, 7), dict(scale_factor=(0.6, 1.7), mode="bilinear", antialias=True)),
    ((2, 2, 5, 7), dict(scale_factor=1.7, mode="bicubic", recompute_scale_factor=True)),
    ((2, 2, 9, 7), dict(size=(4, 5), mode="bicubic", antialias=True)),
    ((2, 2, 9, 7), dict(size=(4, 12), mode="lanczos", antialias=True)),
    ((2, 2, 3, 5, 4), dict(scale_factor=1.5, mode="trilinear")),
    ((2, 2, 5, 7), dict(size=(2, 3), mode="area")),
]


@pytest.mark.parametrize(("shape", "arguments"), INTERPOLATE)
def test_interpolate_is_pytorchs(shape, arguments, torch):
    a = randn(*shape)
    x, z = T.tensor(a).requires_grad_(), torch.from_numpy(a).requires_grad_()
    y, want = F.interpolate(x, **arguments), torch.nn.functional.interpolate(z, **arguments)
    close(y, want)
    g = randn(*want.shape)
    y.backward(T.tensor(g))
    want.backward(torch.from_numpy(g))
    close(x.grad, z.grad)


@pytest.mark.parametrize(
    ("mode", "padding", "corners"),
    list(
        itertools.product(
            ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (True, False)
        )
    ),
)
def test_grid_sample_is_pytorchs(mode, padding, corners, torch):
    a, p = randn(2, 3, 4, 5), randn(2, 3, 6, 2)
    x, grid = T.tensor(a).requires_grad_(), T.tensor(p).requires_grad_()
    z, points = torch.from_numpy(a).requires_grad_(), torch.from_numpy(p).requires_grad_()
    y = F.grid_sample(x, grid, mode, padding, corners)
    want = torch.nn.functional.grid_sample(z, points, mode, padding, corners)
    close(y, want)
    g = randn(*want.shape)
    y.backward(T.tensor(g))
    want.backward(torch.from_numpy(g))
    close(x.grad, z.grad)
    close(grid.grad, points.grad)


def test_affine_grid_is_pytorchs(torch):
    for rank, corners in itertools.product((2, 3), (True, False)):
        theta = randn(2, rank, rank + 1)
        size = (2, 1, 3, 4, 5)[: rank + 2]
        want = torch.nn.functional.affine_grid(torch.from_numpy(theta), size, corners)
        close(F.affine_grid(T.tensor(theta), size, corners), want)


def test_no_warnings_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.interpolate(T.ones(1, 1, 2, 2), scale_factor=2)
        F.grid_sample(T.ones(1, 1, 2, 2), T.zeros(1, 1, 1, 2), align_corners=False)


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_samplers_by_numbers(mode, padding):
    rng = np.random.default_rng(0)
    x = T.from_numpy(rng.standard_normal((2, 3, 4, 5)))
    grid = T.from_numpy(rng.uniform(-1.4, 1.4, (2, 3, 3, 2)))
    words = ("bilinear", "nearest", "bicubic")[mode], ("zeros", "border", "reflection")[padding]
    expected = F.grid_sample(x, grid, *words, align_corners=False)
    for sampler in (T.grid_sampler, T.grid_sampler_2d):
        assert T.equal(sampler(x, grid, mode, padding, False), expected)
    with pytest.raises(RuntimeError, match="5D input"):
        T.grid_sampler_3d(x, grid, mode, padding, False)
    with pytest.raises(RuntimeError, match="0, 1 or 2, got 7"):
        T.grid_sampler(x, grid, mode, 7, False)
