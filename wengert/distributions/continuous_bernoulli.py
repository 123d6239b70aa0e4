"""ContinuousBernoulli: numbers between zero and one with a Bernoulli-like density."""

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
from .parameters import (
    BinaryParameter,
    TensorOrNumber,
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
    one_of,
    shape_of,
)

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(BinaryParameter, ExponentialFamily):
    """The continuous Bernoulli distribution, of density c p ** x (1 - p) ** (1 - x) on [0, 1].

    Its formulas divide by 1 - 2 p; where p is within lims, series around 1/2 take their place.

    Args:
        probs, logits: exactly one of the two, a number or a tensor; ValueError otherwise.
        lims: the range of p around 1/2 in which series are used.
        validate_args: whether to check parameters, and later values.

    probs or logits have any shape: that of the batch. Raises TypeError where probs holds integers
    or booleans; NotImplementedError where probs holds complex numbers.

    >>> ContinuousBernoulli(torch.tensor([0.5])).mean
    tensor([0.5000])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _keeps = ("_given", "_lims")

    def __init__(
        self,
        probs: TensorOrNumber | None = None,
        logits: TensorOrNumber | None = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._given = one_of(probs, logits)
        given = logits if probs is None else probs
        (value,) = broadcast_all(given)  # type: ignore[arg-type]
        if probs is not None:
            # Checked here: afterwards they are within bounds.
            if validate_args and not constraints.unit_interval.check(value).all():
                raise ValueError(f"The parameter probs has invalid values: {value}")
            value = clamp_probs(value)
        setattr(self, self._given, value)
        self._lims = lims
        super().__init__(shape_of(value, given), validate_args=validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities of the Bernoulli distribution that it resembles."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _away_from_half(self) -> tuple[Tensor, Tensor]:
        """Where the formulas hold, and probabilities that are safe to put into them."""
        outside = (self.probs <= self._lims[0]) | (self.probs > self._lims[1])
        return outside, T.where(outside, self.probs, self._lims[0])

    def _cont_bern_log_norm(self) -> Tensor:
        """The logarithm of c."""
        outside, p = self._away_from_half()
        below = T.where(p <= 0.5, p, 0.0)
        above = T.where(p >= 0.5, p, 1.0)
        gap = T.where(p <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        exact = ((-p).log1p() - p.log()).abs().log() - gap
        square = (self.probs - 0.5) ** 2
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square
        return T.where(outside, exact, series)

    @property
    def mean(self) -> Tensor:
        outside, p = self._away_from_half()
        exact = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x
        return T.where(outside, exact, series)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        outside, p = self._away_from_half()
        exact = p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / ((-p).log1p() - p.log()) ** 2
        square = (self.probs - 0.5) ** 2
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square
        return T.where(outside, exact, series)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.icdf(T.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        bernoulli = -F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return bernoulli + self._cont_bern_log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        outside, p = self._away_from_half()
        exact = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = T.where(outside, exact, value)
        return T.where(value <= 0.0, 0.0, T.where(value >= 1.0, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        outside, p = self._away_from_half()
        log_odds = p.log() - (-p).log1p()
        exact = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / log_odds
        return T.where(outside, exact, value)

    def entropy(self) -> Tensor:
        log_no, log_yes = (-self.probs).log1p(), self.probs.log()
        return self.mean * (log_no - log_yes) - self._cont_bern_log_norm() - log_no

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        safe = T.where(outside, x, self._lims[0] - 0.5)
        exact = safe.expm1().abs().log() - safe.abs().log()
        series = 0.5 * x + x**2 / 24.0 - x**4 / 2880.0
        return T.where(outside, exact, series)
