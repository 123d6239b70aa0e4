"""Categorical: one of several classes, by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..base import dtypes
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .bernoulli import counting
from .distribution import Distribution
from .parameters import OneGiven, lazy_property, logits_to_probs, one_of, probs_to_logits

__all__ = ["Categorical"]


class Categorical(OneGiven, Distribution):
    """A class from 0 to k - 1.

    Args:
        probs: weights (..., k), not negative; they are normalised.
        logits: unnormalised log-probabilities (..., k). Exactly one of the two; ValueError
            otherwise.
        validate_args: whether to check them, and later values.

    Raises TypeError where probs is no tensor; NotImplementedError where probs holds complex
    numbers.

    >>> policy = Categorical(torch.tensor([1.0, 1.0, 2.0]))
    >>> policy.log_prob(torch.tensor(2)).exp()
    tensor(0.5000)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _keeps = ("_given", "_num_events")

    @clear_errors
    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._given = one_of(probs, logits)
        given: Any = logits if probs is None else probs
        if given.dim() < 1:
            raise ValueError(f"`{self._given}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = given - given.logsumexp(dim=-1, keepdim=True)
        self._num_events = given.size(-1)
        super().__init__(self._param.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """Normalised log-probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities."""
        return logits_to_probs(self.logits)

    @property
    def mean(self) -> Tensor:
        """NaN: classes have no mean."""
        p = self._param
        return T.full(self._batch_shape, math.nan, dtype=p.dtype, device=p.device)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Tensor:
        """NaN: classes have no variance."""
        p = self._param
        return T.full(self._batch_shape, math.nan, dtype=p.dtype, device=p.device)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        sample_shape = Size(sample_shape)
        rows = self.probs.detach().reshape(-1, self._num_events)
        drawn = T.multinomial(rows, sample_shape.numel(), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index = value.long().unsqueeze(-1)
        index, logits = T.broadcast_tensors(index, self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        # Impossible classes count nothing: not infinity times zero.
        logits = self.logits.clamp(min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return counting(self._num_events, self._param, self._batch_shape, expand, dtypes.int64)
