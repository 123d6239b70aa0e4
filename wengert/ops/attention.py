"""Attention: the fused op, and the multi-head form behind nn.MultiheadAttention.

What lives here: scaled_dot_product_attention as one op with one backward word (kernels in
`arrays/attending.py`; where a backward pass is recorded, the body computes the probabilities
again), and multi_head_attention_forward, which is written in public functions.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..engine.interp import run_op
from ..engine.kinds import composite, opaque
from ..engine.op import FUNCTIONS, primitive
from ..engine.tensor import Tensor
from .activation import F, softmax
from .dropout import dropout_, noise, scaled
from .join import cat_
from .loss import tensors
from .matmul import linear_
from .padding import constant_pad_nd
from .shape import expand, reshape, unsqueeze


@primitive(
    opaque,
    types="any",
    inputs=5,
    hidden="p",
    optional="mask noise",
    public=False,
    method=False,
    node="ScaledDotProductFlashAttentionForCpuBackward0",
)
def attention(xp, q, k, v, mask, noise, causal=False, scale=1.0):
    """softmax(scale q k^T + mask) * noise @ v, for q (..., L, E), k (..., S, E), v (..., S, F)."""


@primitive(composite, public=False, method=False)
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


@F(name="scaled_dot_product_attention")
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
    tensors("scaled_dot_product_attention", query=query, key=key, value=value)
    check_attention(query, key, value, attn_mask)
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    q, k, v = query._a.shape, key._a.shape, value._a.shape
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
        like = expand.entry(query.detach().new_zeros((1,) * len(shape)), shape)
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
    return reshape.entry(
        expand.entry(unsqueeze.entry(x, len(lead) + 1), (*lead, h, n, s, e)), (*lead, h * n, s, e)
    )


def check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Any) -> None:
    q, k, v = query._a.shape, key._a.shape, value._a.shape
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if query.dtype.category != 2:
        raise RuntimeError(
            f"scaled_dot_product_attention: expected floating point tensors but found {query.dtype}"
        )
    if min(len(q), len(k), len(v)) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{len(q)} key.dim: {len(k)} and value.dim: {len(v)} instead."
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
    ):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            "attn_mask.dtype: "
            f"{mask.dtype} and  query.dtype: {query.dtype} instead."
        )


# ------------------------------------------------------------------------------------- many heads


def fail(condition: bool, message: str) -> None:
    """AssertionError, which is what PyTorch raises for these, unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def check_heads(
    query: Tensor, key: Tensor, value: Tensor, padding: Any, mask: Any, num_heads: int
) -> bool:
    """Whether there is a batch dimension; checks the number of dimensions of everything."""
    nd = query._a.ndim
    fail(
        nd in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {nd}-D query tensor",
    )
    kind = "batched (3-D)" if nd == 3 else "unbatched (2-D)"
    fail(
        key._a.ndim == value._a.ndim == nd,
        f"For {kind} `query`, expected `key` and `value` to be {nd}-D but found "
        f"{key._a.ndim}-D and {value._a.ndim}-D tensors respectively",
    )
    if padding is not None:
        fail(
            padding._a.ndim == nd - 1,
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {nd - 1}-D but found "
            f"{padding._a.ndim}-D tensor instead",
        )
    if mask is not None:
        fail(
            mask._a.ndim in (2, 3),
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{mask._a.ndim}-D tensor instead",
        )
        want = (num_heads, query._a.shape[0], key._a.shape[0])
        if nd == 2 and mask._a.ndim == 3:
            fail(
                tuple(mask._a.shape) == want,
                f"Expected `attn_mask` shape to be {want} but got {mask.shape}",
            )
    return nd == 3


def to_add(mask: Any, name: str, like: Tensor) -> Any:
    """A mask of nn.MultiheadAttention as numbers to add: bool masks leave out what is true."""
    if mask is None or mask.dtype.category == 2:
        return mask
    fail(
        mask.dtype.name == "bool",
        f"only bool and floating types of {name} are supported: got {mask.dtype}",
    )
    return FUNCTIONS[""]["zeros"](
        tuple(mask._a.shape), dtype=like.dtype, device=like.device
    ).masked_fill(mask, -math.inf)


