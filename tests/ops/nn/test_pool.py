"""Pools: against PyTorch, and by their laws."""

import numpy as np
import pytest

import wengert as T
from wengert.func import jvp, vmap
from wengert.nn import functional as F

RNG = np.random.default_rng(0)


def randn(*shape):
    return RNG.standard_normal(shape)


def close(a, b, tol=1e-9):
    np.testing.assert_allclose(np.asarray(a.detach()), np.asarray(b.detach()), atol=tol, rtol=tol)


# ------------------------------------------------------------------------------------- recorded


def test_recorded_values_and_gradients():
    x = T.tensor([[[1.0, 5.0, 2.0, 2.0], [5.0, 0.0, 2.0, 1.0]]]).requires_grad_()
    y, where = F.max_pool2d(x, 2, return_indices=True)
    assert y.tolist() == [[[5.0, 2.0]]] and where.tolist() == [[[1, 2]]]
    assert where.dtype is T.int64 and not where.requires_grad
    (3 * y).sum().backward()
    assert x.grad.tolist() == [[[0.0, 3.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]
    x.grad = None
    F.avg_pool2d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[[0.25, 0.5, 0.5, 0.25], [0.25, 0.5, 0.5, 0.25]]]


def test_recorded_ceil_mode_and_padding():
    x = T.arange(1.0, 6.0).reshape(1, 5)
    assert F.max_pool1d(x, 2).tolist() == [[2.0, 4.0]]
    assert F.max_pool1d(x, 2, ceil_mode=True).tolist() == [[2.0, 4.0, 5.0]]
    assert F.max_pool1d(x, 3, 2, 1).tolist() == [[2.0, 4.0, 5.0]]
    assert F.avg_pool1d(x, 3, 2, 1).tolist() == [[1.0, 3.0, 3.0]]
    assert F.avg_pool1d(x, 3, 2, 1, count_include_pad=False).tolist() == [[1.5, 3.0, 4.5]]
    y = F.avg_pool2d(x[None], (1, 2), divisor_override=1)
    assert y.tolist() == [[[3.0, 7.0]]]


def test_recorded_adaptive():
    x = T.arange(5.0).reshape(1, 5)
    assert F.adaptive_avg_pool1d(x, 2).tolist() == [[1.0, 3.0]]
    y, where = F.adaptive_max_pool1d(x, 2, return_indices=True)
    assert y.tolist() == [[2.0, 4.0]] and where.tolist() == [[2, 4]]
    assert F.adaptive_avg_pool2d(T.ones(1, 2, 6, 4), (None, 2)).shape == (1, 2, 6, 2)


def test_recorded_power_mean():
    x = T.tensor([[3.0, 4.0, 0.0, 0.0]]).requires_grad_()
    y = F.lp_pool1d(x, 2, 2)
    assert y.tolist() == [[5.0, 0.0]]
    y[0, 0].backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.6, 0.8, 0.0, 0.0]], rtol=1e-6)


# ------------------------------------------------------------------------------------- laws


def test_nan_wins_and_minus_infinity_may_stay():
    x = T.tensor([[1.0, float("nan"), 3.0, 2.0], [-float("inf")] * 4])
    y, where = F.max_pool1d(x, 2, return_indices=True)
    assert y[0].isnan().tolist() == [True, False] and y[1].tolist() == [-float("inf")] * 2
    assert where.tolist() == [[1, 2], [0, 2]]


def test_overlapping_windows_add_their_gradients():
    x = T.tensor([[0.0, 9.0, 0.0]]).requires_grad_()
    F.max_pool1d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 0.0]]


def test_unpool_reverses_pool():
    x = T.tensor(randn(2, 3, 6, 8))
    y, where = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(y, where, 2)
    close(F.max_pool2d(back.clamp(min=0), 2), y.clamp(min=0))
    assert int((back != 0).sum()) == y.numel()
    assert F.max_unpool2d(y, where, 2, output_size=(2, 3, 7, 9)).shape == (2, 3, 7, 9)


