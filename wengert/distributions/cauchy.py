"""Cauchy: the ratio of two normal numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..api import functions as T
from ..base.size import Size
from ..engine.tensor import Tensor
from .distribution import Distribution
from .parameters import LocationScale, unfilled

__all__ = ["Cauchy"]


class Cauchy(LocationScale, Distribution):
    """The Cauchy (Lorentz) distribution, whose tails are too heavy for a mean.

    Args:
        loc: the median. scale: half the width at half height.
        validate_args: whether to check them, and later values.

    loc and scale broadcast.

    >>> Cauchy(0.0, 1.0).cdf(torch.tensor(1.0))
    tensor(0.7500)
    """

    @property
    def mean(self) -> Tensor:
        """NaN: there is none."""
        return T.full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return T.full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = unfilled(self._extended_shape(sample_shape), self.loc).cauchy_()
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        square = ((value - self.loc) / self.scale) ** 2
        return -math.log(math.pi) - self.scale.log() - square.log1p()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()
