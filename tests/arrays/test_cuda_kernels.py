"""Words on CUDA that launch kernels of ours, over a stand-in for CuPy (`cupy_stand.py`)."""

import warnings
from functools import partial

import numpy as np
import pytest
from cupy_stand import Array, Stand

from wengert.arrays import (
    activation,
    cuda,
    cuda_kernels,
    cuda_launcher,
    cuda_norms,
    cuda_pools,
    cuda_random,
    elementwise,
    random_fill,
)  # fmt: skip
from wengert.arrays.philox_stream import PhiloxStream
from wengert.kernels import compiler, gpu_kernels

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="no compiler for this machine")
GENERAL = {
    name: next(getattr(m, name) for m in (activation, elementwise) if hasattr(m, name))
    for name in cuda_kernels.WORDS
    if name not in {**cuda_norms.WORDS, **cuda_pools.WORDS}
}

# word -> what it is called with besides arrays; the first with the first operands
OPTIONS = {
    "softplus": [(), (2.0, 3.0), (0.5,)], "softplus_backward": [(2.0, 3.0), (), (0.5, 8.0)],
    "elu": [(), (0.5,), (1.67, 1.05, 1.0)], "elu_backward": [(1.67, 1.05, 1.0), (), (2.0,)],
    "leaky_relu": [(), (0.3,), (-2.0,)], "leaky_relu_backward": [(0.3,), (), (1.5,)],
    "hardshrink": [(), (1.0,), (0.0,)], "hardshrink_backward": [(1.0,), (), (0.0,)],
    "softshrink": [(), (1.0,), (0.0,)], "hardtanh": [(), (-0.5, 2.0), (0.0, 6.0)],
    "hardtanh_backward": [(), (-0.5, 2.0), (0.0, 6.0)], "threshold": [(), (1.0, 20.0), (-1.0, 0.5)],
    "threshold_backward": [(), (1.0,), (-1.0,)],
    "clamp": [(-1.0, 2.0), (None, 0.5), (0.25, None)],
}  # fmt: skip


def operands(name, shape, seed=0, hard=False):
    rng = np.random.default_rng(seed)
    count = 1 + name.endswith("_backward")
    made = [rng.standard_normal(shape).astype(np.float32) * 3 for _ in range(count)]
    if name in ("relu_backward", "tanh_backward", "sigmoid_backward"):  # of results
        x = made[1]
        made[1] = {"r": np.maximum(x, 0), "t": np.tanh(x), "s": 1 / (1 + np.exp(-x))}[name[0]]
    if name.endswith("softmax_backward"):
        e = np.exp(made[1])
        e /= e.sum(-1, keepdims=True)
        made[1] = np.log(e) if name.startswith("log") else e
    if hard:
        made[0].reshape(-1)[:6] = [np.nan, np.inf, -np.inf, -0.0, 90, -90]
    return [np.ascontiguousarray(a).view(Array) for a in made]


@pytest.mark.parametrize("name", GENERAL)
def test_words_launch_kernels(name):
    lib = Stand()
    general = partial(GENERAL[name], np)
    word = cuda_kernels.wrap(name, general, lib)
    for number, shape in enumerate([(3,), (3, 77), (2, 3, 181)]):
        xs = operands(name, shape, number)
        xs += OPTIONS.get(name, [()] * 3)[number]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got, want = word(*xs), general(*xs)
            assert got.dtype == want.dtype and got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    assert len(lib.launches) == 3
    kept = len(lib.launches)  # operands that a kernel cannot read go to CuPy
    x = operands(name, (4, 6))
    for xs in (
        [a.astype(np.float64) for a in x], [a[..., ::2] for a in x], [a[:0] for a in x],
    ):  # fmt: skip
        xs += OPTIONS.get(name, [()])[0]
        np.testing.assert_array_equal(word(*xs), general(*xs))
    assert len(lib.launches) == kept


@pytest.mark.parametrize("name", GENERAL)
def test_numbers_that_are_none(name):
    """What CuPy's calls make of infinities and of nan, kernels make of them too."""
    lib, general = Stand(), partial(GENERAL[name], np)
    word = cuda_kernels.wrap(name, general, lib)
    first, *_ = OPTIONS.get(name, [()])
    word(*operands(name, (2, 9)), *first)  # believed from here on
    xs = [*operands(name, (2, 9), 1, hard=True), *first]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(word(*xs), general(*xs), rtol=1e-4, atol=1e-5)
    assert len(lib.launches) == 2


