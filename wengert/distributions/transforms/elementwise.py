"""Transforms of numbers, element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...base import dtypes
from ...base.size import Size
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F
from .. import constraints
from ..parameters import NUMBER, TensorOrNumber, broadcast_all, lazy_property
from .transform import Transform

__all__ = [
    "AbsTransform", "AffineTransform", "CumulativeDistributionTransform", "ExpTransform",
    "PowerTransform", "SigmoidTransform", "SoftplusTransform", "TanhTransform", "clipped_sigmoid",
]  # fmt: skip


class _Plain(Transform):
    """A transform without parameters: equal to others of its kind."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self))

    __hash__ = None


class ExpTransform(_Plain):
    """y = exp(x).

    cache_size: 1: remember the last result and its input.

    x has any shape. Raises TypeError where x is no tensor.

    >>> ExpTransform()(torch.zeros(1))
    tensor([1.])
    """

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = +1

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """x.

        y: transformed values, a tensor.
        """
        return x


class PowerTransform(Transform):
    """y = x ** exponent, for positive numbers.

    cache_size: 1: remember the last result and its input.

    exponent broadcasts with x. Raises TypeError where x is no tensor.

    >>> PowerTransform(2.0)(torch.tensor([3.0]))
    tensor([9.])
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    @clear_errors
    def __init__(self, exponent: TensorOrNumber, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return PowerTransform(self.exponent, cache_size=cache_size)

    @lazy_property
    def sign(self) -> Any:
        """That of the exponent."""
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and _same(self.exponent, other.exponent)

    __hash__ = None

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |exponent y / x|."""
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """Broadcast with the exponent's.

        shape: a shape.
        """
        return _broadcast_shape(shape, self.exponent)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """Broadcast with the exponent's.

        shape: a shape.
        """
        return _broadcast_shape(shape, self.exponent)


def _same(a: Any, b: Any) -> bool:
    """Whether two numbers or tensors are equal everywhere."""
    equal = a == b
    return equal if isinstance(equal, bool) else bool(equal.all())


def _broadcast_shape(shape: Sequence[int], *parameters: Any) -> Size:
    return Size(T.broadcast_shapes(tuple(shape), *[getattr(p, "shape", ()) for p in parameters]))


def clipped_sigmoid(x: Tensor) -> Tensor:
    """The sigmoid, kept away from 0 and 1."""
    return _clipped(x.sigmoid())


def _clipped(y: Tensor) -> Tensor:
    limits = dtypes.finfo(y.dtype)
    return y.clamp(min=limits.tiny, max=1.0 - limits.eps)


class SigmoidTransform(_Plain):
    """y = 1 / (1 + exp(-x)), kept away from 0 and 1.

    cache_size: 1: remember the last result and its input.

    x has any shape. Raises TypeError where x is no tensor; NotImplementedError where x holds
    complex numbers.

    >>> SigmoidTransform()(torch.zeros(1))
    tensor([0.5000])
    """

    domain = constraints.real
    codomain = constraints.unit_interval
    bijective = True
    sign = +1

    def _call(self, x: Tensor) -> Tensor:
        return clipped_sigmoid(x)

    def _inverse(self, y: Tensor) -> Tensor:
        y = _clipped(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log y (1 - y).

        x: the values to transform, a tensor.
        """
        return -F.softplus(-x) - F.softplus(x)


class SoftplusTransform(_Plain):
    """y = log(1 + exp(x)).

    cache_size: 1: remember the last result and its input.

    x has any shape. Raises TypeError where x is no tensor; NotImplementedError where x holds
    integers, booleans or complex numbers.

    >>> SoftplusTransform()(torch.zeros(1))
    tensor([0.6931])
    """

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = +1

    def _call(self, x: Tensor) -> Tensor:
        return F.softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the sigmoid.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        return -F.softplus(-x)


class TanhTransform(_Plain):
    """y = tanh(x). Near its ends a cache keeps the inverse exact.

    cache_size: 1: remember the last result and its input.

    x has any shape. Raises TypeError where x is no tensor.

    >>> TanhTransform()(torch.zeros(1))
    tensor([0.])
    """

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)
    bijective = True
    sign = +1

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log (1 - y**2), in a form that does not cancel.

        x: the values to transform, a tensor.
        """
        return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))


class AbsTransform(_Plain):
    """y = |x|. Its inverse is the non-negative one.

    cache_size: 1: remember the last result and its input.

    x has any shape. Raises TypeError where x is no tensor.

    >>> AbsTransform()(torch.tensor([-2.0]))
    tensor([2.])
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """y = loc + scale x.

    Args:
        loc, scale: numbers or tensors.
        event_dim: how many dims on the right form one event.

    cache_size: 1: remember the last result and its input.

    loc and scale broadcast with x. Raises TypeError where loc or scale is of the wrong type or x is
    no tensor.

    >>> AffineTransform(1.0, 2.0)(torch.ones(1))
    tensor([3.])
    """

    bijective = True

    def __init__(
        self, loc: TensorOrNumber, scale: TensorOrNumber, event_dim: int = 0, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size=cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim

    @property
    def event_dim(self) -> int:
        """As given."""
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Any numbers."""
        if not self.event_dim:
            return constraints.real
        return constraints.independent(constraints.real, self.event_dim)

    codomain = domain

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self.event_dim, cache_size=cache_size)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AffineTransform)
            and _same(self.loc, other.loc)
            and _same(self.scale, other.scale)
        )

    __hash__ = None

    @property
    def sign(self) -> Any:
        """That of the scale."""
        if isinstance(self.scale, NUMBER):
            return (self.scale > 0) - (self.scale < 0)
        return self.scale.sign()

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |scale|, summed over an event.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        shape = x.shape
        if isinstance(self.scale, NUMBER):
            size = abs(self.scale)
            result = T.full_like(x, math.log(size) if size else -math.inf)
        else:
            result = self.scale.abs().log()
        if self.event_dim:
            result = result.reshape(result.shape[: -self.event_dim] + (-1,)).sum(-1)
            shape = shape[: -self.event_dim]
        return result.expand(shape)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """Broadcast with loc and scale.

        shape: a shape.
        """
        return _broadcast_shape(shape, self.loc, self.scale)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """Broadcast with loc and scale.

        shape: a shape.
        """
        return _broadcast_shape(shape, self.loc, self.scale)


class CumulativeDistributionTransform(Transform):
    """y = the distribution function at x; the inverse gives quantiles.

    Args:
        distribution: one that has cdf and icdf.

    cache_size: 1: remember the last result and its input.

    x has any shape that broadcasts with the batch of the distribution. Raises TypeError where
    distribution is of the wrong type; RuntimeError where x holds booleans; NotImplementedError
    where x holds complex numbers.

    >>> normal = torch.distributions.Normal(0.0, 1.0)
    >>> CumulativeDistributionTransform(normal)(torch.zeros(1))
    tensor([0.5000])
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = +1

    @clear_errors
    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """The values of the distribution."""
        return self.distribution.support

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size=cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the density.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        return self.distribution.log_prob(x)
