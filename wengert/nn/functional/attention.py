"""multi_head_attention_forward: projections, masks and heads around the attention op."""

from __future__ import annotations

import math
from typing import Any

from ...api import functions as T
from ...base.advice import advise
from ...base.dtypes import bool as bool_dtype
from ...declare.registry import public
from ...engine.tensor import Tensor
from .. import functional as F


def canonical_mask(
    mask: Tensor | None, mask_name: str, other_type: Any, other_name: str, target_type: Any,
    check_other: bool = True,
) -> Tensor | None:  # fmt: skip
    """A mask as numbers to add: -inf where a boolean one says True."""
    if mask is None:
        return None
    if mask.dtype != bool_dtype and not mask.is_floating_point():
        raise AssertionError(
            f"only bool and floating types of {mask_name} are supported, got {mask.dtype}"
        )
    if check_other and other_type is not None and mask.dtype != other_type:
        advise(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for "
            "both instead.",
        )
    if mask.is_floating_point():
        return mask
    return T.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None,
    heads: int,
) -> bool:  # fmt: skip
    """Whether there is a batch; AssertionError where the numbers of dimensions do not agree."""
    n = query.dim()
    if n not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor"
        )
    kind = "batched" if n == 3 else "unbatched"
    if key.dim() != n or value.dim() != n:
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `key` and `value` to be {n}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != n - 1:
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `key_padding_mask` to be `None` or {n - 1}-D "
            f"but found {padding.dim()}-D tensor instead"
        )
    if mask is not None:
        if mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} ({n}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but "
                f"found {mask.dim()}-D tensor instead"
            )
        wanted = (heads, query.shape[0], key.shape[0])
        if n == 2 and mask.dim() == 3 and tuple(mask.shape) != wanted:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {wanted} but got {tuple(mask.shape)}"
            )
    return n == 3


