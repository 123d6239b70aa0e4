"""ExponentialFamily: distributions whose log-density is linear in natural parameters."""

from __future__ import annotations

from typing import Any

from ..autodiff.grad_api import grad
from ..engine.tensor import Tensor
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Distributions of density h(x) exp(<natural parameters, t(x)> - log normaliser).

    A subclass may define `_natural_params`, `_log_normalizer(*natural_params)` and
    `_mean_carrier_measure`, the mean of log h; then it has an entropy and a divergence within its
    kind without further formulas.

    batch_shape: the new batch shape. event_shape: the shape of one draw. validate_args: whether
    arguments are checked; None: as set for all.

    Raises NotImplementedError where loc holds complex numbers; RuntimeError where scale is a tensor
    of several numbers.

    >>> from wengert.distributions import ExponentialFamily, Normal
    >>> isinstance(Normal(0.0, 1.0), ExponentialFamily)
    True
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def _normalizer_and_means(self) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The log normaliser; with each natural parameter its derivative, the mean of t(x)."""
        given = [p if p.requires_grad else p.detach() for p in self._natural_params]
        params = [p if p.requires_grad else p.requires_grad_() for p in given]
        normalizer = self._log_normalizer(*params)
        means = grad(normalizer.sum(), params, create_graph=True)
        return normalizer, list(zip(params, means))

    def entropy(self) -> Tensor:
        """The entropy by the derivative of the log normaliser."""
        carrier = self._mean_carrier_measure
        normalizer, pairs = self._normalizer_and_means()
        result = normalizer - carrier
        for param, mean in pairs:
            result = result - (param * mean).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