def test_adaptive_is_plain_where_sizes_divide():
    x = T.tensor(randn(2, 3, 6, 8))
    close(F.adaptive_avg_pool2d(x, (3, 2)), F.avg_pool2d(x, (2, 4)))
    close(F.adaptive_max_pool2d(x, (3, 2)), F.max_pool2d(x, (2, 4)))
    close(F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0], x.mean((2, 3)))


POOLS = {
    "max": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max of all": lambda x: F.adaptive_max_pool2d(x, 1),
    "avg": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "avg of all": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive avg": lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (3, 4)),
}


@pytest.mark.parametrize("pool", POOLS)
def test_vmap_is_a_loop(pool):
    x = T.tensor(randn(3, 2, 2, 7, 6))
    f = POOLS[pool]
    close(vmap(f)(x), T.stack([f(a) for a in x]))
    gradient = T.func.grad(lambda a: (f(a) ** 2).sum())
    close(vmap(gradient)(x), T.stack([gradient(a) for a in x]))


@pytest.mark.parametrize("pool", POOLS)
def test_forward_mode_is_a_difference_quotient(pool):
    x, t = T.tensor(randn(2, 2, 7, 6)), T.tensor(randn(2, 2, 7, 6))
    f, step = POOLS[pool], 1e-6
    close(jvp(f, (x,), (t,))[1], (f(x + step * t) - f(x - step * t)) / (2 * step), 1e-7)


def test_fractional_windows_cover_the_ends(keep_rng):
    T.manual_seed(0)
    x = T.arange(49.0).reshape(1, 7, 7)
    y, where = F.fractional_max_pool2d(x, 2, 4, return_indices=True)
    assert float(y[0, 0, 0]) == 8.0 and float(y[0, -1, -1]) == 48.0
    close(x.flatten()[where.flatten()], y.flatten())
    assert F.fractional_max_pool2d(x, 2, output_ratio=0.5).shape == (1, 3, 3)


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.max_pool2d(x, 0), RuntimeError, "kernel_size must be greater than zero"),
        (lambda x: F.max_pool2d(x, 2, 0), RuntimeError, "stride must be greater than zero"),
        (lambda x: F.max_pool2d(x, 2, 1, -1), RuntimeError, "pad must be non-negative"),
        (lambda x: F.max_pool2d(x, 2, 1, 2), RuntimeError, "at most half of effective kernel size"),
        (lambda x: F.max_pool2d(x, 9), RuntimeError, "Output size is too small"),
        (
            lambda x: F.max_pool2d(x, (2, 2, 2)),
            RuntimeError,
            "kernel_size must be a single int or 2",
        ),
        (lambda x: F.max_pool2d(x, 2.5), TypeError, "'kernel_size' .* must be int"),
        (lambda x: F.max_pool2d(x[0, 0], 2), RuntimeError, "3D or 4D"),
        (lambda x: F.max_pool2d([1.0], 2), TypeError, "must be Tensor, not list"),
        (
            lambda x: F.avg_pool2d(x, 2, divisor_override=0),
            RuntimeError,
            "divisor must be not zero",
        ),
        (lambda x: F.adaptive_avg_pool2d(x, (2,)), RuntimeError, "output_size must be 2"),
        (lambda x: F.adaptive_avg_pool2d(x, -1), RuntimeError, "greater than or equal to 0"),
        (lambda x: F.adaptive_avg_pool2d(x[0, 0], 1), RuntimeError, "at least 3"),
        (
            lambda x: F.adaptive_avg_pool2d(x.long(), 1),
            RuntimeError,
            "could not infer output dtype",
        ),
        (lambda x: F.adaptive_avg_pool2d(x.long(), 2), NotImplementedError, "not implemented for"),
        (lambda x: F.fractional_max_pool2d(x, 2), ValueError, "output_size or an output_ratio"),
        (lambda x: F.fractional_max_pool2d(x, 4, 4), RuntimeError, "too large"),
        (lambda x: F.max_unpool2d(x, x.long()[:, :, :1], 2), RuntimeError, "shape of indices"),
        (lambda x: F.max_unpool2d(x, x, 2), RuntimeError, "should be type int64"),
        (lambda x: F.max_unpool2d(x, x.long() + 99, 2), RuntimeError, "invalid max index"),
        (lambda x: F.max_unpool2d(x, x.long(), 2, output_size=(1, 1)), ValueError, "output_size"),
    ],
)
def test_bad_arguments(call, kind, message):
    with pytest.raises(kind, match=message):
        call(T.zeros(1, 1, 4, 4))