def _project_joint(
    q: Tensor, k: Tensor, v: Tensor, weight: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Projections by one stacked weight; equal inputs share a product."""
    width = q.size(-1)
    if q is k is v:
        return F.linear(q, weight, bias).chunk(3, -1)
    if k is v:
        w_q, w_kv = weight.split([width, 2 * width])
        b_q, b_kv = (None, None) if bias is None else bias.split([width, 2 * width])
        return F.linear(q, w_q, b_q), *F.linear(k, w_kv, b_kv).chunk(2, -1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple([F.linear(x, w, b) for x, w, b in zip((q, k, v), weight.chunk(3), biases)])


def _project_apart(
    inputs: tuple[Tensor, ...], weights: tuple[Any, ...], bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Projections by a weight each."""
    width = inputs[0].size(-1)
    for name, x, w in zip(("query", "key", "value"), inputs, weights):
        if w is None:
            raise AssertionError(
                f"use_separate_proj_weight is True but {name[0]}_proj_weight is None"
            )
        if tuple(w.shape) != (width, x.size(-1)):
            raise AssertionError(
                f"expecting {name} weights shape of {(width, x.size(-1))}, but got {tuple(w.shape)}"
            )
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple([F.linear(x, w, b) for x, w, b in zip(inputs, weights, biases)])


def _in_heads(x: Tensor, batch: int, heads: int) -> Tensor:
    """(length, N, width) as (N * heads, length, width of a head)."""
    return x.reshape(x.shape[0], batch * heads, x.shape[2] // heads).transpose(0, 1)


def _checked_mask(mask: Tensor, batch: int, heads: int, length: int, source: int) -> Tensor:
    wanted = (length, source) if mask.dim() == 2 else (batch * heads, length, source)
    if tuple(mask.shape) != wanted:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {tuple(mask.shape)}, but should be "
            f"{wanted}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


@public(
    "nn.functional.multi_head_attention_forward(Tensor query, Tensor key, Tensor value, "
    "any embed_dim_to_check, any num_heads, Tensor? in_proj_weight, Tensor? in_proj_bias, "
    "Tensor? bias_k, Tensor? bias_v, bool add_zero_attn, float dropout_p, "
    "Tensor out_proj_weight, Tensor? out_proj_bias, bool training=True, "
    "Tensor? key_padding_mask=None, bool need_weights=True, Tensor? attn_mask=None, "
    "bool use_separate_proj_weight=False, Tensor? q_proj_weight=None, "
    "Tensor? k_proj_weight=None, Tensor? v_proj_weight=None, Tensor? static_k=None, "
    "Tensor? static_v=None, bool average_attn_weights=True, "
    "bool is_causal=False) -> (Tensor, Tensor?)"
)
def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v,
    add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True,
    key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False,
    q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
    average_attn_weights=True, is_causal=False,
):  # fmt: skip
    """Attention of nn.MultiheadAttention with its weights as arguments.

    query (L, N, E), key (S, N, kdim), value (S, N, vdim), or without N. Returns (output, weights).

    add_zero_attn: one more key and value of zeros.

    >>> x, w, b = torch.ones(3, 1, 4), torch.eye(4), torch.zeros(12)
    >>> out, weights = F.multi_head_attention_forward(
    ...     x, x, x, 4, 2, w.repeat(3, 1), b, None, None, False, 0.0, w, b[:4]
    ... )
    >>> out.shape, weights.shape
    (torch.Size([3, 1, 4]), torch.Size([1, 3, 3]))
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_kv, same_qk = value is key, key is query
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    mask_type = None if attn_mask is None else attn_mask.dtype
    padding = canonical_mask(
        key_padding_mask, "key_padding_mask", mask_type, "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        mask = None  # the attention op makes the triangle itself
    else:
        mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and padding is None
    if width != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}"
        )
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's "
                f"{tuple(value.shape[:2])}"
            )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_apart((query, key, value), weights, in_proj_bias)
    else:
        if key.shape != value.shape:
            raise AssertionError(
                f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}"
            )
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _project_joint(query, key, value, in_proj_weight, in_proj_bias)
    if mask is not None:
        mask = _checked_mask(mask, batch, num_heads, length, key.shape[0])
    added = 0  # keys put behind the given ones, which no mask hides
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must both be given, or neither")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k = T.cat([k, bias_k.repeat(1, batch, 1)])
        v = T.cat([v, bias_v.repeat(1, batch, 1)])
        added += 1
    q = _in_heads(q, batch, num_heads)
    k = _in_heads(k, batch, num_heads) if static_k is None else _static(static_k, q, "static_k")
    v = _in_heads(v, batch, num_heads) if static_v is None else _static(static_v, q, "static_v")
    if add_zero_attn:
        zeros = T.zeros((k.shape[0], 1, k.shape[2]), dtype=k.dtype, device=k.device)
        k, v = T.cat([k, zeros], 1), T.cat([v, zeros], 1)
        added += 1
    source = k.size(1)
    if added:
        mask = None if mask is None else F.pad(mask, (0, added))
        padding = None if padding is None else F.pad(padding, (0, added))
    if padding is not None:
        if tuple(padding.shape) != (batch, source):
            raise AssertionError(
                f"Expected key_padded_mask.shape to be {(batch, source)}, but got "
                f"{tuple(padding.shape)}"
            )
        padding = padding.view(batch, 1, 1, source).expand(-1, num_heads, -1, -1)
        padding = padding.reshape(batch * num_heads, 1, source)
        mask = padding if mask is None else mask + padding
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        q, k = q * math.sqrt(1.0 / q.shape[2]), k.transpose(1, 2)
        scores = T.bmm(q, k) if mask is None else T.baddbmm(mask, q, k)
        attention = F.softmax(scores, -1)
        attention = F.dropout(attention, dropout_p) if dropout_p > 0 else attention
        out = T.bmm(attention, v).transpose(0, 1)
        attention = attention.view(batch, num_heads, length, source)
        attention = attention.mean(dim=1) if average_attn_weights else attention
    else:
        shape = (batch, num_heads, length, width // num_heads)
        sources = (batch, num_heads, k.shape[1], width // num_heads)
        if mask is not None:
            one = mask.size(0) == 1
            mask = mask.unsqueeze(0) if one else mask.view(batch, num_heads, mask.size(1), source)
        out = F.scaled_dot_product_attention(
            q.view(shape), k.view(sources), v.view(sources), mask, dropout_p, is_causal
        ).permute(2, 0, 1, 3)
        attention = None
    out = F.linear(out.reshape(length * batch, width), out_proj_weight, out_proj_bias)
    out = out.view(length, batch, out.shape[1])
    if not batched:
        return out.squeeze(1), None if attention is None else attention.squeeze(0)
    return out, attention


def _static(given: Tensor, q: Tensor, name: str) -> Tensor:
    """A key or value that comes projected and in heads."""
    for d in (0, 2):
        if given.size(d) != q.size(d):
            raise AssertionError(
                f"expecting {name}.size({d}) of {q.size(d)}, but got {given.size(d)}"
            )
    return given
