"""Constraints: what a parameter or a value of a distribution may be.

A constraint checks a tensor: `check(value)` gives a bool for each event, true where it holds. It
knows how many dims on the right make one event and whether its values are discrete. What maps
numbers without constraint onto a constraint lives in `constraint_registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..api import functions as T
from ..api.functions import resolve
from ..base import dtypes
from ..base.aliases import NamedInit
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "independent", "integer_interval", "interval",
    "half_open_interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular",
    "MixtureSameFamilyConstraint", "multinomial", "nonnegative", "nonnegative_integer", "one_hot",
    "positive", "positive_semidefinite", "positive_definite", "positive_integer", "real",
    "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip

UNKNOWN: Any = NotImplemented  # what only an instance of the distribution can tell


class Constraint(NamedInit):
    """A region where values are valid.

    is_discrete: whether it has whole numbers only; event_dim: how many dims on the right belong to
    one value. check() raises TypeError where value is no tensor.

    >>> torch.distributions.constraints.positive.check(torch.tensor([-1.0, 2.0]))
    tensor([False,  True])
    """

    is_discrete: Any = False
    event_dim: Any = 0

    def check(self, value: Tensor) -> Tensor:
        """Whether each event of value (*, *event) suits; NotImplementedError for complex ones."""
        raise NotImplementedError

    def _shown(self) -> str:
        """The arguments in the printed form."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__.removeprefix('_')}({self._shown()})"


# --- constraints that depend on a distribution's parameters --------------------------------------


class _Dependent(Constraint):
    """A constraint that is known only once parameters are.

    is_discrete: whether elements are counted. event_dim: how many dimensions an element has.

    >>> torch.distributions.constraints.dependent(is_discrete=True, event_dim=0).is_discrete
    True
    """

    def __init__(self, *, is_discrete: Any = UNKNOWN, event_dim: Any = UNKNOWN) -> None:
        self._is_discrete = is_discrete
        self._event_dim = event_dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        """Whether values are discrete. NotImplementedError where that depends, too."""
        if self._is_discrete is UNKNOWN:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return self._is_discrete

    @property
    def event_dim(self) -> int:
        """The dims of one value. NotImplementedError where that depends, too."""
        if self._event_dim is UNKNOWN:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return self._event_dim

    def __call__(self, *, is_discrete: Any = UNKNOWN, event_dim: Any = UNKNOWN) -> _Dependent:
        """The same with what is known of it: dependent(is_discrete=True)."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is UNKNOWN else is_discrete,
            event_dim=self._event_dim if event_dim is UNKNOWN else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        """ValueError: it takes a distribution to know."""
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on parameters, so that nothing can be checked.

    >>> constraints = torch.distributions.constraints
    >>> constraints.is_dependent(constraints.dependent), constraints.is_dependent(constraints.real)
    (True, False)
    """
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of a distribution that gives a constraint; the class shows a dependent one.

    is_discrete: whether elements are counted. event_dim: how many dims an element has. fn: the
    function of a distribution that gives the constraint.

    >>> constraints = torch.distributions.constraints
    >>> class Upto(torch.distributions.Distribution):
    ...     def __init__(self, high):
    ...         self.high = high
    ...     @constraints.dependent_property(is_discrete=False, event_dim=0)
    ...     def support(self):
    ...         return constraints.interval(0, self.high)
    >>> Upto(3.0).support.upper_bound
    3.0
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        is_discrete: Any = UNKNOWN,
        event_dim: Any = UNKNOWN,
    ) -> None:
        super().__init__(fn)
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    def __call__(self, fn: Callable[..., Any]) -> _DependentProperty:  # type: ignore[override]
        """As a decorator with arguments."""
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


# --- constraints over others ---------------------------------------------------------------------


def _required(constraint: Any, name: str) -> Constraint:
    if not isinstance(constraint, Constraint):
        raise AssertionError(f"{name} must be a Constraint, got {type(constraint).__name__}")
    return constraint


def _all_of_event(result: Tensor, value: Tensor, event_dim: int, kept: int) -> Tensor:
    """Whether a check holds in all dims after the first `kept`."""
    if kept < 0:
        raise ValueError(f"Expected value.dim() >= {event_dim} but got {value.dim()}")
    return result.reshape(result.shape[:kept] + (-1,)).all(-1)


