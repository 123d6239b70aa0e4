"""Words with loops of their own: as the general words, on every layout, with and without the
compiler.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from wengert.arrays import activation as activations
from wengert.arrays import fused, normalization, reductions
from wengert.arrays import loss as losses
from wengert.arrays.fused_elements import CHOICE
from wengert.kernels.lanes import where
from wengert.kernels.native import Host
from wengert.kernels.simd import Ufunc, elements, rows

needs_compiler = pytest.mark.skipif(
    Host.make() is None or not Host.make().fuses(),  # type: ignore[union-attr]
    reason="llvmlite is not installed",
)
GENERAL = {
    name: getattr(module, name)
    for module in (activations, normalization, losses)
    for name in module.__all__
    if name in fused.WORDS
}
LANES = 32  # more than a step has
SIZES = [(0,), (1,), (5,), (LANES,), (3, LANES + 1), (2, 3, 100)]


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 3


def general(name: str):
    def f(*args, **options):
        return GENERAL[name](np, *args, **options)

    return f


def both(name: str):
    return general(name), fused.wrap(name, general(name))


def close(a, b) -> bool:
    if isinstance(a, tuple):
        return all(close(x, y) for x, y in zip(a, b) if x is not None and y is not None)
    return a.shape == np.shape(b) and np.allclose(a, b, rtol=2e-5, atol=2e-6, equal_nan=True)


UNARY = ["silu", "mish", "logsigmoid", "leaky_relu", "elu", "softplus", "gelu"]
PIECES = ["hardtanh", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "threshold"]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("shape", SIZES)
def test_elements_as_in_general(name: str, shape: tuple[int, ...]) -> None:
    slow, quick = both(name)
    x = numbers(shape)
    assert close(slow(x), quick(x))
    g = numbers(shape, 1)
    if name != "mish":
        slow, quick = both(name + "_backward")
        assert close(slow(g, x), quick(g, x))


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("shape", SIZES)
def test_pieces_to_the_bit(name: str, shape: tuple[int, ...], monkeypatch) -> None:
    monkeypatch.setattr(Ufunc, "PAYS", 0)
    slow, quick = both(name)
    x = numbers(shape)
    x.reshape(-1)[::7] = np.nan
    x.reshape(-1)[::5] = 0.5
    np.testing.assert_array_equal(slow(x), quick(x))
    if name in ("hardtanh", "hardswish", "hardshrink", "threshold"):
        slow, quick = both(name + "_backward")
        assert close(slow(x * 2, x), quick(x * 2, x))


def test_two_arrays_to_the_bit(monkeypatch) -> None:
    monkeypatch.setattr(Ufunc, "PAYS", 0)
    x, w = numbers((4, 3, 50)), numbers((3, 1), 1)
    x[0, 0, :3] = np.nan, np.inf, -np.inf
    slow, quick = both("prelu")
    np.testing.assert_allclose(slow(x, w), quick(x, w), 1e-6)
    slow, quick = both("prelu_backward")
    np.testing.assert_array_equal(slow(x, x, w), quick(x, x, w))
    for name in ("maximum", "minimum"):
        f = fused.wrap(name, getattr(np, name))
        for y in (w, x[:, :, :1], np.float32(0), np.array(np.nan, "f"), x.astype("d")):
            np.testing.assert_array_equal(f(x, y), getattr(np, name)(x, y))


@pytest.mark.parametrize("name", UNARY)
def test_layouts_and_dtypes(name: str) -> None:
    slow, quick = both(name)
    x = numbers((40, 70))
    for view in (x.T, x[::2, 1::3], x[:, ::-1], np.broadcast_to(x[:1], (40, 70))):
        assert close(slow(view), quick(view))
    for dtype in (np.float16, np.float64):
        r = quick(x.astype(dtype))
        assert r.dtype == dtype and (r == slow(x.astype(dtype))).all()


@needs_compiler
def test_extremes() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -200.0, 200.0, 1e-30], np.float32)
    with np.errstate(all="ignore"):
        sigmoid = fused.wrap("sigmoid", None)(x)
        erf = fused.wrap("erf", None)(x)
        softplus = fused.wrap("softplus", None)(x)
    assert np.array_equal(sigmoid, np.array([np.nan, 1, 0, 0.5, 0, 1, 0.5], "f"), equal_nan=True)
    assert np.array_equal(erf[:6], np.array([np.nan, 1, -1, 0, -1, 1], "f"), equal_nan=True)
    assert math.isclose(erf[6], 2e-30 / math.sqrt(math.pi), rel_tol=1e-6)
    assert np.isnan(softplus[0]) and np.isinf(softplus[1]) and softplus[5] == 200
    assert softplus[2] == softplus[4] == 0


@needs_compiler
def test_errors_of_a_few_units_in_the_last_place() -> None:
    x = np.linspace(-8, 8, 20001, dtype=np.float32)
    exact = np.array([math.erf(v) for v in x.tolist()])
    assert np.abs(fused.wrap("erf", None)(x) - exact).max() < 2e-7
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert (np.abs(fused.wrap("sigmoid", None)(x) - exact) / exact).max() < 3e-7


@pytest.mark.parametrize(
    "shape", [(4,), (3, 1), (2, 3, 100), (5, 2 * LANES), (37, 5), (9, 16), (70, 1)]
)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows_as_in_general(name: str, shape: tuple[int, ...]) -> None:
    slow, quick = both(name)
    x, g = numbers(shape), numbers(shape, 1)
    for dim in (-1, 0):
        out = slow(x, dim)
        assert close(out, quick(x, dim))
        back, quick_back = both(name + "_backward")
        assert close(back(g, out, dim), quick_back(g, out, dim))


def test_layer_norm_as_in_general() -> None:
    x, g = numbers((4, 3, 60)), numbers((4, 3, 60), 1)
    for dims, shape in ((1, (60,)), (2, (3, 60))):
        for weight, bias in ((None, None), (numbers(shape, 2), numbers(shape, 3))):
            slow, quick = both("layer_norm")
            a = slow(x, weight, bias, dims, 1e-5)
            assert close(a, quick(x, weight, bias, dims, 1e-5))
            slow, quick = both("layer_norm_backward")
            args = (g, x, weight, *a[1:], dims, 1e-5)
            assert close(slow(*args), quick(*args))


def test_norms_of_many_short_rows() -> None:
    x, g, weight = numbers((50, 3, 6)), numbers((50, 3, 6), 1), numbers((6,), 2)
    slow, quick = both("layer_norm")
    a = slow(x, weight, weight, 1, 1e-5)
    assert close(a, quick(x, weight, weight, 1, 1e-5))
    slow, quick = both("layer_norm_backward")
    assert close(slow(g, x, weight, *a[1:], 1, 1e-5), quick(g, x, weight, *a[1:], 1, 1e-5))
    slow, quick = both("group_norm")
    assert close(slow(x, None, None, 3, 1e-5), quick(x, None, None, 3, 1e-5))
    for view in (x.transpose(1, 0, 2), x[::2, :, ::-1], x[..., ::2]):
        slow, quick = both("softmax")
        assert close(slow(view, -1), quick(view, -1))


def same_cross_entropies(x: np.ndarray, target: np.ndarray, reduction: str) -> None:
    slow, quick = both("cross_entropy")
    a, b = slow(x, target, None, reduction), quick(x, target, None, reduction)
    assert close(a[0], b[0])
    g = np.asarray(numbers(a[0].shape, 1))
    slow, quick = both("cross_entropy_backward")
    want = slow(g, x, target, None, *a[1:], reduction)
    assert close(want, quick(g, x, target, None, *b[1:], reduction))


@pytest.mark.parametrize("classes", [5, 50])
def test_many_classified_rows(classes: int) -> None:
    x, target = numbers((70, classes)), np.arange(70) % classes
    for reduction in ("mean", "none"):
        same_cross_entropies(x, target, reduction)


def test_group_norm_as_in_general() -> None:
    x, g = numbers((2, 4, 5, 5)), numbers((2, 4, 5, 5), 1)
    for weight in (None, numbers((4,), 2)):
        slow, quick = both("group_norm")
        a = slow(x, weight, weight, 2, 1e-5)
        assert close(a, quick(x, weight, weight, 2, 1e-5))
        slow, quick = both("group_norm_backward")
        args = (g, x, weight, *a[1:], 2, 1e-5, (True, weight is not None, weight is not None))
        assert close(slow(*args), quick(*args))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_as_in_general(reduction: str) -> None:
    x, target = numbers((6, 50)), np.arange(6)
    same_cross_entropies(x, target, reduction)
    y = np.abs(numbers((6, 50), 2)) / 20
    slow, quick = both("bce_logits")
    a = slow(x, y, None, None, reduction)
    assert close(a, quick(x, y, None, None, reduction))
    g = np.asarray(numbers(a.shape, 1))
    slow, quick = both("bce_logits_backward")
    assert close(slow(g, x, y, None, None, reduction), quick(g, x, y, None, None, reduction))


def test_class_beyond_the_classes_is_refused() -> None:
    _, quick = both("cross_entropy")
    for bad in (50, -1):
        with pytest.raises(IndexError, match="out of bounds"):
            quick(numbers((1, 50)), np.array([bad]))
    loss = quick(numbers((2, 50)), np.array([3, -100]))[0]
    assert close(loss, quick(numbers((2, 50))[:1], np.array([3]))[0])


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "make", classmethod(lambda cls: None))
    for name in ("silu", "softmax", "layer_norm", "gelu"):
        slow, quick = both(name)
        x = numbers((3, 40))
        a, b = slow(x), quick(x)
        assert all((p == q).all() for p, q in zip(a, b))


@needs_compiler
def test_exact_loops_come_when_they_pay() -> None:
    u = Ufunc("twice", "ff", 1, lambda t: elements(t, "ff", lambda x: x + x), exact=True)
    assert u.ready(1.0) is None
    run = u.ready(Ufunc.PAYS)
    x = numbers((100,))
    assert run is not None and (run(x) == 2 * x).all()


@needs_compiler
def test_loops_of_their_own() -> None:
    bigger = Ufunc(
        "bigger", "f?ff", 3, lambda t: elements(t, "f?ff", lambda x, m, y: where(m, x, y))
    )
    run = bigger.compile()
    x, y = numbers((7, 33)), numbers((33,), 1)
    out = np.empty_like(x)
    assert run(x, x > y, y, out) is out
    assert (out == np.maximum(x, y)).all()

    def sums(row) -> None:
        total, top = row.each([0], [], "+m", lambda v: (v, v))
        row.put(1, total)
        row.put(2, top)

    u = Ufunc("sums", "fff", 1, lambda t: rows(t, "fff", [0], sums), "(n)->(),()")
    for a in (x, x.T, x[:, ::-2]):
        total, top = u.compile()(a)
        assert np.allclose(total, a.sum(-1), rtol=1e-5, atol=1e-5)
        assert (top == a.max(-1)).all()


@pytest.mark.parametrize("shape", [(40, 300), (5000, 5), (3, 1500)])
def test_logsumexp_along_any_dimension(shape: tuple[int, ...]) -> None:
    x = numbers(shape)
    x[0], x[:, 1] = -np.inf, np.inf
    x[2, 2], x[1, 0] = np.nan, -np.inf
    f = fused.wrap("logsumexp", lambda *args: reductions.logsumexp(np, *args))
    for a in (x, numbers(shape) * 20):
        for dim in (0, 1, -1):
            for keepdim in (True, False):
                with np.errstate(invalid="ignore"):
                    want = reductions.logsumexp(np, a, dim, keepdim)
                assert close(want, f(a, dim, keepdim))


@pytest.mark.parametrize("shape", [(900, 5), (4, 7, 300), (2, 1100, 2)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows_in_any_dimension(name: str, shape: tuple[int, ...]) -> None:
    x, g = numbers(shape), numbers(shape, 1)
    slow, quick = both(name)
    back, quick_back = both(name + "_backward")
    for dim in range(-len(shape), len(shape)):
        out = slow(x, dim)
        assert close(out, quick(x, dim)) and quick(x, dim).flags.c_contiguous
        want = back(g, out, dim)  # differences of sums over a dimension, so near zero at places
        np.testing.assert_allclose(quick_back(g, out, dim), want, rtol=2e-5, atol=4e-5)


@needs_compiler
@pytest.mark.parametrize("value", [0.0, -0.0, 2, -math.inf, math.nan])
def test_fills_keep_the_sign_of_zero(value):
    fill = fused.wrap("masked_fill", lambda x, mask, value: np.where(mask, np.float32(value), x))
    CHOICE.compile()
    x = numbers((3, 5))
    out = fill(x, x > 0, value)
    expected = np.where(x > 0, np.float32(value), x)
    assert np.array_equal(out, expected, equal_nan=True)
    assert np.array_equal(np.signbit(out), np.signbit(expected)) or math.isnan(value)


@needs_compiler
def test_gelu_keeps_its_digits_far_below_zero():
    x = np.linspace(-12, 12, 4001).astype("f")
    wide = x.astype("f8")
    share = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in wide])
    slope = share + wide * np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    words = [both(name)[1] for name in ("gelu", "gelu_backward")]
    y = words[0](x)
    np.testing.assert_allclose(y, wide * share, 1e-5, 1e-37)
    np.testing.assert_allclose(words[1](np.ones_like(x), x), slope, atol=4e-7)


ODD = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e38, 0.5, -2.5, 1.0]


def with_odd(shape: tuple[int, ...], seed: int) -> np.ndarray:
    x, r = numbers(shape, seed), np.random.default_rng(seed + 100)
    odd = r.random(shape) < 0.4
    x[odd] = r.choice(ODD, int(odd.sum()))
    return x


@needs_compiler
@pytest.mark.parametrize("shape", SIZES)
def test_words_of_the_library_to_the_bit(shape: tuple[int, ...], monkeypatch) -> None:
    monkeypatch.setattr(Ufunc, "PAYS", 0)
    x, y = with_odd(shape, 0), with_odd(shape, 1)
    words = {
        "copysign": np.copysign,
        "nextafter": np.nextafter,
        "trunc_divide": lambda x, y: np.trunc(x / y),
        "heaviside": lambda x, y: np.where(x == 0, y, (x > 0).astype(np.float32)),
        "logical_and": np.logical_and,
        "logical_or": np.logical_or,
        "logical_xor": np.logical_xor,
    }
    for name, word in words.items():
        for b in (y, y[..., :1]):
            with np.errstate(all="ignore"):
                want, got = word(x, b), fused.wrap(name, None)(x, b)
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want, name)
            np.testing.assert_array_equal(np.signbit(got * 1.0), np.signbit(want * 1.0), name)
    np.testing.assert_array_equal(fused.wrap("logical_not", None)(x), np.logical_not(x))


@needs_compiler
def test_products_and_quotients_that_are_added_are_scaled_first(monkeypatch) -> None:
    from wengert.arrays.weighted import addcmul

    monkeypatch.setattr(Ufunc, "PAYS", 0)
    one = np.ones(9, np.float32)
    large = np.full(9, 3e38, np.float32)
    assert np.isfinite(addcmul(one, large, large * 1e-38, 0.25)).all()
    quotient = fused.wrap("addcdiv", None)
    assert np.isfinite(quotient(one, large, one * 0.5, 0.25)).all()
    np.testing.assert_array_equal(quotient(one, large, one * 0.5, 0.25), one + large * 0.5)


@needs_compiler
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(600, 3, 1, 4), (90, 5, 17, 2), (3, 40, 60)])
def test_rows_along_any_dimension(name: str, shape: tuple[int, ...]) -> None:
    slow, quick = both(name)
    back = both(name + "_backward")
    x, g = numbers(shape), numbers(shape, 1)
    for y, h in ((x, g), (x.swapaxes(0, 1), g.swapaxes(0, 1)), (x[::2], g[::2])):
        for dim in range(len(shape)):
            out = slow(y, dim)
            assert close(out, quick(y, dim))
            assert close(*[f(h, out, dim) for f in back])
            if name == "softmax":
                total = fused.wrap("logsumexp", None)
                want = np.log(np.exp(y.astype("f8")).sum(dim, keepdims=True))
                if y.size >= 4096:
                    assert close(want.astype("f4"), total(y, dim, True))
                    assert close(want.squeeze(dim).astype("f4"), total(y, dim))
