"""Fourier transforms: against PyTorch (all forms, sizes, norms, derivatives), and by their
definition.
"""

from __future__ import annotations

import numpy as np
import pytest
from ops.both import close, refused, same

import wengert

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 5, 6))
Z = X + 1j * rng.standard_normal((3, 5, 6))
TO_COMPLEX = ["fft", "ifft", "fft2", "ifft2", "fftn", "ifftn"]
FROM_REAL = ["rfft", "ihfft", "rfft2", "ihfft2", "rfftn", "ihfftn"]
TO_REAL = ["irfft", "hfft", "irfft2", "hfft2", "irfftn", "hfftn"]
ALL = [*TO_COMPLEX, *FROM_REAL, *TO_REAL]


def options(name: str) -> list[dict]:
    if name.endswith(("2", "n")):
        return [
            {},
            {"s": (4, 7), "dim": (0, 2), "norm": "ortho"},
            {"s": (4, 8), "dim": (-1, 1), "norm": "forward"},
            {"dim": (1,)},
            {"s": (-1, 4), "dim": (1, 2), "norm": "backward"},
        ]
    return [
        {},
        {"n": 4, "norm": "ortho"},
        {"n": 9, "dim": 1, "norm": "forward"},
        {"dim": 0, "norm": "backward"},
        {"n": 1},
        {"n": 2},
    ]


@pytest.mark.parametrize("name", ALL)
def test_against_pytorch(torch, name):
    for x in [X] if name in FROM_REAL else [X, Z]:
        for kwargs in options(name):
            same(torch, lambda T, t, k=kwargs: getattr(T.fft, name)(t, **k), x)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64"])
def test_dtypes(torch, name, dtype):
    if dtype == "complex64" and name in FROM_REAL:
        return
    a, b = (getattr(T.fft, name)(T.tensor(X * 3).to(getattr(T, dtype))) for T in (wengert, torch))
    close(a, b, name)


def test_all_dims_by_sizes_alone(torch):
    same(torch, lambda T, t: T.fft.fftn(t, s=(2, 3)), Z)
    same(torch, lambda T, t: T.fft.rfftn(t, s=(2, 3, 4)), X)


def test_helpers(torch):
    for T_name in ("fftfreq", "rfftfreq"):
        for n in (1, 4, 5):
            close(getattr(wengert.fft, T_name)(n, 0.3), getattr(torch.fft, T_name)(n, 0.3), T_name)
            close(
                getattr(wengert.fft, T_name)(n, dtype=wengert.float64),
                getattr(torch.fft, T_name)(n, dtype=torch.float64),
                T_name,
            )
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 1, (0, -1)):
            same(torch, lambda T, t, f=name, d=dim: getattr(T.fft, f)(t, d), X)


def test_refused(torch):
    for f in (
        lambda T: T.fft.fft(T.ones(())),
        lambda T: T.fft.fft(T.ones(3), n=0),
        lambda T: T.fft.fft(T.ones(3), dim=1),
        lambda T: T.fft.fft(T.ones(3), norm="both"),
        lambda T: T.fft.rfft(T.ones(3) * 1j),
        lambda T: T.fft.irfft(T.ones(1)),
        lambda T: T.fft.fftn(T.ones(3, 3), dim=(0, 0)),
        lambda T: T.fft.fftn(T.ones(3, 3), s=(2,), dim=(0, 1)),
        lambda T: T.fft.fftn(T.ones(3), s=(2, 2)),
        lambda T: T.fft.ihfft(T.ones(3) * 1j),
        lambda T: T.fft.fft2(T.ones(3)),
        lambda T: T.fft.fft("x"),
    ):
        refused(torch, f)


def test_by_definition():
    n = 5
    k = np.arange(n)
    matrix = np.exp(-2j * np.pi * np.outer(k, k) / n)
    z = Z[0, :, 0]
    np.testing.assert_allclose(wengert.fft.fft(wengert.tensor(z)).numpy(), matrix @ z, atol=1e-12)
    np.testing.assert_allclose(
        wengert.fft.ifft(wengert.tensor(z)).numpy(), matrix.conj() @ z / n, atol=1e-12
    )


def test_there_and_back():
    x = wengert.tensor(X)
    for there, back in (
        ("fft", "ifft"),
        ("fft2", "ifft2"),
        ("fftn", "ifftn"),
        ("rfft", "irfft"),
        ("rfftn", "irfftn"),
        ("ihfft", "hfft"),
    ):
        for norm in ("forward", "backward", "ortho"):
            y = getattr(wengert.fft, back)(getattr(wengert.fft, there)(x, norm=norm), norm=norm)
            np.testing.assert_allclose(y.numpy().real, X, atol=1e-12)


def test_signal_from_its_windows():
    x = wengert.tensor(rng.standard_normal((2, 40)))
    w = wengert.tensor(np.hanning(9)[:8] + 0.1)
    for center in (True, False):
        s = wengert.stft(x, 8, 2, window=w, center=center, return_complex=True)
        y = wengert.istft(s, 8, 2, window=w, center=center)
        np.testing.assert_allclose(y.numpy(), x[:, : y.shape[1]].numpy(), atol=1e-10)


def test_recorded_values():
    assert wengert.fft.fft(wengert.tensor([1.0, 2.0, 3.0, 4.0])).tolist() == [
        10,
        -2 + 2j,
        -2,
        -2 - 2j,
    ]
    assert wengert.fft.rfft(wengert.tensor([1.0, 2.0, 3.0, 4.0])).shape == (3,)
    assert wengert.fft.fftfreq(4).tolist() == [0.0, 0.25, -0.5, -0.25]
    assert wengert.fft.fftshift(wengert.arange(5)).tolist() == [3, 4, 0, 1, 2]
