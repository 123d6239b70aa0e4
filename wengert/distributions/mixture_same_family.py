"""MixtureSameFamily: one of several distributions of a kind, chosen at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.modes import no_grad
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture whose components are the last batch dim of one distribution.

    Args:
        mixture_distribution: a Categorical, the weights.
        component_distribution: batch_shape (..., k) for k weights. ValueError where types or shapes
            do not fit.
        validate_args: whether to check values.

    >>> from wengert.distributions import Normal
    >>> weights = Categorical(torch.ones(2))
    >>> MixtureSameFamily(weights, Normal(torch.tensor([-1.0, 3.0]), 1.0)).mean
    tensor(1.)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                f"torch.distributions.Categorical, got {type(mixture_distribution).__name__}"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                f"torch.distributions.Distribution, got {type(component_distribution).__name__}"
            )
        weights = mixture_distribution.batch_shape
        batch_shape = component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(weights), reversed(batch_shape)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({weights}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch_shape})"
                )
        k = mixture_distribution.logits.shape[-1]
        components = component_distribution.batch_shape[-1]
        if k != components:
            raise ValueError(
                f"`mixture_distribution component` ({k}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({components})"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = k
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._blank() if _instance is None else _instance
        batch_shape = Size(batch_shape)
        components = self._component_distribution.expand(batch_shape + (self._num_component,))
        new._component_distribution = components
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        Distribution.__init__(new, batch_shape, components.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The weights."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    def _mixed(self, values: Tensor) -> Tensor:
        """The weighted mean over the components of values (..., k, *event)."""
        probs = self._mixture_distribution.probs
        probs = probs.reshape(probs.shape + (1,) * self._event_ndims)
        return (probs * values).sum(-1 - self._event_ndims)

    def _with_components(self, value: Tensor) -> Tensor:
        """A value with a dim for the components."""
        return value.unsqueeze(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return self._mixed(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        means = self._component_distribution.mean
        within = self._mixed(self._component_distribution.variance)
        return within + self._mixed((means - self._with_components(self.mean)).pow(2.0))

    def cdf(self, x: Tensor) -> Tensor:
        """The probability of values up to x."""
        below = self._component_distribution.cdf(self._with_components(x))
        return (below * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, of x."""
        if self._validate_args:
            self._validate_sample(x)
        log_prob = self._component_distribution.log_prob(self._with_components(x))
        log_weights = self._mixture_distribution.logits.log_softmax(-1)
        return (log_prob + log_weights).logsumexp(-1)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        sample_shape = Size(sample_shape)
        with no_grad():
            dim = len(sample_shape) + len(self._batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            chosen = chosen.reshape(chosen.shape + (1,) * (self._event_ndims + 1))
            chosen = chosen.expand(drawn.shape[:dim] + (1,) + self._event_shape)
            return drawn.gather(dim, chosen).squeeze(dim)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self._mixture_distribution},\n"
            f"  {self._component_distribution})"
        )
