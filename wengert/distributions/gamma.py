"""Gamma: waiting times for several events."""

from __future__ import annotations

from collections.abc import Sequence

from ..api import functions as T
from ..api.functions import resolve
from ..base import dtypes
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .exp_family import ExponentialFamily
from .parameters import TensorOrNumber, broadcast_all, shape_of

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """The gamma distribution of a shape, concentration, and a rate.

    Args:
        concentration, rate: positive numbers or tensors that broadcast together.
        validate_args: whether to check them, and later values.

    Raises NotImplementedError where concentration holds complex numbers.

    >>> Gamma(torch.tensor(2.0), 1.0).log_prob(torch.tensor(1.0))
    tensor(-1.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        concentration: TensorOrNumber,
        rate: TensorOrNumber,
        validate_args: bool | None = None,
    ) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        shape = shape_of(self.concentration, concentration, rate)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = T._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # In place on the data: the gradient is not to see the limit.
        value.detach().clamp_(min=dtypes.finfo(value.dtype).tiny)
        return value

    def log_prob(self, value: Tensor) -> Tensor:
        value = T.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return T.xlogy(a, rate) + T.xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return resolve("special", "gammainc")(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return (x + 1).lgamma() - (x + 1) * (-y).log()
