"""Bernoulli: one or zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..api import functions as T
from ..base.modes import no_grad
from ..base.size import Size
from ..engine.tensor import Tensor
from ..nn import functional as F
from . import constraints
from .exp_family import ExponentialFamily
from .parameters import BinaryParameter, TensorOrNumber, broadcast_all, shape_of

__all__ = ["Bernoulli", "counting"]


class Bernoulli(BinaryParameter, ExponentialFamily):
    """One with probability probs, else zero.

    Args:
        probs, logits: exactly one of the two, a number or a tensor; ValueError otherwise.
        validate_args: whether to check them, and later values.

    probs or logits have any shape: that of the batch. Raises NotImplementedError where probs holds
    complex numbers.

    >>> coin = Bernoulli(torch.tensor([0.25]))
    >>> coin
    Bernoulli(probs: tensor([0.2500]))
    >>> coin.log_prob(torch.tensor([1.0]))
    tensor([-1.3863])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: TensorOrNumber | None = None,
        logits: TensorOrNumber | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._set(probs, logits)
        shape = shape_of(self._param, logits if probs is None else probs)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        likelier = (self.probs >= 0.5).to(self.probs.dtype)
        return T.where(self.probs == 0.5, math.nan, likelier)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with no_grad():
            return T.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return counting(2, self._param, self._batch_shape, expand)

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.probs.logit(),)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return F.softplus(x)


def counting(n: int, like: Tensor, batch_shape: Size, expand: bool, dtype: object = None) -> Tensor:
    """The numbers 0 to n - 1 along a new first dim in front of the batch."""
    values = T.arange(n, dtype=dtype or like.dtype, device=like.device)
    values = values.view((-1,) + (1,) * len(batch_shape))
    return values.expand((-1, *batch_shape)) if expand else values