class _IndependentConstraint(Constraint):
    """Another constraint for all elements of the last dims at once.

    reinterpreted_batch_ndims: how many batch dims, from the right, count as event dims.
    base_constraint: the constraint of one. Raises AssertionError where one is of the wrong type.

    >>> constraints = torch.distributions.constraints
    >>> rows = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    >>> constraints.independent(constraints.positive, 1).check(rows)
    tensor([False,  True])
    """

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(
                f"reinterpreted_batch_ndims must be an int >= 0, got {reinterpreted_batch_ndims!r}"
            )
        self.base_constraint = _required(base_constraint, "base_constraint")
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        """As the base's."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:
        """The base's and those that were added."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        """Whether the base holds for all elements of an event.

        value: values, a tensor. Raises NotImplementedError where value holds complex numbers.
        """
        result = self.base_constraint.check(value)
        kept = result.dim() - self.reinterpreted_batch_ndims
        return _all_of_event(result, value, self.event_dim, kept)

    def _shown(self) -> str:
        return f"{self.base_constraint!r}, {self.reinterpreted_batch_ndims}"


class MixtureSameFamilyConstraint(Constraint):
    """The constraint of a mixture's components for a value, which has no dim of components.

    base_constraint: the constraint of one. Raises AssertionError where it is of the wrong type.

    >>> torch.distributions.constraints.MixtureSameFamilyConstraint(real)
    MixtureSameFamilyConstraint(Real())
    """

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = _required(base_constraint, "base_constraint")
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        """As the base's."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:
        """As the base's."""
        return self.base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        """Whether the value suits every component."""
        kept = value.dim() - self.event_dim
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return _all_of_event(result, value, self.event_dim, kept)

    def _shown(self) -> str:
        return repr(self.base_constraint)


