"""GeneralizedPareto: what exceeds a high threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import TensorOrNumber, broadcast_all, shape_of

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """The generalised Pareto distribution; exponential where concentration is zero.

    Args:
        loc: the smallest value. scale: positive. concentration: the weight of the tail; negative
            for distributions with a largest value.
        validate_args: whether to check them, and later values.

    loc, scale and concentration broadcast.

    >>> GeneralizedPareto(0.0, 1.0, 0.0).cdf(torch.tensor(1.0))
    tensor(0.6321)
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(
        self,
        loc: TensorOrNumber,
        scale: TensorOrNumber,
        concentration: TensorOrNumber,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        shape = shape_of(self.loc, loc, scale, concentration)
        super().__init__(shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        largest = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, T.where(self.concentration < 0, largest, math.inf))

    def _near_zero(self) -> tuple[Tensor, Tensor]:
        """Where the formulas would divide by zero, and concentrations that are safe in them."""
        zero = T.isclose(self.concentration, T.zeros_like(self.concentration))
        return zero, T.where(zero, 1.0, self.concentration)

    def _standardised(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return (value - self.loc) / self.scale

    @property
    def mean(self) -> Tensor:
        finite = self.concentration < 1
        safe = T.where(finite, self.concentration, 0.5)
        return T.where(finite, self.loc + self.scale / (1 - safe), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        finite = self.concentration < 0.5
        safe = T.where(finite, self.concentration, 0.25)
        return T.where(finite, self.scale**2 / ((1 - safe) ** 2 * (1 - 2 * safe)), math.nan)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.icdf(T.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value: Tensor) -> Tensor:
        z = self._standardised(value)
        zero, safe = self._near_zero()
        power = 1 / safe + T.ones_like(z)
        tail = T.where(power == 0, power, power * (safe * z).log1p())
        return -self.scale.log() - T.where(zero, z, tail)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of larger values.

        Raises ValueError where value is no tensor or value holds values out of range; RuntimeError
        where value holds booleans; NotImplementedError where value holds complex numbers.

        >>> from wengert.distributions import GeneralizedPareto
        >>> d = GeneralizedPareto(0.0, 1.0, 0.5)
        >>> d.log_cdf(torch.tensor(1.0)), d.log_survival_function(torch.tensor(1.0))
        (tensor(-0.5878), tensor(-0.8109))
        """
        z = self._standardised(value)
        zero, safe = self._near_zero()
        return T.where(zero, -z, -(safe * z).log1p() / safe)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of values up to this one.

        Raises ValueError where value is no tensor or value holds values out of range; RuntimeError
        where value holds booleans; NotImplementedError where value holds complex numbers.

        >>> from wengert.distributions import GeneralizedPareto
        >>> d = GeneralizedPareto(0.0, 1.0, 0.5)
        >>> d.log_cdf(torch.tensor(1.0)), d.log_survival_function(torch.tensor(1.0))
        (tensor(-0.5878), tensor(-0.8109))
        """
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        log_left = (-value).log1p()
        zero, safe = self._near_zero()
        tail = self.scale / safe * (-safe * log_left).expm1()
        return self.loc + T.where(zero, -self.scale * log_left, tail)

    def entropy(self) -> Tensor:
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)
