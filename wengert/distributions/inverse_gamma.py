"""InverseGamma: one over a gamma number."""

from __future__ import annotations

import math

from ..api import functions as T
from ..engine.tensor import Tensor
from . import constraints
from .gamma import Gamma
from .parameters import TensorOrNumber
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """1 / X for X of Gamma(concentration, rate).

    Args:
        concentration, rate: positive numbers or tensors that broadcast together.
        validate_args: whether to check them, and later values.

    Raises NotImplementedError where concentration or rate holds complex numbers; RuntimeError where
    rate holds booleans.

    >>> InverseGamma(torch.tensor([2.0]), torch.tensor([3.0])).mean
    tensor([3.])
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(
        self,
        concentration: TensorOrNumber,
        rate: TensorOrNumber,
        validate_args: bool | None = None,
    ) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        inverse = PowerTransform(-base.rate.new_ones(()))
        super().__init__(base, inverse, validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """Of the gamma number."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """Of the gamma number."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        a = self.concentration
        return T.where(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return T.where(a > 2, self.rate.square() / ((a - 1).square() * (a - 2)), math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
