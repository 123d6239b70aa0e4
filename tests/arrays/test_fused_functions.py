"""Functions with loops of their own: as the general words, on every layout and dtype, and without
the compiler.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from wengert.arrays import elementwise, fused_functions
from wengert.arrays.cpu import NAMESPACE
from wengert.arrays.words import MODULE_OF
from wengert.kernels.compiler import Target
from wengert.kernels.native import Host
from wengert.kernels.simd import Ufunc

NAMES = [n for n in (*fused_functions.MISSING, *fused_functions.SLOW, "erfinv")]
POSITIVE = {"lgamma", "digamma", "log2", "log10", "log1p"}


def general(name: str):
    if name in MODULE_OF:
        module = importlib.import_module(f"wengert.arrays.{MODULE_OF[name]}")
        return lambda x: getattr(module, name)(np, x)
    if name == "erfc":
        return lambda x: elementwise.erfc(np, x)
    return elementwise.ufuncs(np)[name]


def numbers(name: str, dtype: str) -> np.ndarray:
    x = np.random.default_rng(0).uniform(-0.99, 0.99, (7, 41)).astype(dtype)
    if name in POSITIVE:
        x = np.abs(x) * 7 + x.dtype.type(0.1)
    return 2 + x if name == "acosh" else x


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", NAMES)
def test_as_in_general_on_every_layout(name: str, dtype: str) -> None:
    slow = general(name)
    quick = fused_functions.function(name, "erfinv_once" if name == "erfinv" else "")(slow)
    x = numbers(name, dtype)
    rtol = 2e-6 if dtype == "f" else 1e-12
    for view in (x, x.T, x[::2, 1::3], x[:, ::-1], x[:0], x[0, 0], np.broadcast_to(x[:1], x.shape)):
        out = quick(np.asarray(view))
        assert out.dtype == x.dtype and out.shape == view.shape
        np.testing.assert_allclose(out, slow(view), rtol, 1e-6 if dtype == "f" else 1e-13)


def test_polygamma() -> None:
    pytest.importorskip("scipy")
    from wengert.arrays.special import polygamma

    quick = fused_functions.polygamma(lambda x, order: polygamma(np, x, order))
    for x in (numbers("lgamma", "f"), numbers("lgamma", "d"), -numbers("lgamma", "f")):
        for order in (0, 1, 2, 4, 9):
            np.testing.assert_allclose(quick(x, order), polygamma(np, x, order), 3e-6)


def test_without_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ufunc, "ready", lambda self, saving: None)
    for name in NAMES:
        x = numbers(name, "f")
        slow = general(name)
        np.testing.assert_array_equal(fused_functions.function(name)(slow)(x), slow(x))


@pytest.mark.parametrize("cpu, width", [("haswell", 32), ("skylake-avx512", 64)])
def test_on_other_processors(monkeypatch: pytest.MonkeyPatch, cpu: str, width: int) -> None:
    host = Host.make()
    needs = {32: "avx2", 64: "avx512vl"}[width]
    if host is None or not (host.features.get("fma") and host.features.get(needs)):
        pytest.skip("this processor does not run that code")
    more = ",+avx512f,+avx512vl,+avx512dq,+avx512bw" if width == 64 else ""
    other = Host(Target.x86_64(cpu, f"+sse2,+avx,+avx2,+fma{more}", width))
    monkeypatch.setattr(Host, "made", [other])
    for name in NAMES:
        x = numbers(name, "f")
        slow = general(name)
        np.testing.assert_allclose(fused_functions.function(name)(slow)(x), slow(x), 2e-6, 1e-6)


def test_half_precision_and_integers_go_the_general_way() -> None:
    x = np.linspace(0.1, 0.9, 9, dtype=np.float16)
    for name in fused_functions.MISSING:
        assert NAMESPACE.primitive(name)(x).dtype == np.float16


def test_warns_of_nothing() -> None:
    x = np.array([0.0, -1.0, np.inf, 1e30], "f")
    with np.errstate(all="raise"):
        for name in fused_functions.MISSING:
            fused_functions.function(name)(general(name))(x)