class _Sequence(Constraint):
    """Several constraints along a dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq = [_required(c, "every element of cseq") for c in cseq]
        self.dim = dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        """Whether one of them is."""
        return any(c.is_discrete for c in self.cseq)

    def _check_dim(self, value: Tensor) -> None:
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(f"dim {self.dim} out of range for value of {value.dim()} dims")


class _Cat(_Sequence):
    """Constraints for slices of the given lengths along a dim.

    cseq: the constraints. Raises AssertionError where they are not as many as lengths.

    >>> constraints = torch.distributions.constraints
    >>> both = constraints.cat([constraints.positive, constraints.real], lengths=[1, 1])
    >>> both.check(torch.tensor([-1.0, -1.0]))
    tensor([False,  True])
    """

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})"
            )

    @property
    def event_dim(self) -> int:
        """The largest of theirs."""
        return max(c.event_dim for c in self.cseq)

    @clear_errors
    def check(self, value: Tensor) -> Tensor:
        """The checks of the slices side by side.

        value: a tensor. Raises AssertionError or RuntimeError where its shape does not fit.
        """
        self._check_dim(value)
        slices = value.split(self.lengths, self.dim)
        return T.cat([c.check(v) for c, v in zip(self.cseq, slices)], self.dim)


class _Stack(_Sequence):
    """Constraints for the items along a dim.

    cseq: the constraints.

    >>> constraints = torch.distributions.constraints
    >>> both = constraints.stack([constraints.positive, constraints.real])
    >>> both.check(torch.tensor([-1.0, -1.0]))
    tensor([False,  True])
    """

    @property
    def event_dim(self) -> int:
        """The largest of theirs, and one more if the dim lies inside of an event."""
        largest = max(c.event_dim for c in self.cseq)
        return largest + 1 if self.dim + largest < 0 else largest

    @clear_errors
    def check(self, value: Tensor) -> Tensor:
        """The checks of the items, stacked.

        value: values, a tensor. Raises AssertionError where its shape does not fit.
        """
        self._check_dim(value)
        items = value.unbind(self.dim)
        return T.stack([c.check(v) for v, c in zip(items, self.cseq)], self.dim)


# --- numbers -------------------------------------------------------------------------------------


class _Bounded(Constraint):
    """Constraints with one or two bounds, numbers or tensors."""

    def _shown(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in vars(self).items() if k.endswith("_bound"))


class _Lower(_Bounded):
    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound
        super().__init__()


class _Upper(_Bounded):
    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound
        super().__init__()


class _Between(_Bounded):
    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        super().__init__()


class _Real(Constraint):
    """Any number but NaN."""

    def check(self, value: Tensor) -> Tensor:
        return value == value


class _GreaterThan(_Lower):
    """Numbers above a bound.

    lower_bound: the smallest value.

    >>> torch.distributions.constraints.greater_than(0).check(torch.tensor([0.0, 1.0]))
    tensor([False,  True])
    """

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class _GreaterThanEq(_Lower):
    """Numbers from a bound on.

    lower_bound: the smallest value.

    >>> torch.distributions.constraints.greater_than_eq(0).check(torch.tensor([0.0, -1.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class _LessThan(_Upper):
    """Numbers below a bound.

    upper_bound: the largest value.

    >>> torch.distributions.constraints.less_than(0).check(torch.tensor([0.0, -1.0]))
    tensor([False,  True])
    """

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Interval(_Between):
    """Numbers between two bounds, both included.

    lower_bound: the smallest value. upper_bound: the largest value.

    >>> torch.distributions.constraints.interval(0, 1).check(torch.tensor([0.5, 2.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _HalfOpenInterval(_Between):
    """Numbers from a bound on, below another.

    lower_bound: the smallest value. upper_bound: the largest value.

    >>> torch.distributions.constraints.half_open_interval(0, 1).check(torch.tensor([0.0, 1.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class _Boolean(Constraint):
    """0 or 1."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _IntegerInterval(_Between):
    """Whole numbers between two bounds, both included.

    lower_bound: the smallest value. upper_bound: the largest value.

    >>> torch.distributions.constraints.integer_interval(0, 3).check(torch.tensor([1.0, 1.5]))
    tensor([ True, False])
    """

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound) & (value <= self.upper_bound)


class _IntegerLessThan(_Upper):
    """Whole numbers up to a bound, included."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Lower):
    """Whole numbers from a bound on."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


# --- vectors -------------------------------------------------------------------------------------


class _OneHot(Constraint):
    """Vectors of zeros and a single one."""

    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return boolean.check(value).all(-1) & (value.sum(-1) == 1)


class _Simplex(Constraint):
    """Vectors of non-negative numbers that add up to one."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(_Upper):
    """Vectors of non-negative numbers that add up to no more than a bound.

    upper_bound: the largest value.

    >>> torch.distributions.constraints.multinomial(3).check(torch.tensor([1.0, 2.0]))
    tensor(True)
    """

    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)

    def _shown(self) -> str:
        return ""


# --- matrices ------------------------------------------------------------------------------------


class _LowerTriangular(Constraint):
    """Square matrices with zeros above the diagonal."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).flatten(-2).all(-1)


class _LowerCholesky(_LowerTriangular):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value: Tensor) -> Tensor:
        positive_diagonal = (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)
        return super().check(value) & positive_diagonal


class _CorrCholesky(_LowerCholesky):
    """Cholesky factors of correlation matrices: their rows have length one."""

    def check(self, value: Tensor) -> Tensor:
        tolerance = dtypes.finfo(value.dtype).eps * value.size(-1) * 10
        lengths = resolve("linalg", "vector_norm")(value.detach(), dim=-1)
        return super().check(value) & ((lengths - 1).abs() <= tolerance).all(-1)


class _Square(Constraint):
    """Square matrices."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        square_ = value.shape[-2] == value.shape[-1]
        return T.full(value.shape[:-2], square_, dtype=dtypes.bool, device=value.device)


class _Symmetric(_Square):
    """Symmetric matrices, up to rounding."""

    def check(self, value: Tensor) -> Tensor:
        square_ = super().check(value)
        if not square_.all():
            return square_
        return T.isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalues."""

    def check(self, value: Tensor) -> Tensor:
        symmetric_ = super().check(value)
        if not symmetric_.all():
            return symmetric_
        return (resolve("linalg", "eigvalsh")(value) >= 0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices with positive eigenvalues only."""

    def check(self, value: Tensor) -> Tensor:
        symmetric_ = super().check(value)
        if not symmetric_.all():
            return symmetric_
        return resolve("linalg", "cholesky_ex")(value).info == 0


dependent = _Dependent()
dependent_property = _DependentProperty
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
cat = _Cat
stack = _Stack
