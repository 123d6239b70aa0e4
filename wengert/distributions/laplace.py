"""Laplace: exponential to both sides."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import dtypes
from ..base.size import Size
from ..engine.tensor import Tensor
from .distribution import Distribution
from .parameters import LocationScale, unfilled

__all__ = ["Laplace"]


class Laplace(LocationScale, Distribution):
    """The Laplace distribution of density exp(-|x - loc| / scale) / (2 scale).

    Args:
        loc, scale: numbers or tensors that broadcast together; scale is positive.
        validate_args: whether to check them, and later values.

    >>> Laplace(0.0, 1.0).log_prob(torch.tensor(0.0))
    tensor(-0.6931)
    """

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Tensor:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = unfilled(self._extended_shape(sample_shape), self.loc)
        noise.uniform_(dtypes.finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * noise.sign() * (-noise.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