def test_options():
    lib, x = Stand(), operands("gelu", (5, 8))[0]
    gelu = cuda_kernels.wrap("gelu", partial(activation.gelu, np), lib)
    for how in ("none", "tanh"):
        want = activation.gelu(np, x, how)
        np.testing.assert_allclose(gelu(x, approximate=how), want, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(gelu(x, how), want, rtol=1e-4, atol=1e-6)
    assert lib.launches == ["gelu"] * 2 + ["gelu_tanh"] * 2
    softmax = cuda_kernels.wrap("softmax", partial(activation.softmax, np), lib)
    np.testing.assert_allclose(softmax(x, 0).sum(0), 1, rtol=1e-5)
    assert "softmax" not in lib.launches
    np.testing.assert_allclose(softmax(x, dim=1).sum(1), 1, rtol=1e-5)


def test_a_kernel_that_differs_is_not_believed():
    lib, x = Stand(), operands("silu", (40,))[0]
    lib.spoil = True
    general = partial(activation.silu, np)
    silu = cuda_kernels.wrap("silu", general, lib)
    with pytest.warns(RuntimeWarning, match="kernel silu differs from the general way.* on cuda:0"):
        np.testing.assert_array_equal(silu(x), general(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(silu(x), general(x))
    assert lib.launches == ["silu"]


def test_a_kernel_that_does_not_load():
    lib, x = Stand(), operands("silu", (40,))[0]
    lib.refuse = True
    silu = cuda_kernels.wrap("silu", partial(activation.silu, np), lib)
    with pytest.warns(RuntimeWarning, match="cannot be made: RuntimeError: CUDA_ERROR_INVALID_PTX"):
        silu(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silu(x)
        cuda_kernels.wrap("silu", partial(activation.silu, np), Stand("75"))(x)  # too old: quietly
    assert not lib.launches


def test_arguments_are_checked():
    x = np.zeros(4, np.float32)
    found = cuda_launcher.given(gpu_kernels.KERNELS["silu"], (4, x, x))
    assert type(found[0]) is np.int64 and found[1] is x
    for bad in ((4, x), (4, x, x.astype("f8")), (4, x, np.zeros(8, np.float32)[::2])):
        with pytest.raises(TypeError, match="silu: "):
            cuda_launcher.given(gpu_kernels.KERNELS["silu"], bad)


def test_the_namespace_has_them(monkeypatch):
    lib = Stand()
    monkeypatch.setattr(cuda, "library", lambda: lib)
    monkeypatch.setattr(cuda, "device_count", lambda: 1)
    ns = cuda.CUDANamespace(0)
    for word in GENERAL:
        xs = [*operands(word, (2, 6)), *OPTIONS.get(word, [()])[0]]
        (getattr(ns, word, None) or ns.primitive(word))(*xs)
    assert len(lib.launches) == len(GENERAL)
    x, w = operands("silu", (2, 6, 40))[0], operands("silu", (6,))[0]
    for word in ("batch_norm", "group_norm"):
        ns.primitive(word)(x, w, w)
    ns.primitive("layer_norm")(x, x[0].copy(), x[1].copy(), 2)
    assert lib.launches[-4:] == ["plane_moments", "plane_scaled", "group_norm", "layer_norm"]


DRAWS = [
    ("uniform", ()), ("uniform", (-2.0, 3.5)), ("uniform", (0.0, 1e-38)), ("bernoulli", (0.3,)),
    ("dropout", (0.75,)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "args"), DRAWS)
@pytest.mark.parametrize("n", [1, 4, 1000, 2048, 9000])
def test_draws_are_those_of_the_stream(kind, args, n):
    """On a device that runs two blocks at a time: from 2,048 numbers on each thread goes on."""
    lib = Stand()
    seed = 2**63 + 12345678901
    ours, theirs = PhiloxStream(seed, 2), PhiloxStream(seed, 2)
    like = lib.empty((n,), np.float32)
    for turn in range(3):
        got = cuda_random.draw(lib, 0, ours, kind, (n,), like.dtype, args)
        if kind == "dropout" and n % 4:
            assert got is None and not lib.launches
            return
        want = random_fill.draw(theirs, kind, np.empty(n, np.float32), args)
        np.testing.assert_array_equal(np.asarray(got), want.astype(np.float32))
        assert ours.offset == theirs.offset and got.dtype == np.float32
        assert len(lib.launches) == turn + 1


def test_draws_that_no_kernel_makes_or_that_differ():
    lib, f32 = Stand(), np.dtype(np.float32)
    stream = PhiloxStream(1, 8)
    assert cuda_random.draw(lib, 0, stream, "uniform", (4,), np.dtype(np.float64), ()) is None
    assert cuda_random.draw(lib, 0, stream, "cauchy", (4,), f32, (0.0, 1.0)) is None
    assert cuda_random.draw(lib, 0, stream, "uniform", (0,), f32, ()) is None
    assert stream.offset == 0 and not lib.launches
    lib.spoil = True
    with pytest.warns(RuntimeWarning, match="philox_uniform differs from the general way"):
        got = cuda_random.draw(lib, 0, stream, "uniform", (5,), f32, ())
    np.testing.assert_array_equal(got, PhiloxStream(1, 8).uniform((5,), f32))
    assert cuda_random.draw(lib, 0, stream, "uniform", (5,), f32, ()) is None
    assert stream.offset == 4
