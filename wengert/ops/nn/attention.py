"""Attention: scaled_dot_product_attention as one op with one backward word.

The kernels are in `arrays/attention.py`; where a backward pass is recorded, the body computes the
probabilities again. The multi-head form is `nn/functional/attention.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ...declare.registry import public
from ...engine import op_modes
from ...engine.interp import run_op
from ...engine.kinds import composite, opaque
from ...engine.op import primitive
from ...engine.tensor import Tensor
from ..shape.views import expand_op, reshape_op, unsqueeze_op
from .dropout import noise, scaled


@primitive(
    opaque,
    types="any",
    inputs=5,
    hidden="p",
    optional="mask noise",
    node="ScaledDotProductFlashAttentionForCpuBackward0",
)
def attention(xp, q, k, v, mask, noise, causal=False, scale=1.0):
    """softmax(scale q k^T + mask) * noise @ v, for q (..., L, E), k (..., S, E), v (..., S, F)."""


@primitive(composite)
def attention_backward(
    xp, g, q, k, v, mask, noise, p, out, causal=False, scale=1.0, needs=(True, True, True, True)
):
    """Gradients of attention's q, k, v and mask."""
    s = xp.matmul(q * scale, xp.transpose(k, -2, -1))
    limited = causal or mask is not None
    if causal:
        rows, columns = s.shape[-2:]
        kept = xp.ge(xp.reshape(xp.arange(0, rows, 1), (rows, 1)), xp.arange(0, columns, 1))
        s = s + limits(xp, kept, q)
    if mask is not None:
        s = s + (limits(xp, mask, q) if dtype_name(mask) == "bool" else mask)
    if limited:  # a row of which nothing is left is zero
        dead = xp.eq(xp.amax(s, -1, True), -math.inf)
        p = xp.softmax(xp.where(dead, xp.zeros_like(s), s), -1)
        p = xp.where(dead, xp.zeros_like(p), p)
    else:
        p = xp.softmax(s, -1)
    t = xp.transpose(p if noise is None else p * noise, -2, -1)
    gp = xp.matmul(g, xp.transpose(v, -2, -1))
    gp = gp if noise is None else gp * noise
    gs = p * (gp - xp.sum(gp * p, -1, True))
    return (
        xp.matmul(gs, k) * scale if needs[0] else None,
        xp.matmul(xp.transpose(gs, -2, -1), q) * scale if needs[1] else None,
        xp.matmul(t, g) if needs[2] else None,
        gs if needs[3] else None,
    )


def dtype_name(x: Any) -> str:
    return getattr(x.dtype, "name", str(x.dtype))


def limits(xp: Any, kept: Any, like: Any) -> Any:
    """0 where kept, else minus infinity."""
    return xp.log(xp.astype(kept, like.dtype))


def _attention(
    xp: Any,
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    noise: Any,
    p: Any,
    out: Any,
    causal: bool,
    scale: float,
    needs: Any,
) -> Any:
    return (*xp.attention_backward(g, q, k, v, mask, noise, p, out, causal, scale, needs[:4]), None)


attention.vjp_all(_attention)


@attention.batch
def _batched(xp: Any, size: int, flags: list[bool], *values: Any, **static: Any) -> Any:
    """A batch in front is one more leading dimension, if all have the same number of them."""
    dims = {v.ndim - f for v, f in zip(values, flags) if v is not None}
    return run_op(attention, values, static) if len(dims) == 1 else NotImplemented


@public(
    "nn.functional.scaled_dot_product_attention(Tensor query, Tensor key, "
    "Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, "
    "*, float? scale=None, bool enable_gqa=False)",
    foreign=True,
)
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query key^T * scale + mask) value.

    query: (..., L, E), key: (..., S, E), value: (..., S, F).

    attn_mask: broadcasts to (..., L, S); bool: what takes part, floating: added. is_causal: each
    position sees those up to its own. scale: default 1 / sqrt(E). enable_gqa: key and value have
    fewer heads (dimension -3), used in turn.

    >>> F.scaled_dot_product_attention(torch.zeros(1, 2), torch.ones(3, 2), torch.eye(3)).shape
    torch.Size([1, 3])
    """
    check_operands(query, key, value)
    q, k, v = query._a.shape, key._a.shape, value._a.shape
    if not q[-2] or 0 in v:  # of nothing: zeros in the query's form, whatever the other sizes
        nothing = [t.flatten()[:0].sum() for t in (query, key, value)]
        return sum(nothing[1:], nothing[0]).expand((*q[:-1], v[-1]))
    check_attention(query, key, value, attn_mask)
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        )
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if enable_gqa:
        if len(q) < 3 or q[-3] % k[-3] or q[-3] % v[-3]:
            raise RuntimeError(
                "Number of heads in key and value must divide the number of heads in query: the "
                "shapes are "
                f"{list(q)}, {list(k)} and {list(v)}"
            )
        key, value = heads(key, q[-3] // k[-3]), heads(value, q[-3] // v[-3])
    if scale is None:
        scale = 1 / math.sqrt(q[-1]) if q[-1] else math.nan
    random = None
    if dropout_p > 0:
        shape = (*lead_of(query, key, attn_mask), q[-2], k[-2])
        like = expand_op.entry(query.detach().new_zeros((1,) * len(shape)), shape)
        random = (
            like * 0
            if dropout_p == 1
            else scaled(noise(like.contiguous(), 1 - dropout_p), 1 / (1 - dropout_p))
        )
    return attention.entry(query, key, value, attn_mask, random, bool(is_causal), float(scale))


def lead_of(*ts: Any) -> tuple[int, ...]:
    """The leading dimensions of the product of these."""
    out: list[int] = []
    for t in ts:
        if t is not None:
            s = list(t._a.shape[:-2])
            out = [1] * (len(s) - len(out)) + out
            for i in range(1, len(s) + 1):
                out[-i] = max(out[-i], s[-i]) if out[-i] and s[-i] else 0
    return tuple(out)


def heads(x: Tensor, n: int) -> Tensor:
    """Each head of x (dimension -3) n times in a row."""
    if n == 1:
        return x
    *lead, h, s, e = x._a.shape
    return reshape_op.entry(
        expand_op.entry(unsqueeze_op.entry(x, len(lead) + 1), (*lead, h, n, s, e)),
        (*lead, h * n, s, e),
    )


def check_operands(query: Tensor, key: Tensor, value: Tensor) -> None:
    q, k, v = query._a.shape, key._a.shape, value._a.shape
    d = query.dtype
    if not d is key.dtype is value.dtype and not op_modes.runner(attention):
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if min(len(q), len(k), len(v)) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{len(q)} key.dim: {len(k)} and value.dim: {len(v)} instead."
        )


def check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Any) -> None:
    q, k, v = query._a.shape, key._a.shape, value._a.shape
    if not query.dtype.is_floating_point:
        raise RuntimeError(
            f"scaled_dot_product_attention: expected floating point tensors but found {query.dtype}"
        )
    if q[-1] != k[-1] or k[-2] != v[-2]:
        raise RuntimeError(
            "scaled_dot_product_attention: query (..., L, E), key (..., S, E) and value (..., S, "
            "F) do not fit: the "
            f"shapes are {list(q)}, {list(k)} and {list(v)}"
        )
    if (
        mask is not None
        and mask.dtype.name not in ("bool", "float32")
        and mask.dtype is not query.dtype
        and not op_modes.runner(attention)
    ):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            "attn_mask.dtype: "
            f"{mask.dtype} and  query.dtype: {query.dtype} instead."
        )


# ------------------------------------------------------------------------------------- many heads
