"""RelaxedBernoulli: a coin with a gradient."""

from __future__ import annotations

from collections.abc import Sequence

from ..api import functions as T
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import (
    BinaryParameter,
    TensorOrNumber,
    broadcast_all,
    clamp_probs,
    shape_of,
)
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(BinaryParameter, Distribution):
    """The logit of a relaxed Bernoulli number.

    Args:
        temperature: a tensor; the lower, the nearer to zeros and ones.
        probs, logits: exactly one of the two; ValueError otherwise.
        validate_args: whether to check them, and later values.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    _keeps = ("_given", "temperature")

    def __init__(
        self,
        temperature: Tensor,
        probs: TensorOrNumber | None = None,
        logits: TensorOrNumber | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        self._set(probs, logits)
        shape = shape_of(self._param, logits if probs is None else probs)
        super().__init__(shape, validate_args=validate_args)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(T.rand(shape, dtype=probs.dtype, device=probs.device))
        logits = u.log() - (-u).log1p() + probs.log() - (-probs).log1p()
        return logits / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        away = logits - value * self.temperature
        return self.temperature.log() + away - 2 * away.exp().log1p()


class Relaxed(TransformedDistribution):
    """Numbers that a low temperature brings near to yes and no, or to one of several."""

    has_rsample = True

    @property
    def temperature(self) -> Tensor:
        """How far values are from zero and one."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """Log-odds, or normalised log-probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """Probabilities."""
        return self.base_dist.probs


class RelaxedBernoulli(Relaxed):
    """Numbers between zero and one, near to the ends for low temperatures, with gradients.

    Args:
        temperature: a tensor.
        probs, logits: exactly one of the two; ValueError otherwise.
        validate_args: whether to check them, and later values.

    temperature is a scalar; probs or logits have any shape. Raises TypeError where probs holds
    integers or booleans; NotImplementedError where probs holds complex numbers.

    >>> RelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.3])).rsample().shape
    torch.Size([1])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self,
        temperature: Tensor,
        probs: TensorOrNumber | None = None,
        logits: TensorOrNumber | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
