"""biject_to and transform_to: transforms from numbers without constraint onto a constraint.

`biject_to(c)` gives a map that is one to one with a Jacobian, for sampling; `transform_to(c)` one
that is good to optimise over, which may be neither.

>>> torch.distributions.transform_to(constraints.simplex)(torch.zeros(2))
tensor([0.5000, 0.5000])
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import constraints, transforms
from .parameters import NUMBER

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Constraints and the factories of transforms for them; called with a constraint, such as
    constraints.positive, it gives the transform. NotImplementedError where none is registered.

    >>> positive = torch.distributions.constraints.positive
    >>> torch.distributions.transform_to(positive)(torch.tensor(0.0))
    tensor(1.)
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Any]] = {}
        super().__init__()

    def register(self, constraint: Any, factory: Callable[[Any], Any] | None = None) -> Any:
        """Register a factory for the type of a constraint; a decorator without factory.

        Args:
            constraint: a class of constraints, or one of them. TypeError for anything else.
            factory: takes a constraint and returns a transform.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, constraints.Constraint):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """The transform onto a constraint. NotImplementedError where there is none."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(factory: Callable[..., Any], *kinds: Any) -> None:
    """Register with either registry what takes a constraint and registry=."""
    for registry in (biject_to, transform_to):
        for kind in kinds:
            registry.register(kind, partial(factory, registry=registry))


def _between(c: Any) -> Any:
    low, high = c.lower_bound, c.upper_bound
    if isinstance(low, NUMBER) and isinstance(high, NUMBER) and low == 0 and high == 1:
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)]
    )


def _exp_then(loc: Any, scale: float) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(loc, scale)]
    )


def _independent(c: Any, registry: ConstraintRegistry) -> Any:
    base = registry(c.base_constraint)
    return transforms.IndependentTransform(base, c.reinterpreted_batch_ndims)


def _cat(c: Any, registry: ConstraintRegistry) -> Any:
    return transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths)


def _stack(c: Any, registry: ConstraintRegistry) -> Any:
    return transforms.StackTransform([registry(part) for part in c.cseq], c.dim)


_both(lambda c, registry: transforms.identity_transform, constraints.real)
_both(_independent, constraints.independent)
_both(lambda c, registry: transforms.ExpTransform(), constraints.positive, constraints.nonnegative)
_both(
    lambda c, registry: _exp_then(c.lower_bound, 1),
    constraints.greater_than,
    constraints.greater_than_eq,
)
_both(lambda c, registry: _exp_then(c.upper_bound, -1), constraints.less_than)
_both(lambda c, registry: _between(c), constraints.interval, constraints.half_open_interval)
_both(lambda c, registry: transforms.CorrCholeskyTransform(), constraints.corr_cholesky)
_both(_cat, constraints.cat)
_both(_stack, constraints.stack)
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
for _kind in (constraints.positive_definite, constraints.positive_semidefinite):
    transform_to.register(_kind, lambda c: transforms.PositiveDefiniteTransform())
