"""Scaled dot product attention and its gradient. First argument: the library.

What lives here: the kernels of `ops/nn/attention.py`. The gradient needs the row sums of g * out
where the textbook has those of the attention matrices: the same number from much smaller arrays.
"""

from __future__ import annotations

from typing import Any

from ..kernels import attention as kernels
from .activation import SAFE, exponentials
from .capabilities import ON_HOST
from .normalization import widened

__all__ = ["attention", "attention_backward"]


def additive(lib: Any, mask: Any, dtype: Any) -> Any:
    """A mask as numbers to add: bool masks keep what is true."""
    if mask.dtype.kind == "b":
        return lib.where(mask, dtype.type(0), dtype.type(-lib.inf))
    return mask.astype(dtype, copy=False)


def probabilities(lib: Any, q: Any, k: Any, mask: Any, causal: bool) -> Any:
    """softmax of q k^T + mask; a row of which nothing is left is zero. q is scaled already."""
    p = lib.matmul(q, k.swapaxes(-1, -2))
    if causal:
        p += lib.where(
            lib.tri(p.shape[-2], p.shape[-1], 0, bool), p.dtype.type(0), p.dtype.type(-lib.inf)
        )
    if mask is not None:
        mask = additive(lib, mask, p.dtype)
        if lib.broadcast_shapes(mask.shape, p.shape) != p.shape:
            p = p + mask
        else:
            p += mask
    if not p.size:
        return p
    e, s, shift = exponentials(lib, p, -1, SAFE)
    if shift is not None and (causal or mask is not None):
        dead = shift == -lib.inf
        if lib not in ON_HOST:  # a choice by a mask would wait
            e, s = lib.where(dead, e.dtype.type(0), e), lib.where(dead, s.dtype.type(1), s)
        elif dead.any():
            e[lib.broadcast_to(dead, e.shape)] = 0
            s[dead] = 1
    e /= s
    return e


@widened
def attention(
    lib: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    noise: Any = None,
    causal: bool = False,
    scale: float = 1.0,
) -> Any:
    """(softmax(scale q k^T + mask) * noise @ v, the softmax or the logarithms of its sums).

    Shapes: q (..., L, E), k (..., S, E), v (..., S, F).
    """
    if lib in ON_HOST:
        found = kernels.attention(q, k, v, mask, noise, causal, scale)
        if found is not None:
            return found
    p = probabilities(lib, q * q.dtype.type(scale), k, mask, causal)
    return lib.matmul(p if noise is None else p * noise.astype(p.dtype, copy=False), v), p


@widened
def attention_backward(
    lib: Any,
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    noise: Any = None,
    p: Any = None,
    out: Any = None,
    causal: bool = False,
    scale: float = 1.0,
    needs: Any = (True,) * 4,
) -> Any:
    """Gradients of q, k, v and mask; p and out are what `attention` gave."""
    if p.ndim < q.ndim:
        if lib in ON_HOST and not needs[3]:
            found = kernels.attention_backward(g, q, k, v, mask, noise, p, out, causal, scale)
            if found is not None:
                return *found, None
        p = probabilities(lib, q * q.dtype.type(scale), k, mask, causal)
    noise = None if noise is None else noise.astype(p.dtype, copy=False)
    gq = gk = gv = gs = None
    if needs[2]:
        kept = p if noise is None else p * noise
        gv = lib.matmul(kept.swapaxes(-1, -2), g)
    if needs[0] or needs[1] or needs[3]:
        gs = lib.matmul(g, v.swapaxes(-1, -2))
        if noise is not None:
            gs *= noise
        gs -= lib.add.reduce(g * out, -1, None, None, True)
        gs *= p
        d = q.dtype.type(scale)
        if needs[0]:
            gq = lib.matmul(gs, k)
            gq *= d
        if needs[1]:
            gk = lib.matmul(gs.swapaxes(-1, -2), q)
            gk *= d
    return gq, gk, gv, gs if needs[3] else None
