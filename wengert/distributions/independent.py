"""Independent: a batch of distributions as one over an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import sum_rightmost

__all__ = ["Independent"]

D = TypeVar("D", bound=Distribution)


class Independent(Distribution, Generic[D]):
    """A distribution whose last batch dims count as part of the event.

    Args:
        base_distribution: the distribution.
        reinterpreted_batch_ndims: how many batch dims become event dims; ValueError if it has not
            so many.
        validate_args: whether to check values.

    Raises TypeError where base_distribution or reinterpreted_batch_ndims is of the wrong type;
    RuntimeError where reinterpreted_batch_ndims is a tensor of several numbers.

    >>> diagonal = Independent(torch.distributions.Normal(torch.zeros(2, 3), 1.0), 1)
    >>> diagonal.batch_shape, diagonal.event_shape
    (torch.Size([2]), torch.Size([3]))
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    _expands = ("base_dist",)
    _keeps = ("reinterpreted_batch_ndims",)
    base_dist: D

    @clear_errors
    def __init__(
        self,
        base_distribution: D,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        base = base_distribution
        if reinterpreted_batch_ndims > len(base.batch_shape):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {reinterpreted_batch_ndims} vs {len(base.batch_shape)}"
            )
        self.base_dist = base
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        cut = len(base.batch_shape) - reinterpreted_batch_ndims
        event_shape = base.batch_shape[cut:] + base.event_shape
        super().__init__(base.batch_shape[:cut], event_shape, validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:
        """As the base."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:
        """As the base, while no dim became part of the event."""
        return not self.reinterpreted_batch_ndims and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        result = self.base_dist.support
        if self.reinterpreted_batch_ndims:
            result = constraints.independent(result, self.reinterpreted_batch_ndims)
        return result

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
