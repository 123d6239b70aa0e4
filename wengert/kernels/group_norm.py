"""Group norm by the kernels of batch norm: sums of planes, put together for groups, then all
elements. Functions give None where the kernels do not apply.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import compiler
from .batch_norm import CHUNK, channel_sums, combine, normalize, statistics
from .jobs import WORDS

Array = Any
LEAST, PLAIN = 1 << 15, 1 << 18  # elements; without weights, rows by themselves do for fewer
# means this many deviations away must not be rounded
FAR = {"float": 100.0, "double": math.inf}
PLANE = 64  # elements of a plane; in shorter ones, what planes cost by themselves matters


def _word(x: Array, *others: Array | None) -> str | None:
    """The kernels' word for x and the numbers of its channels."""
    word = WORDS.get(x.dtype)
    if word is None or x.size < LEAST or math.prod(x.shape[2:]) < PLANE:
        return None
    if any(a is not None and a.dtype != x.dtype for a in others) or compiler.target() is None:
        return None
    return word


def group_norm(
    x: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array] | None:
    """x (N, C, ...) normalised over groups of channels; means and 1 / deviations of the groups."""
    word = _word(x, weight, bias)
    if word is None or (weight is bias is None and x.size < PLAIN):
        return None
    (n, c), d = x.shape[:2], x.dtype
    x, m, planes = np.ascontiguousarray(x), math.prod(x.shape[2:]), n * c
    found = np.empty((4, planes), d)
    statistics(word)(planes, x, np.ones(planes, d), found, 1, planes, m, eps)
    means, variances = found[:2].astype(np.float64).reshape(2, n * groups, c // groups)
    mean = means.mean(1)
    means -= mean[:, None]
    variances += means * means
    rstd = 1 / np.sqrt(variances.mean(1) + eps)
    if np.any(np.abs(mean) * rstd > FAR[word]):
        return None
    scale = np.repeat(rstd, c // groups).reshape(n, c)
    if weight is not None:
        scale *= weight
    shift = np.zeros(planes, d) if bias is None else np.tile(bias, n)
    y, share = np.empty(x.shape, d), max(1, CHUNK // m)
    normalize(word)(
        -(-planes // share), x, np.repeat(mean, c // groups).astype(d),
        scale.astype(d).reshape(-1), shift, y, 1, planes, m, share,
    )  # fmt: skip
    return y, mean.astype(d), rstd.astype(d)


def group_norm_backward(
    g: Array, x: Array, weight: Array | None, mean: Array, rstd: Array, groups: int, needs: Any
) -> tuple[Array | None, Array | None, Array | None] | None:
    """Gradients of x, weight and bias."""
    word = _word(x, g, weight, mean, rstd)
    if word is None or g.shape != x.shape:
        return None
    (n, c), d = x.shape[:2], x.dtype
    g, x, m, planes = (
        np.ascontiguousarray(g),
        np.ascontiguousarray(x),
        math.prod(x.shape[2:]),
        n * c,
    )
    k = c // groups
    centres, sums = np.repeat(mean.reshape(-1), k), np.empty((2, planes), d)
    channel_sums(word)(planes, g, x, centres, sums, 1, planes, m)
    deviations = np.repeat(rstd.reshape(-1).astype(np.float64), k).reshape(n, c)
    plain, against = sums.astype(np.float64).reshape(2, n, c)
    against *= deviations  # sums of g times the normalised x
    gx = gw = gb = None
    if needs[0]:
        w = 1.0 if weight is None else weight
        share = max(1, CHUNK // m)
        a = deviations * w
        b, c0 = (
            np.repeat((v * w).reshape(n * groups, k).sum(1) / (-k * m), k).reshape(n, c) * f
            for v, f in ((against, deviations * deviations), (plain, deviations))
        )
        gx = np.empty(x.shape, d)
        factors = (v.astype(d).reshape(-1) for v in (a, b, c0))
        combine(word)(-(-planes // share), g, x, centres, *factors, gx, 1, planes, m, share)
    if needs[1]:
        gw = against.sum(0).astype(d)
    if needs[2]:
        gb = plain.sum(0).astype(d)
    return gx, gw, gb
