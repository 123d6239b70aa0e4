"""Half precision in one pass: the bits are NumPy's."""

import ml_dtypes
import numpy as np
import pytest

import wengert as torch
from wengert.kernels import halves

ALL = np.arange(65536, dtype=np.uint16)
KINDS = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(halves, "SAVED", 1e6)


def same(a, b):
    nan = np.isnan(a.astype("f4")) & np.isnan(b.astype("f4"))
    assert a.dtype == b.dtype and a.shape == b.shape
    assert (nan | (a.view(f"u{a.itemsize}") == b.view(f"u{b.itemsize}"))).all()


@pytest.mark.parametrize("d", KINDS, ids=str)
def test_every_number_becomes_the_float32_number(d):
    same(halves.converted(ALL.view(d), np.dtype("f4")), ALL.view(d).astype("f4"))


@pytest.mark.parametrize("d", KINDS, ids=str)
def test_numbers_between_two_are_rounded_to_even(d):
    with np.errstate(all="ignore"):
        x = ALL.view(d).astype("f4")
        halfway = (x.astype("f8") + np.roll(x, -1)).astype("f4") / 2
        random = np.random.default_rng(0).integers(0, 2**32, 1 << 18, dtype=np.uint32).view("f4")
        for y in (
            x,
            halfway,
            np.nextafter(halfway, np.float32(0)),
            random,
            random.reshape(2, -1).T,
        ):
            same(halves.converted(y, d), y.astype(d))


@pytest.mark.parametrize("name", sorted([*halves.FORMULAS, *halves.TESTS]))
@pytest.mark.parametrize("d", KINDS, ids=str)
def test_arithmetic_of_every_number_rounds_once(d, name):
    ufunc = getattr(np, name)
    x = ALL.view(d)
    given = (x, x[np.random.default_rng(1).permutation(65536)])[: ufunc.nin]
    with np.errstate(all="ignore"):
        expected = ufunc(*given)
        found = halves.arithmetic(name, *given)
        same(expected if found is None else found, expected)
        given = (x.reshape(256, 256).T, *[y[:256] for y in given[1:]])
        grid = halves.arithmetic(name, *given)
        if grid is not None:
            same(grid, ufunc(*given))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_many_elements_give_what_few_give(dtype):
    torch.manual_seed(0)
    few = torch.randn(8, 16).to(dtype)
    many = few.repeat(64, 1)
    F = torch.nn.functional
    for f in (
        lambda x: x + x, lambda x: x - 2.5 * x, torch.sqrt, torch.log, torch.erf, F.relu, F.gelu,
        lambda x: x.clamp(-0.5, 0.5), lambda x: F.softmax(x, -1), lambda x: F.layer_norm(x, (16,)),
        lambda x: x.amax(1), lambda x: x.sum(1), lambda x: x.clamp(min=0), lambda x: x**2, F.silu,
        lambda x: x.argmax(1), lambda x: x.max(1)[0], lambda x: x.T * x.T, lambda x: x.abs() ** 1.5,
        lambda x: F.rms_norm(x, (16,)), F.hardswish, torch.tanh, torch.exp,
    ):  # fmt: skip
        a, b = f(few), f(many)
        assert a.dtype == b.dtype
        if a.shape[-1] == 8 and b.shape[-1] == 512:
            b = b[..., :8]
        torch.testing.assert_close(b[: len(a)], a, rtol=1.6e-2, atol=1e-3, equal_nan=True)
