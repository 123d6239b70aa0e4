"""Samplers that draw until they accept: Poisson, binomial, gamma, Dirichlet.

What lives here: the rejection methods that PyTorch uses on a CPU, one element after the other, so
that they use up a stream exactly as PyTorch does. What does not: the stream itself and everything
that takes a fixed number of draws (`random_stream.py`).

Poisson and binomial numbers are PyTorch's exactly; gamma and Dirichlet numbers bit for bit in
float32 and to the last place in float64. One element costs a few microseconds.

Sources: W. Hörmann, The transformed rejection method for generating Poisson random variables, 1993,
and The generation of binomial random variates, 1993; G. Marsaglia and W. W. Tsang, A simple method
for generating gamma variables, 2000; L. Devroye, Non-Uniform Random Variate Generation, 1986,
chapter X, for rare successes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import ceil, exp, floor, lgamma, log, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .random_stream import Stream, normal_pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["binomial", "dirichlet", "dirichlet_grad", "gamma", "gamma_grad", "poisson"]


# How far to read ahead at most.
_AHEAD = 16384


class Doubles:
    """u53 numbers of a stream one by one, as plain floats.

    Reads ahead in blocks, and on leaving puts the stream back to just after the last number used.

    Example:
        >>> with Doubles(Stream(0)) as numbers:
        ...     0 <= numbers.next() < 1
        True
    """

    __slots__ = ("_block", "_ready", "_saved", "_stream", "_used")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __enter__(self) -> Doubles:
        self._saved = self._stream.position()
        self._ready: list[float] = []
        self._used, self._block = 0, 32
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.return_to(self._saved)
        self._stream._skip(2 * (self._used - len(self._ready)))

    def next(self) -> float:
        """The next number in [0, 1)."""
        if not self._ready:
            self._block = min(2 * self._block, _AHEAD)
            self._used += self._block
            self._ready = self._stream._unit53(self._block)[::-1].tolist()
        return self._ready.pop()

    def normal(self) -> float:
        """The next normal number of the one-by-one kind."""
        stream = self._stream
        if stream._spare is not None:
            value, stream._spare = stream._spare, None
            return value
        value, stream._spare = normal_pair(self.next(), self.next())
        return value


def poisson(stream: Stream, rates: Array) -> Array:
    """Poisson counts, one for each rate, in the dtype and shape of the rates.

    Raises:
        RuntimeError: a rate is negative or NaN.

    Example:
        >>> poisson(Stream(0), np.zeros(3)).tolist()
        [0.0, 0.0, 0.0]
    """
    if not (rates >= 0).all():
        raise RuntimeError(
            "poisson: every rate must be non-negative, but a negative or NaN one was given"
        )
    with Doubles(stream) as numbers:
        counts = [_one_poisson(rate, numbers) for rate in rates.ravel().tolist()]
    return np.array(counts, np.float64).astype(rates.dtype).reshape(rates.shape)


def _int64(floor_of: float) -> int:
    """A floor as C casts it: the smallest number stands for those that do not fit."""
    return floor(floor_of) if -(2.0**63) <= floor_of < 2.0**63 else -(2**63)


def _one_poisson(rate: float, numbers: Doubles) -> int:
    draw = numbers.next
    if rate < 10:
        # Multiply uniforms until the product falls to exp(-rate): waiting times add up to one.
        if rate == 0:
            return 0
        limit, product, count = exp(-rate), 1.0, -1
        while product > limit or count < 0:
            product *= draw()
            count += 1
        return count
    b = 0.931 + 2.53 * sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    box = 0.9277 - 3.6224 / (b - 2)
    log_rate = log(rate)
    while True:
        u, v = draw() - 0.5, draw()
        us = 0.5 - abs(u)
        if us == 0:
            continue
        k = _int64(floor_of=(2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= box:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        density = k * log_rate - rate - lgamma(k + 1.0)
        if _log(v) + log(inverse_alpha) - log(a / (us * us) + b) <= density:
            return k


def binomial(stream: Stream, counts: Array, probabilities: Array) -> Array:
    """Numbers of successes, one for each pair of trials and probability (same shape and dtype).

    Example:
        >>> binomial(Stream(0), np.array([5.0, 5.0]), np.array([0.0, 1.0])).tolist()
        [0.0, 5.0]
    """
    kind = counts.dtype.type
    with Doubles(stream) as numbers:
        out = [
            _one_binomial(n, p, kind, numbers)
            for n, p in zip(counts.ravel().tolist(), probabilities.ravel().tolist(), strict=True)
        ]
    return np.array(out, counts.dtype).reshape(counts.shape)


def _one_binomial(n: float, p: float, kind: type[Any], numbers: Doubles) -> float:
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return n
    if math.isnan(p):
        return math.nan
    # PyTorch computes the constants in the dtype of the arguments, the trials in float64.
    flipped = p > 0.5
    if flipped:
        p = float(kind(1.0 - p))
    if float(kind(n) * kind(p)) >= 10:
        k = _binomial_boxed(n, p, kind, numbers)
    else:
        k = _binomial_rare(n, p, kind, numbers)
    return n - k if flipped else k


def _binomial_rare(n: float, p: float, kind: type[Any], numbers: Doubles) -> int:
    """Add up waiting times between successes until they exceed the trials."""
    log_miss = float(np.log1p(-kind(p)))
    waited, successes = 0.0, -1
    while waited <= n:
        u = numbers.next()
        waited += ceil(log(u) / log_miss) if u else math.inf
        successes += 1
    return successes


def _binomial_boxed(n: float, p: float, kind: type[Any], numbers: Doubles) -> float:
    draw = numbers.next
    one, np_, p_ = kind(1), kind(n) * kind(p), kind(p)
    spread = float(np.sqrt(np_ * (one - p_)))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center = float(np_) + 0.5
    box = 0.92 - 4.2 / b
    odds = float(p_ / (one - p_))
    alpha = (2.83 + 5.1 / b) * spread
    m = float(np.floor((kind(n) + one) * p_))
    while True:
        u, v = draw() - 0.5, draw()
        us = 0.5 - abs(u)
        if us == 0:
            continue
        k = floor((2 * a / us + b) * u + center)
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= box:
            return k
        ratio = (
            (m + 0.5) * log((m + 1) / (odds * (n - m + 1)))
            + (n + 1) * log((n - m + 1) / (n - k + 1))
            + (k + 0.5) * log(odds * (n - k + 1) / (k + 1))
            + _stirling_tail(m) + _stirling_tail(n - m) - _stirling_tail(k) - _stirling_tail(n - k)
        )  # fmt: skip
        if _log(v * alpha / (a / (us * us) + b)) <= ratio:
            return k


# log k! minus Stirling's (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2, for k = 0 to 9.
_TAILS = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
    0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
    0.00925546218271273, 0.00833056343336287,
)  # fmt: skip


def _stirling_tail(k: float) -> float:
    if k <= 9:
        return _TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def gamma(stream: Stream, shapes: Array) -> Array:
    """Gamma numbers of scale 1, one for each shape parameter, at least the smallest normal number.

    Example:
        >>> bool((gamma(Stream(0), np.ones(4)) > 0).all())
        True
    """
    dtype = shapes.dtype
    flat = np.ascontiguousarray(shapes).ravel()
    if dtype.itemsize < 4:
        flat = flat.astype(np.float32)
    # The constants in the dtype of the argument, as PyTorch has them: the third in float32 always.
    third = np.float32(1) / np.float32(3)
    small = flat < 1
    with np.errstate(divide="ignore"):
        powers = flat.dtype.type(1) / flat
    ds = np.where(small, flat + flat.dtype.type(1), flat) - flat.dtype.type(third)
    with Doubles(stream) as numbers, np.errstate(over="ignore"):
        out = [
            _one_gamma(d, power if boost else None, numbers) if shape != 0 else 0.0
            for shape, d, power, boost in zip(
                flat.tolist(), ds.tolist(), powers.tolist(), small.tolist(), strict=True
            )
        ]
    result = np.array(out, np.float64).astype(flat.dtype).astype(dtype)
    return np.fmax(result, _smallest(dtype)).reshape(shapes.shape)


def _one_gamma(d: float, power: float | None, numbers: Doubles) -> float:
    """d * v with v the cube of a shifted normal; a power of a uniform scales shapes below one.

    Shapes that are no shapes (negative or nan) draw as many numbers as in PyTorch.
    """
    scale = 1.0
    if power is not None:
        uniform = 1.0 - numbers.next()
        scale = uniform**power if power > 0 else float(np.float64(uniform) ** power)
    squeeze = float(np.float32(0.0331))
    if not d > 0:
        while True:
            x = numbers.normal()
            if 1.0 - numbers.next() < 1.0 - squeeze * x * x * x * x:
                return math.nan
    c = 1.0 / sqrt(9.0 * d)
    while True:
        x = numbers.normal()
        y = 1.0 + c * x
        while y <= 0:
            x = numbers.normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - numbers.next()
        xx = x * x
        if u < 1.0 - squeeze * xx * xx or log(u) < 0.5 * xx + d * (1.0 - v + log(v)):
            return scale * d * v


def dirichlet(stream: Stream, concentrations: Array) -> Array:
    """Points of the simplex; the last dimension holds the concentrations and then the shares.

    Example:
        >>> round(float(dirichlet(Stream(0), np.ones((1, 3))).sum()), 6)
        1.0
    """
    dtype = concentrations.dtype
    parts = gamma(stream, concentrations.astype(np.float64))
    shares = (parts / parts.sum(-1, keepdims=True)).astype(dtype)
    return np.clip(shares, _smallest(dtype), np.nextafter(dtype.type(1), dtype.type(0)))


def gamma_grad(shapes: Array, values: Array) -> Array:
    """Derivatives of gamma numbers in their shape parameters, at a fixed quantile.

    They are -dF/da / f: the derivative of the distribution function by differences of fourth order,
    taken of whichever tail is small.

    Example:
        >>> gamma_grad(np.array([2.0]), np.array([1.5])).round(4).tolist()
        [0.9366]
    """
    from scipy import special

    a, x = shapes.astype(np.float64), values.astype(np.float64)
    upper = x > a
    slope = _slope(a, lambda b: np.where(upper, -special.gammaincc(b, x), special.gammainc(b, x)))
    with np.errstate(all="ignore"):
        density = np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))
        out = -slope / density
    return np.nan_to_num(out).astype(shapes.dtype)


def dirichlet_grad(shares: Array, concentrations: Array, totals: Array) -> Array:
    """Derivatives of beta numbers x in their first parameter, at a fixed quantile, over 1 - x.

    Args:
        shares: x. concentrations: the first parameters. totals: sums of both parameters.

    Example:
        >>> dirichlet_grad(np.array([0.5]), np.array([1.0]), np.array([2.0])).round(4).tolist()
        [0.6931]
    """
    from scipy import special

    x, a, total = (v.astype(np.float64) for v in (shares, concentrations, totals))
    b = total - a
    upper = x * total > a
    slope = _slope(
        a, lambda c: np.where(upper, -special.betainc(b, c, 1 - x), special.betainc(c, b, x))
    )
    with np.errstate(all="ignore"):
        log_density = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
        out = -slope / np.exp(log_density) / (1 - x)
    return np.nan_to_num(out).astype(shares.dtype)


def _slope(a: Array, f: Callable[[Array], Array]) -> Array:
    """df/da, with a step that fits distributions whose width grows with the root of a."""
    h = 1e-3 * a / (1 + np.sqrt(a))
    return (8 * (f(a + h) - f(a - h)) - (f(a + 2 * h) - f(a - 2 * h))) / (12 * h)


def _smallest(dtype: np.dtype[Any]) -> Any:
    """The smallest normal number; bfloat16, which NumPy does not know, has float32's."""
    return dtype.type(np.finfo(dtype if dtype.kind == "f" else np.float32).tiny)


def _log(x: float) -> float:
    """log, with minus infinity at zero as in C."""
    return log(x) if x > 0 else -math.inf
