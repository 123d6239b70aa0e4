"""Half precision within ops and rules: many elements, which take loops, give the bits of few."""

import numpy as np
import pytest

import wengert as torch
from wengert.arrays import half_arrays
from wengert.kernels import halves

F = torch.nn.functional
DTYPES = [torch.float16, torch.bfloat16]
CALLS = {
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x.abs() ** y,
    "numbers": lambda x, y: (x * 0.3 + 2) / 3 - 1 / y,
    "large number": lambda x, y: x * 1e6 + y,
    "sin": lambda x, y: torch.sin(x) + torch.cos(y),
    "sqrt": lambda x, y: x.sqrt() * y.rsqrt(),
    "exp": lambda x, y: x.exp() + torch.expm1(y),
    "rounding": lambda x, y: x.floor() + y.ceil() - x.trunc() + y.round() + x.frac(),
    "signs": lambda x, y: torch.copysign(x, y) + x.sign() + y.neg(),
    "extremes": lambda x, y: torch.maximum(x, y) + torch.minimum(x, y),
    "tests": lambda x, y: torch.where((x > y) | x.isnan(), x, y),
    "remainders": lambda x, y: torch.fmod(x, y) + torch.remainder(y, x),
    "logaddexp": lambda x, y: torch.logaddexp(x, y),
    "hypot": lambda x, y: torch.hypot(x, y),
    "activations": lambda x, y: F.mish(x) + F.silu(y) + F.gelu(x) + F.softplus(y),
    "with options": lambda x, y: F.selu(x) + F.hardtanh(y, -0.4, 0.6) + F.leaky_relu(x, 0.3),
    "one row": lambda x, y: x * y[0],
    "another order": lambda x, y: (x.T * y.T).T,
    "losses": lambda x, y: F.huber_loss(x, y, reduction="none"),
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(halves, "SAVED", 1e6)


def tensors(dtype):
    torch.manual_seed(0)
    x, y = (torch.randn(2, 8, 16) * 1.3).to(dtype)
    odd = torch.tensor([0.0, -0.0, np.inf, -np.inf, np.nan, 65504.0]).to(dtype)
    x[0, :6], y[0, 3:9] = odd, odd
    return x, y


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_many_elements_and_their_gradients_are_those_of_few(dtype, name):
    def run(x, y):
        x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
        out = CALLS[name](x, y)
        out.backward(torch.full_like(out, 0.7))
        for t in (out, x.grad, y.grad):
            assert type(t.detach().numpy() if dtype is torch.float16 else t._a) is np.ndarray
        return out.detach(), x.grad, y.grad

    x, y = tensors(dtype)
    few, many = run(x, y), run(x.repeat(48, 1), y.repeat(48, 1))
    for a, b in zip(few, many[:2] if name == "one row" else many):
        assert a.dtype == b.dtype == dtype
        torch.testing.assert_close(b[:8], a, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(b[-8:], a, rtol=0, atol=0, equal_nan=True)


def test_beside_other_dtypes_and_in_given_memory_numpy_has_its_say():
    a = np.linspace(-2, 2, 5000).astype(np.float16)
    h = half_arrays.standing(a)
    assert type(h) is half_arrays.HalfArray and half_arrays.plain(h) is a
    for f in (
        lambda x: x * np.float32(3),
        lambda x: x * np.arange(5000),
        lambda x: x * 1e6,
        lambda x: np.add.reduce(x),
        lambda x: np.multiply(x, x, dtype=np.float64),
        lambda x: np.exp(x, where=x > 0, out=np.zeros(5000, np.float16)),
        lambda x: np.arctan2(x, x[::-1]),
    ):
        with np.errstate(over="ignore"):
            found, expected = half_arrays.plain(f(h)), f(a)
        assert found.dtype == expected.dtype and type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)
    out = np.empty(5000, np.float16)
    assert half_arrays.plain(np.multiply(h, h, out)) is out
    np.testing.assert_array_equal(out, a * a)


def test_few_elements_and_other_dtypes_stay_as_they_are():
    for a in (np.ones(9, np.float16), np.ones(5000, "f4"), 3, None, (1, "x")):
        assert half_arrays.standing(a) is a or half_arrays.standing(a) == a


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rows", [3, 700])
def test_rows_added_at_an_index_are_rounded_once(dtype, rows):
    torch.manual_seed(2)
    x, source = torch.randn(rows, 24).to(dtype), torch.randn(900, 24).to(dtype)
    index = torch.randint(0, rows, (900,))
    found = torch.index_add(x, 0, index, source)
    wanted = torch.index_add(x.double(), 0, index, source.double()).to(dtype)
    assert found.dtype == dtype
    assert torch.allclose(found.double(), wanted.double(), rtol=torch.finfo(dtype).eps, atol=1e-4)
    assert (found == wanted).double().mean() > 0.99
    untouched = torch.bincount(index, minlength=rows) == 0
    assert torch.equal(found[untouched], x[untouched])


@pytest.mark.parametrize("shape", [(), (5,), (40, 130)])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_copysign_takes_the_sign_bit_whatever_carries_it(dtype, shape):
    odd = torch.tensor([0.0, -0.0, np.inf, -np.inf, np.nan]).to(dtype)
    x, y = torch.ones(5, *shape).to(dtype), torch.ones(5, 1, *shape).to(dtype)
    x, y = x * odd.view(5, *[1] * len(shape)), y * odd.view(5, 1, *[1] * len(shape))
    found = torch.copysign(x, y)
    wanted = np.copysign(x.float().numpy(), y.float().numpy())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.float().numpy(), wanted)
    signs = ~np.isnan(wanted)
    np.testing.assert_array_equal(
        np.signbit(found.float().numpy())[signs], np.signbit(wanted)[signs]
    )
