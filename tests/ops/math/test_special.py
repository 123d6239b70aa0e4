"""Special functions, window functions and rarer functions of two tensors."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

import wengert as w

ONE = [
    "airy_ai",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "logit",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "ndtr",
    "ndtri",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "sinc",
    "spherical_bessel_j0",
]
TWO = ["gammainc", "gammaincc", "xlog1py", "xlogy", "zeta"]
POLYNOMIALS = [
    *(f"{s}chebyshev_polynomial_{k}" for s in ("", "shifted_") for k in "tuvw"),
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
]
POINTS = [0.0, 0.3, 0.5, 0.9, 1.0, 1.7, 2.5, -0.4, -1.0, -2.3]


def both(torch: Any, values: Any, dtype: str = "float64") -> tuple[Any, Any]:
    return (
        torch.tensor(values, dtype=getattr(torch, dtype)),
        w.tensor(values, dtype=getattr(w, dtype)),
    )


def close(got: Any, want: Any, rtol: float = 1e-6) -> None:
    assert str(got.dtype) == str(want.dtype)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_tensor_match_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs, ours = both(torch, POINTS)
    rough = 1e-4 if name == "airy_ai" else 1e-6  # PyTorch is good to five digits there
    close(getattr(w.special, name)(ours), getattr(torch.special, name)(theirs), rough)
    if name == "round":
        return  # PyTorch has it for floating tensors only
    t, o = both(torch, [1, 2, 3], "int64")
    close(getattr(w.special, name)(o), getattr(torch.special, name)(t), 1e-5)


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_tensors_match_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    a, b = both(torch, [0.0, 0.5, 1.5, 3.0])
    c, d = both(torch, [[0.2], [1.0], [2.5]])
    close(getattr(w.special, name)(b, d), getattr(torch.special, name)(a, c))


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_match_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    a, b = both(torch, [-1.0, -0.4, 0.3, 1.0, 1.6])
    c, d = both(torch, [[0.0], [1.0], [2.9], [5.0], [-1.0]])
    close(getattr(w.special, name)(b, d), getattr(torch.special, name)(a, c))
    close(getattr(w.special, name)(b, 3), getattr(torch.special, name)(a, 3))


def test_every_name_of_torch_special_is_there() -> None:
    torch = pytest.importorskip("torch")
    names = {
        n for n in dir(torch.special) if n[0].islower() and callable(getattr(torch.special, n))
    }
    assert not names - {"common_args", "multi_dim_common"} - set(dir(w.special))


def slope(f: Any, x: float, h: float = 1e-5) -> float:
    up, down = w.tensor(x + h, dtype=w.float64), w.tensor(x - h, dtype=w.float64)
    return float((f(up) - f(down)) / (2 * h))


@pytest.mark.parametrize("name", [*ONE, "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"])
@pytest.mark.parametrize("at", [0.3, 0.7])
def test_derivatives_are_slopes(name: str, at: float) -> None:
    f = getattr(w.special, name)
    x = w.tensor(at, dtype=w.float64, requires_grad=True)
    (g,) = w.autograd.grad(f(x), x)
    assert float(g) == pytest.approx(slope(f, at), rel=1e-6, abs=1e-8)


def test_known_values() -> None:
    x = w.tensor(0.5, dtype=w.float64)
    assert float(w.lgamma(x)) == pytest.approx(math.log(math.sqrt(math.pi)))
    assert float(w.special.ndtr(x * 0)) == 0.5
    assert float(w.special.zeta(w.tensor(2.0, dtype=w.float64), 1.0)) == pytest.approx(
        math.pi**2 / 6
    )
    assert float(w.polygamma(1, x * 2)) == pytest.approx(math.pi**2 / 6)
    assert float(w.special.bessel_j0(x * 0)) == 1.0
    assert float(w.mvlgamma(x * 4, 1)) == pytest.approx(0.0)


def test_half_precision_is_computed_in_single() -> None:
    for d in (w.float16, w.bfloat16):
        x = w.tensor([0.5, 2.0], dtype=d)
        for name in ("ndtr", "i0", "digamma", "sinc", "entr"):
            got = getattr(w.special, name)(x)
            assert got.dtype is d
            want = getattr(w.special, name)(x.float()).to(d)
            assert w.equal(got, want)


def test_missing_derivatives_are_announced() -> None:
    a = w.tensor([1.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="igamma"):
        w.igamma(a, w.tensor([2.0])).sum().backward()


BINARY = [
    "copysign",
    "hypot",
    "fmax",
    "fmin",
    "logaddexp",
    "logaddexp2",
    "atan2",
    "heaviside",
    "nextafter",
    "ldexp",
]


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_at_the_edges(name: str) -> None:
    torch = pytest.importorskip("torch")
    special = [0.0, -0.0, 1.5, -2.0, math.inf, -math.inf, math.nan]
    t, o = both(torch, special)
    if name == "ldexp":
        t, o = t[:4], o[:4]
    close(getattr(w, name)(o[:, None], o), getattr(torch, name)(t[:, None], t))


@pytest.mark.parametrize("name", BINARY[:7])
def test_binary_gradients_match_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    a, b = both(torch, [0.5, -1.5, 2.0, 2.0])
    c, d = both(torch, [1.0, -0.5, 2.0, -3.0])
    for t in (a, b, c, d):
        t.requires_grad_()
    getattr(torch, name)(a, c).sum().backward()
    getattr(w, name)(b, d).sum().backward()
    close(b.grad, a.grad)
    close(d.grad, c.grad)


def test_rounding_and_taking_apart() -> None:
    x = w.tensor([2.456, -1.5, 0.5])
    assert w.round(x).tolist() == [2.0, -2.0, 0.0]
    assert w.round(x, decimals=1).tolist() == pytest.approx([2.5, -1.5, 0.5])
    m, e = w.frexp(x)
    assert w.equal(w.ldexp(m, e), x)
    assert e.dtype is w.int32
    assert w.gcd(w.tensor([12, 7]), w.tensor([18, 21])).tolist() == [6, 7]
    assert w.lcm(w.tensor([4]), w.tensor([6])).tolist() == [12]


def test_bad_input_is_refused() -> None:
    with pytest.raises(RuntimeError, match="negative n"):
        w.polygamma(-1, w.ones(1))
    with pytest.raises(RuntimeError, match="dtypes"):
        w.heaviside(w.ones(1), w.ones(1, dtype=w.int64))
    with pytest.raises(RuntimeError, match="complex"):
        w.isneginf(w.ones(1, dtype=w.complex64))
    with pytest.raises(NotImplementedError):
        w.gcd(w.ones(1), w.ones(1))


WINDOWS = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("sym", [True, False])
def test_windows_match_pytorch(name: str, sym: bool) -> None:
    torch = pytest.importorskip("torch")
    for n in (0, 1, 2, 7):
        got = getattr(w.signal.windows, name)(n, sym=sym, dtype=w.float64)
        want = getattr(torch.signal.windows, name)(n, sym=sym, dtype=torch.float64)
        np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-12)


def test_older_windows() -> None:
    assert w.hann_window(4).tolist() == [0.0, 0.5, 1.0, 0.5]
    assert w.hamming_window(3, periodic=False).tolist() == pytest.approx([0.08, 1.0, 0.08])
    assert w.kaiser_window(5, False)[2] == 1.0
    with pytest.raises(RuntimeError, match="non-negative"):
        w.hann_window(-1)
    with pytest.raises(ValueError, match="float32"):
        w.signal.windows.hann(3, dtype=w.int64)


def test_sampled_data() -> None:
    x = w.tensor([1.0, 4.0, 9.0, 16.0])
    assert w.gradient(x)[0].tolist() == [3.0, 4.0, 6.0, 7.0]
    assert w.gradient(x, edge_order=2)[0].tolist() == pytest.approx([2.0, 4.0, 6.0, 8.0])
    h = w.histogram(x, 3, range=(0.0, 15.0))
    assert h.hist.tolist() == [2.0, 1.0, 0.0]
    assert w.vander(w.tensor([2, 3]), 3).tolist() == [[4, 2, 1], [9, 3, 1]]
    assert [t.item() for t in w.unravel_index(w.tensor(5), (2, 3))] == [1, 2]
    assert w.nonzero_static(x > 3, size=2).tolist() == [[1], [2]]
    assert w.segment_reduce(x, "sum", lengths=w.tensor([1, 3])).tolist() == [1.0, 29.0]


def test_memory() -> None:
    x = w.arange(6.0)
    y = x.resize_(2, 2)
    assert y is x and x.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert x.untyped_storage().nbytes() == 24
    assert sys.getsizeof(x.untyped_storage()) > sys.getsizeof(x[:0].clone().untyped_storage()) + 23
    assert x.storage().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    b = bytearray(b"\x01\x02")
    t = w.frombuffer(b, dtype=w.uint8)
    t[0] = 7
    assert b[0] == 7
    assert isinstance(x, w.FloatTensor) and not isinstance(x, w.LongTensor)
    assert w.LongTensor([1, 2]).dtype is w.int64
    with pytest.raises(RuntimeError, match="resize"):
        w.ones(2, requires_grad=True).resize_(3)