def projected(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """query, key and value through the three parts of a joint weight.

    There is one product only for what is the same tensor.
    """
    e = query._a.shape[-1]

    def part(x: Tensor, first: int, last: int) -> Tensor:
        w = weight if last - first == 3 else weight[first * e : last * e]
        return linear_(
            x, w, bias if bias is None or last - first == 3 else bias[first * e : last * e]
        )

    if key is value and query is key:
        return part(query, 0, 3).chunk(3, -1)
    if key is value:
        return (part(query, 0, 1), *part(key, 1, 3).chunk(2, -1))
    return part(query, 0, 1), part(key, 1, 2), part(value, 2, 3)


@F(name="multi_head_attention_forward")
def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """(output (L, N, E), weights (N, L, S) or None) of attention with several heads.

    query (L, N, E), key and value (S, N, E), all without N if there is no batch. in_proj_weight: (3
    E, E), or q_proj_weight, k_proj_weight and v_proj_weight with use_separate_proj_weight.
    key_padding_mask (N, S), attn_mask (L, S) or (N * num_heads, L, S): bool masks leave out what is
    true, others are added.
    """
    batched = check_heads(query, key, value, key_padding_mask, attn_mask, num_heads)
    if (
        key_padding_mask is not None
        and attn_mask is not None
        and key_padding_mask.dtype is not attn_mask.dtype
    ):
        warnings.warn(
            "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type "
            "for both instead.",
            stacklevel=2,
        )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if not batched:
        same_kv, same = key is value, query is key
        query = query.unsqueeze(1)
        key = query if same else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, n, e = query._a.shape
    source = key._a.shape[0]
    key_padding_mask = to_add(key_padding_mask, "key_padding_mask", query)
    hint = is_causal and key_padding_mask is None and not need_weights
    attn_mask = None if hint else to_add(attn_mask, "attn_mask", query)
    fail(
        e == embed_dim_to_check,
        f"was expecting embedding dimension of {embed_dim_to_check}, but got {e}",
    )
    d = e // num_heads
    fail(d * num_heads == e, f"embed_dim {e} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        fail(
            key._a.shape[:2] == value._a.shape[:2],
            f"key's sequence and batch dims {tuple(key._a.shape[:2])} do not match value's "
            f"{tuple(value._a.shape[:2])}",
        )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        for w, what in zip(weights, "qkv"):
            fail(w is not None, f"use_separate_proj_weight is True but {what}_proj_weight is None")
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = (linear_(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
    else:
        fail(
            key._a.shape == value._a.shape,
            f"key shape {key.shape} does not match value shape {value.shape}",
        )
        fail(
            in_proj_weight is not None,
            "use_separate_proj_weight is False but in_proj_weight is None",
        )
        q, k, v = projected(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        want = (length, source) if attn_mask._a.ndim == 2 else (n * num_heads, length, source)
        if tuple(attn_mask._a.shape) != want:
            raise RuntimeError(
                f"The shape of the {len(want)}D attn_mask is {attn_mask.shape}, but should be "
                f"{want}."
            )
        attn_mask = attn_mask.unsqueeze(0) if len(want) == 2 else attn_mask

    def one_more() -> None:
        nonlocal attn_mask, key_padding_mask
        attn_mask, key_padding_mask = (
            m if m is None else constant_pad_nd(m, (0, 1)) for m in (attn_mask, key_padding_mask)
        )

    if bias_k is not None and bias_v is not None:
        fail(static_k is None, "bias cannot be added to static key.")
        fail(static_v is None, "bias cannot be added to static value.")
        k, v = (cat_([x, b.expand(1, n, b._a.shape[-1])]) for x, b in ((k, bias_k), (v, bias_v)))
        one_more()
    else:
        fail(bias_k is None, "bias_k is set but bias_v is None")
        fail(bias_v is None, "bias_v is set but bias_k is None")
    for t, what in ((static_k, "static_k"), (static_v, "static_v")):
        if t is not None:
            fail(
                t._a.shape[0] == n * num_heads,
                f"expecting {what}.size(0) of {n * num_heads}, but got {t._a.shape[0]}",
            )
            fail(t._a.shape[2] == d, f"expecting {what}.size(2) of {d}, but got {t._a.shape[2]}")

    def split(x: Tensor) -> Tensor:
        """(length, N, E) as (N, heads, length, E / heads)."""
        return x.reshape(x._a.shape[0], n, num_heads, d).permute(1, 2, 0, 3)

    q = split(q)
    k = split(k) if static_k is None else static_k.reshape(n, num_heads, -1, d)
    v = split(v) if static_v is None else static_v.reshape(n, num_heads, -1, d)
    if add_zero_attn:
        zero = k.detach().new_zeros((n, num_heads, 1, d))
        k, v = cat_([k, zero], 2), cat_([v, zero], 2)
        one_more()
    source = k._a.shape[2]
    mask = (
        None
        if attn_mask is None
        else attn_mask.reshape(
            -1, attn_mask._a.shape[0] if attn_mask._a.shape[0] == 1 else num_heads, length, source
        )
    )
    if key_padding_mask is not None:
        fail(
            key_padding_mask._a.shape[0] == n,
            f"Expected key_padded_mask.shape[0] to be {n}, but got {key_padding_mask._a.shape[0]}",
        )
        fail(
            key_padding_mask._a.shape[1] == source,
            f"Expected key_padded_mask.shape[1] to be {source}, but got "
            f"{key_padding_mask._a.shape[1]}",
        )
        padding = key_padding_mask.reshape(n, 1, 1, source)
        mask = padding if mask is None else mask + padding
    p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        scores = (q * math.sqrt(1 / d)) @ k.transpose(-2, -1)
        weights = softmax.entry(scores if mask is None else scores + mask, 3)
        if p > 0:
            weights = dropout_(weights, p)
        out = weights @ v
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        out = scaled_dot_product_attention(q, k, v, mask, p, hint)
    out = linear_(out.permute(2, 0, 1, 3).reshape(length, n, e), out_proj_weight, out_proj_bias)
    if not batched:
        out = out.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)
    return out, weights
