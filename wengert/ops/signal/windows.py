"""Window functions for signals: torch.signal.windows, and the older torch.hann_window and its kin.

Computed in double precision and rounded once. Sliding windows over tensors are in `windows.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ...base import dtypes
from ...declare.registry import function, public
from ...engine.tensor import Tensor
from ..creation.filled import empty
from ..creation.spaced import arange


def _checked(name: str, M: int, dtype: Any, layout: Any) -> Any:
    """The dtype of a window, after the checks that all have in common."""
    dtype = dtype or dtypes.get_default_dtype()
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and str(layout) != "torch.strided":
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return dtype


def _window(name: str, doc: str, shape: Any, check: Any = None, **options: Any) -> Any:
    """shape(k, n, sym=..., **options) -> the window at samples k; n is the distance of the end
    points.
    """
    names = ", ".join(f"{k}={v!r}" for k, v in options.items())
    more = f"\n    Options: {names}." if names else ""
    example = "1, a=[1.0]" if name == "general_cosine" else "1"

    def f(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False, **given):
        if bad := set(given) - set(options):
            raise TypeError(
                f"{name}() got an unexpected keyword argument {sorted(bad)[0]!r}: it takes "
                f"{names or 'none'}"
            )
        dtype = _checked(name, M, dtype, layout)
        given = {**options, **given}
        if check is not None:
            check(sym=sym, **given)
        if M == 0:
            w = empty(0, dtype=dtype, device=device)
        else:
            k = arange(M, dtype=dtypes.float64, device=device)
            w = (shape(k, M - 1 if sym else M, sym=sym, **given) if M > 1 else k + 1).to(dtype)
        return w.requires_grad_() if requires_grad else w

    f.__name__ = name
    f.__doc__ = f"""{doc}

    M: the number of points, >= 0. sym: symmetric, for filters; False: periodic, for spectra.{more}
    Raises ValueError for M < 0 and for dtypes other than float32 and float64.

    >>> torch.signal.windows.{name}({example})
    tensor([1.])
    """
    own = "".join([f"any {k}={v!r}, " for k, v in options.items()])
    return public(
        f"signal.windows.{name}(int M, *, {own}bool sym=True, ScalarType? dtype=None, "
        "Layout layout=strided, Device? device=None, bool requires_grad=False)",
        foreign=False,
    )(f)


def _cosines(k: Tensor, n: int, a: Iterable[float], sym: bool = True) -> Tensor:
    a = list(a)
    w = k * 0 + a[0]
    for i, c in enumerate(a[1:], 1):
        w = w + (k * (2 * math.pi * i / n)).cos() * (-c if i % 2 else c)
    return w


def _check_cosine(sym: bool, a: Any) -> None:
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple: pass a=[...]")
    if not list(a):
        raise ValueError("Coefficients cannot be empty: pass at least one in a=[...]")


def _fixed(*a: float) -> Any:
    return lambda k, n, sym: _cosines(k, n, a)


def _check_tau(sym: bool, center: Any, tau: float) -> None:
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows: pass sym=False with it")


def _check_std(sym: bool, std: float) -> None:
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")


def _check_beta(sym: bool, beta: float) -> None:
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")


def _kaiser(k: Tensor, n: int, beta: float = 12.0, sym: bool = True) -> Tensor:
    i0 = function("i0")
    r = (k - n / 2) * (2 / n)
    return i0((1 - r * r).clamp(min=0).sqrt() * beta) / i0(k * 0 + beta)


def _exponential(k: Tensor, n: int, center: float | None, tau: float, sym: bool) -> Tensor:
    return (-(k - (n / 2 if center is None else center)).abs() / tau).exp()


_window(
    "bartlett", "A triangle that is 0 at both ends.", lambda k, n, sym: 1 - (k * (2 / n) - 1).abs()
)
_window("blackman", "Three cosines that nearly vanish at both ends.", _fixed(0.42, 0.5, 0.08))
_window(
    "cosine", "Half a wave of a sine.", lambda k, n, sym: ((k + 0.5) * (math.pi / (n + 1))).sin()
)
_window(
    "exponential",
    "Falls off exponentially on both sides of the centre.",
    _exponential,
    _check_tau,
    center=None,
    tau=1.0,
)
_window(
    "gaussian",
    "The bell of a normal distribution.",
    lambda k, n, std, sym: (-0.5 * ((k - n / 2) / std) ** 2).exp(),
    _check_std,
    std=1.0,
)
_window(
    "general_cosine",
    "The sum of cosines with coefficients a, of alternating sign.",
    _cosines,
    _check_cosine,
    a=None,
)
_window(
    "general_hamming",
    "alpha - (1 - alpha) cos.",
    lambda k, n, alpha, sym: _cosines(k, n, (alpha, 1 - alpha)),
    alpha=0.54,
)
_window("hamming", "0.54 - 0.46 cos.", _fixed(0.54, 0.46))
_window("hann", "0.5 - 0.5 cos.", _fixed(0.5, 0.5))
_window("kaiser", "A Bessel function of a half circle.", _kaiser, _check_beta, beta=12.0)
_window(
    "nuttall",
    "Four cosines with low side lobes.",
    _fixed(0.3635819, 0.4891775, 0.1365995, 0.0106411),
)


def _older(name: str, doc: str, shape: Any, **options: Any) -> Any:
    def f(
        window_length,
        periodic=True,
        *args,
        dtype=None,
        layout=None,
        device=None,
        pin_memory=False,
        requires_grad=False,
        **given,
    ):
        given = {**options, **dict(zip(options, args)), **given}
        d = dtype or dtypes.get_default_dtype()
        if layout is not None and str(layout) != "torch.strided":
            raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
        if not d.is_floating_point:
            raise RuntimeError(f"{name} expects floating point dtypes, got: {d}")
        if window_length < 0:
            raise RuntimeError(
                f"{name} requires non-negative window_length, got window_length={window_length}"
            )
        if window_length == 0:
            w = empty(0, dtype=d, device=device)
        else:
            k = arange(window_length, dtype=dtypes.float64, device=device)
            w = (
                shape(k, window_length if periodic else window_length - 1, **given)
                if window_length > 1
                else k + 1
            ).to(d)
        return w.requires_grad_() if requires_grad else w

    f.__name__ = name
    f.__doc__ = f"""{doc} of window_length points; periodic (for spectra) unless periodic=False.

    >>> torch.{name}(1)
    tensor([1.])
    """
    texts = [f"{name}(int window_length, *, options)"]
    more = "bool periodic"
    for k in ("", *options):
        more += f", float {k}" * bool(k)
        texts.append(f"{name}(int window_length, {more}, *, options)")
    return public(*texts, method=False)(f)


_older("bartlett_window", "A triangle", lambda k, n: 1 - (k * (2 / n) - 1).abs())
_older("blackman_window", "Blackman's window", lambda k, n: _cosines(k, n, (0.42, 0.5, 0.08)))
_older(
    "hamming_window",
    "alpha - beta cos",
    lambda k, n, alpha, beta: _cosines(k, n, (alpha, beta)),
    alpha=0.54,
    beta=0.46,
)
_older("hann_window", "Hann's window", lambda k, n: _cosines(k, n, (0.5, 0.5)))
_older("kaiser_window", "Kaiser's window", lambda k, n, beta: _kaiser(k, n, beta), beta=12.0)
