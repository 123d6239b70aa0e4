"""TransformedDistribution: what becomes of a distribution when its values are transformed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.modes import no_grad
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .parameters import sum_rightmost
from .transforms import ComposeTransform, Transform

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of f(X) for X of a base distribution.

    Args:
        base_distribution: the distribution of X.
        transforms: f, a Transform or a list of them, the first applied first; ValueError for
            anything else.
        validate_args: whether to check values.

    Raises TypeError where base_distribution is of the wrong type.

    >>> from wengert.distributions import ExpTransform, Normal
    >>> TransformedDistribution(Normal(0.0, 1.0), ExpTransform()).log_prob(torch.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    base_dist: Any

    @clear_errors
    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ValueError("transforms must be a Transform or a list of Transforms")
        base = base_distribution
        shape = base.batch_shape + base.event_shape
        event_dim = len(base.event_shape)
        whole = ComposeTransform(self.transforms)
        needed, made = whole.domain.event_dim, whole.codomain.event_dim
        if len(shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, "
                f"but got {shape}."
            )
        # A transform of a larger batch makes the base larger, one of larger events takes dims of
        # its batch for them.
        forward_shape = whole.forward_shape(shape)
        expanded = whole.inverse_shape(forward_shape)
        if expanded != shape:
            base = base.expand(expanded[: len(expanded) - event_dim])
        if needed > event_dim:
            base = Independent(base, needed - event_dim)
        self.base_dist = base
        event_dim = max(made, event_dim + made - needed)
        cut = len(forward_shape) - event_dim
        super().__init__(forward_shape[:cut], forward_shape[cut:], validate_args=validate_args)

    def _transforms(self) -> list[Transform]:
        """The transforms of expanded parameters."""
        return self.transforms

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._blank() if _instance is None else _instance
        batch_shape = Size(batch_shape)
        cut = len(self._batch_shape)
        for name in self.arg_constraints:
            if name in vars(self):
                value = getattr(self, name)
                setattr(new, name, value.expand(batch_shape + value.shape[cut:]))
        shape = batch_shape + self._event_shape
        for transform in reversed(self.transforms):
            shape = transform.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new.transforms = self.transforms
        if type(self)._transforms is not TransformedDistribution._transforms:
            new.transforms = new._transforms()
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    @property
    def has_rsample(self) -> bool:
        """As the base."""
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        event_dim = len(self._event_shape)
        log_prob: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            jacobian = transform.log_abs_det_jacobian(x, y)
            log_prob = log_prob - sum_rightmost(jacobian, event_dim - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return log_prob + sum_rightmost(base, event_dim - len(self.base_dist.event_shape))

    def _rising(self, value: Tensor) -> Tensor:
        """A probability, counted from the other end where the transforms fall."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._rising(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._rising(value)))
