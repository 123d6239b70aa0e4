"""Multinomial: how often each class comes up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Distribution
from .parameters import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each of k classes comes up in total_count draws.

    Args:
        total_count: draws, one int for all.
        probs: weights (..., k). logits: unnormalised log-probabilities. Exactly one of the two.
        validate_args: whether to check them, and later values.

    Raises NotImplementedError where total_count is of the wrong type or a tensor of several numbers
    or probs holds complex numbers; TypeError where probs is no tensor.

    >>> Multinomial(2, torch.ones(2)).log_prob(torch.tensor([1.0, 1.0])).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _expands = ("_categorical",)
    _keeps = ("total_count",)

    @clear_errors
    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError(
                "inhomogeneous total_count is not supported: give one int, got "
                f"{type(total_count).__name__}"
            )
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args
        )

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def logits(self) -> Tensor:
        """Normalised log-probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """Probabilities."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter that was given."""
        return self._categorical.param_shape

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._categorical._new(*args, **kwargs)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        sample_shape = Size(sample_shape)
        drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        shape = self._extended_shape(sample_shape)
        counts = T.zeros(shape, dtype=drawn.dtype, device=drawn.device)
        return counts.scatter_add_(-1, drawn, T.ones_like(drawn)).type_as(self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        # An impossible class that did not come up counts nothing.
        logits = T.where((value == 0) & (logits == -math.inf), 0.0, logits)
        orders = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return orders + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = T.tensor(self.total_count)
        each = Binomial(total_count=self.total_count, probs=self.probs)
        counts = each.enumerate_support(expand=False)[1:]
        factorials = (each.log_prob(counts).exp() * (counts + 1).lgamma()).sum([0, -1])
        return n * self._categorical.entropy() - (n + 1).lgamma() + factorials
