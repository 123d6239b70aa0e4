"""Transform: a map with an inverse and the logarithm of its Jacobian's determinant.

What lives here: the base class, inverses, reshaping. What does not: the maps themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base.aliases import NamedInit
from ...base.size import Size
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .. import constraints

__all__ = ["InverseTransform", "ReshapeTransform", "Transform", "cut_event"]


class Transform(NamedInit):
    """A map from domain to codomain.

    A subclass defines `_call`, and where it can `_inverse` and `log_abs_det_jacobian`; domain,
    codomain, bijective (one to one) and sign (+1 rising, -1 falling).

    Args:
        cache_size: 1 to remember the last pair (x, y), so that the inverse of a result is the very
            argument it came from. ValueError for other numbers than 0 and 1.

    Raises TypeError where x is no tensor; AttributeError where x is no tensor.

    >>> exp = torch.distributions.transforms.ExpTransform()
    >>> exp(torch.zeros(2)), exp.inv(torch.ones(2))
    (tensor([1., 1.]), tensor([0., 0.]))
    >>> from wengert.distributions.transforms import ExpTransform
    >>> t = ExpTransform()
    >>> y = t(torch.tensor(1.0))
    >>> t.inv(y), t.log_abs_det_jacobian(torch.tensor(1.0), y)
    (tensor(1.0000), tensor(1.))
    >>> t.forward_shape((2,)), t.inverse_shape((2,)), t.with_cache(1)
    (torch.Size([2]), torch.Size([2]), ExpTransform())
    """

    bijective: Any = False
    domain: Any
    codomain: Any

    @clear_errors
    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError(f"cache_size must be 0 or 1, got {cache_size}")
        self._cache_size = cache_size
        self._inv: Any = None
        if cache_size:
            self._cached_x_y: tuple[Any, Any] = (None, None)
        super().__init__()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_inv": None}

    @property
    def event_dim(self) -> int:
        """The dims of one argument, where a result has as many. ValueError where it has not."""
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")

    @property
    def inv(self) -> Transform:
        """The inverse map."""
        if self._inv is None:
            self._inv = InverseTransform(self)
        return self._inv

    @property
    def sign(self) -> Any:
        """+1 for rising maps, -1 for falling ones."""
        raise NotImplementedError

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.

        Raises ValueError where cache_size is of the wrong type or cache_size is out of range;
        RuntimeError where cache_size is a tensor of several numbers.
        """
        if self._cache_size == cache_size:
            return self
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        raise NotImplementedError(f"{type(self)}.with_cache is not implemented")

    def __eq__(self, other: object) -> bool:
        return self is other

    # Equal by value and changeable: no key of a dict.
    __hash__ = None  # type: ignore[assignment]

    @clear_errors
    def __call__(self, x: Tensor) -> Tensor:
        if not self._cache_size:
            return self._call(x)
        last_x, y = self._cached_x_y
        if x is not last_x:
            y = self._call(x)
            self._cached_x_y = x, y
        return y

    def _inv_call(self, y: Tensor) -> Tensor:
        if not self._cache_size:
            return self._inverse(y)
        x, last_y = self._cached_x_y
        if y is not last_y:
            x = self._inverse(y)
            self._cached_x_y = x, y
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |det dy/dx| for an argument and its result; a number for each event.

        x: the values to transform, a tensor. y: transformed values, a tensor. x and y have any
        shape that ends in the dims of an event.
        """
        raise NotImplementedError

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape of a result for the shape of an argument.

        Raises TypeError where shape is of the wrong type.
        """
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape of the argument of a result of the given shape.

        Raises TypeError where shape is of the wrong type.
        """
        return Size(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class InverseTransform(Transform):
    """The inverse of a transform, which remembers for both."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))  # the inverse is all there is

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Where the transform leads to."""
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """Where the transform comes from."""
        return self._inv.domain

    @property
    def bijective(self) -> Any:
        """As the transform."""
        return self._inv.bijective

    @property
    def sign(self) -> Any:
        """As the transform's."""
        return self._inv.sign

    @property
    def inv(self) -> Transform:
        """The transform."""
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The inverse of the transform with another cache."""
        return self._inv.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InverseTransform) and self._inv == other._inv

    __hash__ = None

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The transform's, negated."""
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The transform's inverse shape."""
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The transform's forward shape."""
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self._inv!r})"


def cut_event(shape: Sequence[int], event_dim: int) -> tuple[Size, Size]:
    """A shape as batch and event. ValueError where it has too few dims."""
    shape = Size(shape)
    if len(shape) < event_dim:
        raise ValueError(f"Too few dimensions on input: expected {event_dim}, got shape {shape}")
    cut = len(shape) - event_dim
    return shape[:cut], shape[cut:]


class ReshapeTransform(Transform):
    """Gives events of one shape another shape with as many elements.

    cache_size: 1: remember the last result and its input. in_shape: the shape of an event before.
    out_shape: the shape after.

    Raises TypeError where in_shape or out_shape is of the wrong type or x is no tensor;
    RuntimeError where x has a shape that does not fit.

    >>> flat = torch.distributions.transforms.ReshapeTransform((2, 2), (4,))
    >>> flat(torch.ones(3, 2, 2)).shape
    torch.Size([3, 4])
    """

    bijective = True

    @clear_errors
    def __init__(
        self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0
    ) -> None:
        self.in_shape = Size(in_shape)
        self.out_shape = Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError(
                "in_shape, out_shape have different numbers of elements: "
                f"{self.in_shape.numel()} and {self.out_shape.numel()}"
            )
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Any numbers in the one shape."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Any numbers in the other."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size=cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(cut_event(x.shape, len(self.in_shape))[0] + self.out_shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(cut_event(y.shape, len(self.out_shape))[0] + self.in_shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Zero.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        return x.new_zeros(cut_event(x.shape, len(self.in_shape))[0])

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The batch with the other event shape."""
        return _replaced(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The batch with the one event shape."""
        return _replaced(shape, self.out_shape, self.in_shape)


def _replaced(shape: Sequence[int], old: Size, new: Size) -> Size:
    batch, event = cut_event(shape, len(old))
    if event != old:
        raise ValueError(f"Shape mismatch: expected {old} but got {event}")
    return batch + new