# ------------------------------------------------------------------------------------- live

CALLS = {
    "max_pool1d": ((2, 3, 11), dict(kernel_size=3, stride=2, padding=1, dilation=2)),
    "max_pool2d": ((2, 3, 9, 8), dict(kernel_size=(3, 2), stride=2, padding=1, ceil_mode=True)),
    "max_pool3d": ((3, 5, 6, 7), dict(kernel_size=2, stride=(1, 2, 2), dilation=(2, 1, 1))),
    "avg_pool1d": ((2, 3, 11), dict(kernel_size=3, stride=2, padding=1, ceil_mode=True)),
    "avg_pool2d": ((2, 3, 9, 8), dict(kernel_size=3, stride=2, padding=1, count_include_pad=False)),
    "avg_pool3d": ((2, 2, 5, 6, 7), dict(kernel_size=(2, 3, 2), divisor_override=4)),
    "adaptive_avg_pool2d": ((2, 3, 9, 8), dict(output_size=(4, 5))),
    "adaptive_avg_pool3d": ((2, 3, 4, 5, 6), dict(output_size=(2, None, 3))),
    "adaptive_max_pool2d": ((2, 3, 9, 8), dict(output_size=(4, 5))),
    "adaptive_max_pool3d": ((2, 3, 4, 5, 6), dict(output_size=(3, 2, 3))),
    "lp_pool2d": ((2, 3, 8, 8), dict(norm_type=3.0, kernel_size=2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_two_derivatives_are_pytorchs(name, torch):
    shape, arguments = CALLS[name]
    a = np.abs(randn(*shape)) if name.startswith("lp") else randn(*shape)
    x, z = T.tensor(a).requires_grad_(), torch.from_numpy(a).requires_grad_()
    y, want = getattr(F, name)(x, **arguments), getattr(torch.nn.functional, name)(z, **arguments)
    close(y, want)
    g = randn(*want.shape)
    (first,) = T.autograd.grad((y**2).sum(), x, create_graph=True)
    (expected,) = torch.autograd.grad((want**2).sum(), z, create_graph=True)
    close(first, expected)
    close(T.autograd.grad((first**2).sum(), x)[0], torch.autograd.grad((expected**2).sum(), z)[0])
    assert g.shape == y.shape


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "uint8"])
def test_dtypes_are_pytorchs(dtype, torch):
    a = (10 * np.abs(randn(2, 3, 6, 6))).astype(dtype)
    want = torch.nn.functional.max_pool2d(torch.from_numpy(a), 3, 2, 1, return_indices=True)
    got = F.max_pool2d(T.tensor(a), 3, 2, 1, return_indices=True)
    for g, w in zip(got, want):
        assert str(g.dtype) == str(w.dtype)
        np.testing.assert_array_equal(g.numpy(), w.numpy())
    if dtype != "uint8":
        want = torch.nn.functional.avg_pool2d(torch.from_numpy(a), 3, 2, 1)
        np.testing.assert_allclose(
            F.avg_pool2d(T.tensor(a), 3, 2, 1).numpy(), want.numpy(), rtol=2e-3
        )


@pytest.mark.parametrize("rank", [2, 3])
def test_fractional_is_pytorchs(rank, torch):
    a, u = randn(2, 3, *(9, 8, 7)[:rank]), RNG.random((2, 3, rank))
    name = f"fractional_max_pool{rank}d"
    arguments = dict(kernel_size=2, output_size=(5, 4, 3)[:rank], return_indices=True)
    samples = torch.from_numpy(u)
    want = getattr(torch.nn.functional, name)(
        torch.from_numpy(a), _random_samples=samples, **arguments
    )
    got = getattr(F, name)(T.tensor(a), _random_samples=T.tensor(u), **arguments)
    for g, w in zip(got, want):
        np.testing.assert_array_equal(g.numpy(), w.numpy())
