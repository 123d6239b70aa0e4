"""Causal masks for attention between sequences of different lengths."""

from __future__ import annotations

import enum
from typing import Any

from ...api import functions as T
from ...base.dtypes import bool as bool_dtype
from ...engine.tensor import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(enum.IntEnum):
    """Which corner of the score matrix the diagonal starts in."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A boolean mask (queries, keys): a query sees the keys up to its own place.

    UPPER_LEFT: both sequences start together; LOWER_RIGHT: they end together. variant: a
    CausalVariant. seq_len_q: how many queries. seq_len_kv: how many keys.

    >>> torch.nn.attention.bias.causal_lower_right(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"expected a CausalVariant, got {variant!r}")
        shift = 0 if variant == CausalVariant.UPPER_LEFT else seq_len_kv - seq_len_q
        mask = T.ones((seq_len_q, seq_len_kv), dtype=bool_dtype).tril(diagonal=shift)
        t = object.__new__(cls)
        t._a, t._n, t._x = mask._a, None, None
        t.variant, t.seq_len_q, t.seq_len_kv = variant, seq_len_q, seq_len_kv
        return t

    def _materialize(self, device: Any = None) -> Tensor:
        """The mask as a plain tensor."""
        return self.detach().to(device) if device is not None else self.detach()


def causal_upper_left(*size: int) -> CausalBias:
    """The causal mask (queries, keys) of sequences that start together.

    Raises TypeError where size is of the wrong type; RuntimeError where size is negative.

    >>> from wengert.nn.attention.bias import causal_upper_left
    >>> causal_upper_left(2, 3)._materialize().int()
    tensor([[1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """
    _check(size)
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The causal mask (queries, keys) of sequences that end together.

    Raises TypeError where size is of the wrong type; RuntimeError where size is negative.

    >>> from wengert.nn.attention.bias import causal_lower_right
    >>> causal_lower_right(2, 3)._materialize().int()
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    _check(size)
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)


def _check(size: tuple[int, ...]) -> None:
    if len(size) != 2:
        raise AssertionError(f"expected (queries, keys), got {size}")
