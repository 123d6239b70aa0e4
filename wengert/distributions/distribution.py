"""Distribution: shapes, checks, expanding and printing that all distributions share.

What does not live here: formulas (one file per distribution), what a parameter may be
(`constraints.py`), divergences (`kl.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.advice import advise
from ..base.modes import no_grad
from ..base.size import Size
from ..engine.tensor import Tensor
from .constraints import Constraint, is_dependent
from .parameters import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """What all distributions have: batch_shape of independent ones, event_shape of one draw.

    A subclass defines `arg_constraints` (name of a parameter -> what it may be), `support` (what
    its values may be), and of the methods those that it can.

    Args:
        batch_shape, event_shape: shapes.
        validate_args: whether to check parameters and values; ValueError where they are wrong.
            The default is `set_default_validate_args`.

    Raises NotImplementedError where loc holds complex numbers; RuntimeError where scale is a tensor
    of several numbers.

    >>> torch.distributions.Normal(torch.zeros(3), 1.0).batch_shape
    torch.Size([3])
    >>> from wengert.distributions import Categorical, Distribution, Normal
    >>> normal = Normal(0.0, 1.0)
    >>> normal.sample((2,)).shape, normal.rsample().shape, normal.sample_n(3).shape
    (torch.Size([2]), torch.Size([]), torch.Size([3]))
    >>> normal.log_prob(torch.tensor(0.0)), normal.cdf(torch.tensor(0.0)), normal.entropy()
    (tensor(-0.9189), tensor(0.5000), tensor(1.4189))
    >>> normal.icdf(torch.tensor(0.5)), normal.perplexity(), normal.expand((3,)).batch_shape
    (tensor(0.), tensor(4.1327), torch.Size([3]))
    >>> Categorical(torch.ones(3)).enumerate_support()
    tensor([0, 1, 2])
    >>> Distribution.set_default_validate_args(True)
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args = __debug__

    # What `expand` treats beside the parameters: attributes that have the batch shape in front,
    # tensors or distributions, and attributes that stay as they are.
    _expands: tuple[str, ...] = ()
    _keeps: tuple[str, ...] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check what they are given.

        value: values, a tensor.
        """
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = Size(),
        event_shape: Sequence[int] = Size(),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._validate_parameters()
        super().__init__()

    def _validate_parameters(self) -> None:
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            advise(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = "
                "{}` or initialize the distribution with `validate_args=False` to turn off "
                "validation.",
            )
            return
        for name, constraint in arg_constraints.items():
            if is_dependent(constraint):
                continue
            if name not in vars(self) and isinstance(getattr(type(self), name), lazy_property):
                continue  # the other way to give the same parameter
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape "
                    f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                    f"{constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The same distribution with a larger batch shape; memory is shared, not copied.

        A subclass with an __init__ of its own needs an expand of its own, which may pass the new
        object as _instance to have the attributes of this class set.

        batch_shape: the new batch shape.

        Raises TypeError where batch_shape is of the wrong type.

        >>> torch.distributions.Normal(0.0, 1.0).expand((2, 3)).batch_shape
        torch.Size([2, 3])
        """
        batch_shape = Size(batch_shape)
        new = self._blank() if _instance is None else _instance
        cut = len(self._batch_shape)
        for name in dict.fromkeys((*self.arg_constraints, *self._expands)):
            if name in self._keeps or name not in vars(self):
                continue
            value = getattr(self, name)
            shape = value.batch_shape if isinstance(value, Distribution) else value.shape
            setattr(new, name, value.expand(batch_shape + shape[cut:]))
        for name in self._keeps:
            if name in vars(self):
                setattr(new, name, getattr(self, name))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _blank(self) -> Any:
        """A new object of this type without attributes, if nothing but ours has to be set."""
        kind = type(self)
        maker = next(c for c in kind.__mro__ if "__init__" in vars(c))
        if maker is Distribution or maker.__module__.partition(".distributions")[0] != _PACKAGE:
            known = next(c for c in kind.__mro__ if c.__module__.startswith(_PACKAGE))
            raise NotImplementedError(
                f"Subclass {kind.__name__} of {known.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return kind.__new__(kind)

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """For subclasses that expand themselves: the object to fill."""
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    @property
    def batch_shape(self) -> Size:
        """The shape over which parameters are batched."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of a single draw, without batching."""
        return self._event_shape

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """For each parameter by name, what it must satisfy."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """What values of this distribution satisfy."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The value of greatest probability."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws of shape sample_shape + batch_shape + event_shape, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws that have gradients with respect to the parameters.

        sample_shape: dims in front of those of the distribution.
        """
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """n draws. FutureWarning: use sample((n,)).

        Raises TypeError where n is of the wrong type.
        """
        advise(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, of a value.

        value: a value, or a tensor of them. value has any shape that broadcasts with batch_shape +
        event_shape. Raises ValueError for values outside of the support, unless validate_args is
        False; RuntimeError or NotImplementedError for dtypes in which the density is not computed:
        booleans and complex numbers, integers for some.
        """
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to this one.

        value: a value, or a tensor of them. value has any shape that broadcasts with batch_shape +
        event_shape. Raises ValueError for values outside of the support, unless validate_args is
        False; RuntimeError or NotImplementedError for booleans and complex numbers.
        """
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which the given probability lies.

        value has any shape that broadcasts with batch_shape.
        """
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution along a new first dim, (n, *batch_shape, ...).

        With expand=False the batch dims have size 1.
        """
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy of each distribution of the batch, in nats."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Sequence[int] = Size()) -> Size:
        """The shape of draws."""
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value: Tensor) -> None:
        """ValueError where a value has the wrong type or shape or lies outside of the support."""
        if not isinstance(value, Tensor):
            raise ValueError(
                "The value argument to log_prob must be a Tensor, "
                f"got {type(value).__name__}: wrap it in torch.tensor()"
            )
        size = value.shape
        if size[len(size) - len(self._event_shape) :] != self._event_shape:
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{size} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(size), reversed(expected)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{size} vs {expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            advise(
                f"{type(self)} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation.",
            )
            return
        assert support is not None
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(size)}) to be "
                f"within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        given = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        shown = [f"{k}: {v if v.numel() == 1 else v.size()}" for k, v in given.items()]
        return f"{type(self).__name__}({', '.join(shown)})"


_PACKAGE = Distribution.__module__.partition(".distributions")[0]
