"""MultiheadAttention: queries attend to keys and take values, in several heads at once.

The function is in `functional/attention.py`, the attention op in `ops/nn/attention.py`.
"""

from __future__ import annotations

from typing import Any

from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import empty

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """softmax(q k / sqrt(width of a head)) v for num_heads projections of query, key and value.

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); batch first with batch_first;
    or without N. key_padding_mask (N, S): True (or -inf) hides a key. attn_mask (L, S) or
    (N * num_heads, L, S): True hides, or a float is added. Returns (output, weights): weights
    (N, L, S), for each head with average_attn_weights=False, None with need_weights=False.

    dropout: the probability of dropout between layers. bias: whether there are terms that are
    added. device: where the parameters are made; None: the default device. dtype: of the
    parameters; None: the default dtype.

    add_bias_kv: one more learned key and value. add_zero_attn: one more key and value of zeros.

    Raises TypeError where embed_dim or num_heads is of the wrong type or key or value is no tensor;
    ValueError where embed_dim or num_heads is below 1; RuntimeError where query, key or value holds
    integers, booleans or complex numbers; AssertionError where embed_dim or num_heads does not fit
    or query, key or value has a shape that does not fit.

    >>> attention = nn.MultiheadAttention(8, 2)
    >>> x = torch.ones(5, 3, 8)
    >>> out, weights = attention(x, x, x)
    >>> out.shape, weights.shape
    (torch.Size([5, 3, 8]), torch.Size([3, 5, 5]))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        apart = (None, None, None)
        joint = None
        if self._qkv_same_embed_dim:
            joint = empty((3 * embed_dim, embed_dim), device, dtype)
        else:
            apart = tuple(
                [empty((embed_dim, n), device, dtype) for n in (embed_dim, self.kdim, self.vdim)]
            )  # type: ignore[assignment]
            for name, weight in zip("qkv", apart):
                self.register_parameter(f"{name}_proj_weight", weight)
        self.register_parameter("in_proj_weight", joint)
        if joint is not None:
            for name in "qkv":
                self.register_parameter(f"{name}_proj_weight", None)
        rows = 3 * embed_dim
        self.register_parameter("in_proj_bias", empty(rows, device, dtype) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, device=device, dtype=dtype
        )
        if add_bias_kv:
            self.bias_k = empty((1, 1, embed_dim), device, dtype)
            self.bias_v = empty((1, 1, embed_dim), device, dtype)
        else:
            self.bias_k = self.bias_v = None  # type: ignore[assignment]
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"_qkv_same_embed_dim": True, **state})

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        if query.is_nested:
            return self._nested(query, key, value, need_weights, key_padding_mask, attn_mask), None
        swap = self.batch_first and query.dim() == 3
        if swap:  # identity is kept: equal inputs are projected in one product
            q = query.transpose(0, 1)
            k = q if key is query else key.transpose(0, 1)
            v = k if value is key else value.transpose(0, 1)
        else:
            q, k, v = query, key, value
        out, weights = F.multi_head_attention_forward(
            q, k, v, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias,
            self.bias_k, self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight,
            self.out_proj.bias, training=self.training, key_padding_mask=key_padding_mask,
            need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )  # fmt: skip
        return (out.transpose(0, 1) if swap else out), weights

    def _nested(self, q: Any, k: Any, v: Any, need_weights: bool, *masks: Any) -> Any:
        """Attention of nested tensors, sequence by sequence: there is nothing to mask."""
        if need_weights or any(mask is not None for mask in masks) or not self.batch_first:
            raise RuntimeError(
                "MultiheadAttention: nested tensors need batch_first=True, need_weights=False and"
                " no masks"
            )
        from ..api.nested import as_nested_tensor  # only where there are some

        rows = zip(q.unbind(), k.unbind(), v.unbind(), strict=True)
        outs = [self.forward(*row, need_weights=False)[0] for row in rows]
        return as_nested_tensor(outs, layout=q.layout)

    @clear_errors
    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one, and its kind: 1 only padding, 2 of (N, heads, L, S), None for none.

        >>> m = nn.MultiheadAttention(4, 2)
        >>> padding = torch.tensor([[False, True]])
        >>> m.merge_masks(None, padding, torch.zeros(1, 2, 4))[1]
        1
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length, _ = query.shape
        if attn_mask.dim() == 3:
            merged = attn_mask.view(batch, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length)
            merged = merged.expand(batch, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            padding = key_padding_mask.view(batch, 1, 1, length)
            merged = merged + padding.expand(-1, self.num_heads, -1, -1)
        return merged, 2

    def _input_problem(self, *args: Any) -> str | None:
        wanted = (self.embed_dim, self.kdim, self.vdim)
        if any(x.size(-1) != n for x, n in zip(args, wanted)):
            return f"their last dimensions must be {', '.join(map(str, wanted))}"
        dims = {x.dim() for x in args[:3]}
        if dims == {3}:
            at = 0 if self.batch_first else 1
            if len({x.size(at) for x in args[:3]}) > 1:
                return f"dimension {at} (batch) must be the same for query, key and value"
            if args[1].size(1 - at) != args[2].size(1 - at):
                return f"dimension {1 - at} (length) must be the same for key and value"
        elif dims != {2}:
            return "query, key and value must have 3 dimensions, or all 2 without batch"
        return None
