"""NegativeBinomial: how many trials succeed before a number of failures."""

from __future__ import annotations

from collections.abc import Sequence

from ..api import functions as T
from ..base.modes import no_grad
from ..base.size import Size
from ..engine.tensor import Tensor
from ..nn import functional as F
from . import constraints
from .distribution import Distribution
from .gamma import Gamma
from .parameters import BinaryParameter, lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(BinaryParameter, Distribution):
    """The number of successes before total_count failures.

    Args:
        total_count: failures at which to stop, not negative; need not be whole.
        probs, logits: of success, exactly one of the two; ValueError otherwise.
        validate_args: whether to check them, and later values.

    total_count and probs or logits broadcast. Raises NotImplementedError where probs holds complex
    numbers.

    >>> NegativeBinomial(3, torch.tensor([0.5])).mean
    tensor([3.])
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Tensor | float,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        (count,) = self._set(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Gamma:
        """The rates of the Poisson numbers that it mixes."""
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with no_grad():
            return T.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        power = n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        orders = -(n + value).lgamma() + (1.0 + value).lgamma() + n.lgamma()
        # Nothing comes after no failures, and lgamma is infinite there.
        orders = T.where(n + value == 0.0, 0.0, orders)
        return power - orders
