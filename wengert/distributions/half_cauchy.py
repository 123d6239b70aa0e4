"""HalfCauchy: the absolute value of a Cauchy number."""

from __future__ import annotations

import math

from ..api import functions as T
from ..engine.tensor import Tensor
from .cauchy import Cauchy
from .half_normal import Half
from .parameters import TensorOrNumber
from .transforms import AbsTransform

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """|X| for X of Cauchy(0, scale).

    Args:
        scale: positive. validate_args: whether to check it, and later values.

    scale has any shape: that of the batch.

    >>> HalfCauchy(1.0).cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    def __init__(self, scale: TensorOrNumber, validate_args: bool | None = None) -> None:
        base = Cauchy(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return T.full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)  # before it is made a tensor of this dtype
        value = T.as_tensor(value, dtype=self.scale.dtype, device=self.scale.device)
        return super().log_prob(value)
