"""Truncated power series of arrays: derivatives of any order from arithmetic, sharing nothing with
the library under test.

A Series stands for phi(t) = c[0] + c[1] t + c[2] t**2 + ...; its k-th derivative at 0 is k! c[k].
Functions follow from their differential equations: y = tanh(u) obeys y' = (1 - y * y) u'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


class Series:
    """Coefficients of a power series: a list of arrays of one shape."""

    __array_ufunc__ = None

    def __init__(self, c: list[Any]) -> None:
        self.c = [np.asarray(a, float) for a in c]

    def __len__(self) -> int:
        return len(self.c)

    def lift(self, other: Any) -> Series:
        if isinstance(other, Series):
            return other
        other = np.asarray(other, float)
        return Series([other, *[np.zeros_like(other)] * (len(self) - 1)])

    def map(self, f: Callable[[Any], Any]) -> Series:
        """A linear function of the array, applied to every coefficient."""
        return Series([f(a) for a in self.c])

    def __neg__(self) -> Series:
        return self.map(np.negative)

    def __add__(self, other: Any) -> Series:
        return Series([a + b for a, b in zip(self.c, self.lift(other).c)])

    def __sub__(self, other: Any) -> Series:
        return Series([a - b for a, b in zip(self.c, self.lift(other).c)])

    def __rsub__(self, other: Any) -> Series:
        return self.lift(other) - self

    def __mul__(self, other: Any) -> Series:
        return product(self, self.lift(other), np.multiply)

    def __truediv__(self, other: Any) -> Series:
        b = self.lift(other).c
        q: list[Any] = []
        for k, a in enumerate(self.c):
            q.append((a - sum(q[i] * b[k - i] for i in range(k))) / b[0])
        return Series(q)

    def __rtruediv__(self, other: Any) -> Series:
        return self.lift(other) / self

    def __matmul__(self, other: Any) -> Series:
        return product(self, self.lift(other), np.matmul)

    def __getitem__(self, key: Any) -> Series:
        return self.map(lambda a: a[key])

    @property
    def T(self) -> Series:
        return self.map(np.transpose)

    def sum(self, axis: Any = None) -> Series:
        return self.map(lambda a: a.sum(axis, keepdims=axis is not None))

    def mean(self, axis: Any = None) -> Series:
        return self.map(lambda a: a.mean(axis, keepdims=axis is not None))

    __radd__, __rmul__ = __add__, __mul__


def product(a: Series, b: Series, f: Callable[[Any, Any], Any]) -> Series:
    """A bilinear function of two series."""
    n = min(len(a), len(b))
    return Series([sum(f(a.c[i], b.c[k - i]) for i in range(k + 1)) for k in range(n)])


def solve(u: Series, start: Callable[[Any], Any], slope: Callable[[Series, Series], Any]) -> Series:
    """y(u) from its value at u.c[0] and y'(u) as a function of y and u, term by term."""
    y = [np.asarray(start(u.c[0]), float)]
    for k in range(1, len(u)):
        known, there = Series(y), Series(u.c[:k])
        h = there.lift(slope(known, there))
        y.append(sum(i * u.c[i] * h.c[k - i] for i in range(1, k + 1)) / k)
    return Series(y)


def exp(u: Series) -> Series:
    return solve(u, np.exp, lambda y, u: y)


def log(u: Series) -> Series:
    return solve(u, np.log, lambda y, u: 1 / u)


def sin(u: Series) -> Series:
    return solve(u, np.sin, lambda y, u: cos(u))


def cos(u: Series) -> Series:
    return solve(u, np.cos, lambda y, u: -sin(u))


def tanh(u: Series) -> Series:
    return solve(u, np.tanh, lambda y, u: 1 - y * y)


def power(u: Series, p: float) -> Series:
    return solve(u, lambda a: a**p, lambda y, u: y * p / u)


def sqrt(u: Series) -> Series:
    return solve(u, np.sqrt, lambda y, u: 0.5 / y)


def arctan(u: Series) -> Series:
    return solve(u, np.arctan, lambda y, u: 1 / (1 + u * u))


def arcsin(u: Series) -> Series:
    return solve(u, np.arcsin, lambda y, u: 1 / sqrt(1 - u * u))


def arcsinh(u: Series) -> Series:
    return solve(u, np.arcsinh, lambda y, u: 1 / sqrt(1 + u * u))


def arctanh(u: Series) -> Series:
    return solve(u, np.arctanh, lambda y, u: 1 / (1 - u * u))


def erf(u: Series) -> Series:
    return solve(u, np.vectorize(math.erf), lambda y, u: exp(-(u * u)) * (2 / math.sqrt(math.pi)))


def sigmoid(u: Series) -> Series:
    return 1 / (1 + exp(-u))


def softmax(u: Series) -> Series:
    e = exp(u)
    return e / e.sum(-1)


def correlate(x: Series, w: Series) -> Series:
    """Of rows (channels in, length) with kernels (channels out, channels in, width)."""

    def f(a: Any, k: Any) -> Any:
        n = a.shape[-1] - k.shape[-1] + 1
        windows = np.stack([a[:, i : i + k.shape[-1]] for i in range(n)])
        return np.einsum("nci,oci->on", windows, k)

    return product(x, w, f)


def prod(u: Series) -> Series:
    """Of all elements of a vector."""
    out = u[0]
    for i in range(1, u.c[0].shape[0]):
        out = out * u[i]
    return out


def inverse(u: Series) -> Series:
    """Of a matrix: from u inv = 1, term by term."""
    first = np.linalg.inv(u.c[0])
    v = [first]
    for k in range(1, len(u)):
        v.append(-first @ sum(u.c[i] @ v[k - i] for i in range(1, k + 1)))
    return Series(v)


def determinant(u: Series) -> Series:
    """Of a 3 by 3 matrix."""

    def minor(i: int, j: int) -> Series:
        return u[1, i] * u[2, j] - u[1, j] * u[2, i]

    return u[0, 0] * minor(1, 2) - u[0, 1] * minor(0, 2) + u[0, 2] * minor(0, 1)
