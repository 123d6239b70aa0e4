"""Transforms made of others: one after another, over more dims, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...base.size import Size
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .. import constraints
from ..parameters import lazy_property, sum_rightmost
from .transform import Transform

__all__ = [
    "CatTransform", "ComposeTransform", "IndependentTransform", "StackTransform",
    "identity_transform",
]  # fmt: skip


class ComposeTransform(Transform):
    """Transforms one after another of x, the first of the list first.

    cache_size: 1: remember the last result and its input. parts: the transforms.

    x has any shape that the parts take. Raises TypeError where parts is of the wrong type or x is
    no tensor.

    >>> from wengert.distributions.transforms import AffineTransform, ExpTransform
    >>> ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])(torch.zeros(2))
    tensor([3., 3.])
    """

    @clear_errors
    def __init__(self, parts: list[Transform], cache_size: int = 0) -> None:
        if cache_size:
            parts = [part.with_cache(cache_size) for part in parts]
        super().__init__(cache_size=cache_size)
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = None

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The first one's, with as many event dims as later ones need."""
        if not self.parts:
            return constraints.real
        dims = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            dims = max(dims + _change(part, -1), part.domain.event_dim)
        return _widened(self.parts[0].domain, dims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The last one's, with as many event dims as earlier ones need."""
        if not self.parts:
            return constraints.real
        dims = self.parts[0].domain.event_dim
        for part in self.parts:
            dims = max(dims + _change(part, 1), part.codomain.event_dim)
        return _widened(self.parts[-1].codomain, dims)

    @lazy_property
    def bijective(self) -> Any:
        """Whether all of them are."""
        return all(part.bijective for part in self.parts)

    @lazy_property
    def sign(self) -> Any:
        """The product of their signs."""
        sign: Any = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    @property
    def inv(self) -> Transform:
        """Their inverses in reverse order."""
        if self._inv is None:
            self._inv = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inv._inv = self
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return ComposeTransform(self.parts, cache_size=cache_size)

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of theirs.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        if not self.parts:
            return T.zeros_like(x)
        total: Any = 0
        dims = self.domain.event_dim
        for i, part in enumerate(self.parts):
            after = part(x) if i < len(self.parts) - 1 else y
            term = part.log_abs_det_jacobian(x, after)
            total = total + sum_rightmost(term, dims - part.domain.event_dim)
            dims += _change(part, 1)
            x = after
        return total

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The shape after all of them."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """The shape before all of them."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return Size(shape)

    def __repr__(self) -> str:
        parts = ",\n    ".join(map(repr, self.parts))
        return f"{type(self).__name__}(\n    {parts}\n)"


def _change(part: Transform, direction: int) -> int:
    """How many event dims a transform adds, read forwards (1) or backwards (-1)."""
    return direction * (part.codomain.event_dim - part.domain.event_dim)


def _widened(constraint: Any, dims: int) -> Any:
    """A constraint with the given number of event dims."""
    more = dims - constraint.event_dim
    return constraints.independent(constraint, more) if more else constraint


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last batch dims count as part of the event, so that Jacobians add up.

    reinterpreted_batch_ndims: how many batch dims, from the right, count as event dims. cache_size:
    1: remember the last result and its input. base_transform: the transform of one.

    x has any shape that the base takes. Raises TypeError where base_transform is of the wrong type.

    >>> from wengert.distributions.transforms import ExpTransform
    >>> exp = IndependentTransform(ExpTransform(), 1)
    >>> exp.log_abs_det_jacobian(torch.ones(2, 3), torch.ones(2, 3).exp())
    tensor([3., 3.])
    """

    @clear_errors
    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return IndependentTransform(
            self.base_transform, self.reinterpreted_batch_ndims, cache_size=cache_size
        )

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The base's over more dims."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The base's over more dims."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> Any:
        """As the base."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        """As the base's."""
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(_deep_enough(x, self.domain.event_dim))

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform.inv(_deep_enough(y, self.codomain.event_dim))

    @clear_errors
    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The base's, summed over the dims that became part of the event.

        x: the values to transform, a tensor. y: transformed values, a tensor.

        Raises TypeError where x is no tensor.
        """
        base = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(base, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """As the base.

        shape: a shape.
        """
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """As the base.

        shape: a shape.
        """
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


def _deep_enough(x: Tensor, dims: int) -> Tensor:
    if x.dim() < dims:
        raise ValueError(f"Too few dimensions on input: expected {dims}, got shape {x.shape}")
    return x


class _Sequence(Transform):
    """Several transforms along a dim: what cat and stack share."""

    @clear_errors
    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        for t in tseq:
            if not isinstance(t, Transform):
                raise AssertionError(f"elements of tseq must be Transforms, got {type(t).__name__}")
        super().__init__(cache_size=cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        """The pieces of x, one for each transform."""
        raise NotImplementedError

    def _joined(self, pieces: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def _check(self, x: Tensor, size: int) -> None:
        if not -x.dim() <= self.dim < x.dim():
            raise AssertionError(f"dim {self.dim} out of range for tensor of {x.dim()} dimensions")
        if x.size(self.dim) != size:
            raise AssertionError(
                f"size of dim {self.dim} must be {size}, that of all transforms together, "
                f"got {x.size(self.dim)}"
            )

    def _call(self, x: Tensor) -> Tensor:
        return self._joined([t(piece) for t, piece in zip(self.transforms, self._parts(x))])

    def _inverse(self, y: Tensor) -> Tensor:
        return self._joined([t.inv(piece) for t, piece in zip(self.transforms, self._parts(y))])

    def _terms(self, x: Tensor, y: Tensor) -> list[Tensor]:
        pieces = zip(self.transforms, self._parts(x), self._parts(y))
        return [t.log_abs_det_jacobian(x_, y_) for t, x_, y_ in pieces]

    @property
    def bijective(self) -> Any:
        """Whether all of them are."""
        return all(t.bijective for t in self.transforms)


class CatTransform(_Sequence):
    """Transforms for slices of the given lengths along a dim, as `torch.cat` joins them.

    cache_size: 1: remember the last result and its input. tseq: the transforms.

    x has any shape with dim. Raises TypeError where tseq or lengths is of the wrong type or x is no
    tensor; AssertionError where tseq or lengths is empty, too short or too long or x has a shape
    that does not fit.

    >>> from wengert.distributions.transforms import ExpTransform
    >>> both = CatTransform([ExpTransform(), identity_transform], lengths=[2, 1])
    >>> both(torch.zeros(3))
    tensor([1., 1., 0.])
    """

    @clear_errors
    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})"
            )

    @lazy_property
    def event_dim(self) -> int:
        """The largest of theirs."""
        return max(t.event_dim for t in self.transforms)

    @lazy_property
    def length(self) -> int:
        """The size of the dim."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        self._check(x, self.length)
        return x.split(self.lengths, self.dim)

    def _joined(self, pieces: list[Tensor]) -> Tensor:
        return T.cat(pieces, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Theirs side by side, or their sum where the dim belongs to the event.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        terms = [
            sum_rightmost(term, self.event_dim - t.event_dim)
            for t, term in zip(self.transforms, self._terms(x, y))
        ]
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        return T.cat(terms, dim) if dim < 0 else sum(terms[1:], terms[0])

    @constraints.dependent_property
    def domain(self) -> Any:
        """Theirs side by side."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Theirs side by side."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Sequence):
    """Transforms for the items along a dim, as `torch.stack` joins them.

    cache_size: 1: remember the last result and its input. tseq: the transforms.

    x has any shape with dim. Raises TypeError where tseq or dim is of the wrong type or x is no
    tensor; AssertionError where tseq is empty, too short or too long, dim is 0 or does not fit or x
    has a shape that does not fit; RuntimeError where dim is a tensor of several numbers.

    >>> from wengert.distributions.transforms import ExpTransform
    >>> StackTransform([identity_transform, ExpTransform()], dim=1)(torch.zeros(1, 2))
    tensor([[0., 1.]])
    """

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map with another cache.

        cache_size: 1: remember the last result and its input.
        """
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        self._check(x, len(self.transforms))
        return x.unbind(self.dim)

    def _joined(self, pieces: list[Tensor]) -> Tensor:
        return T.stack(pieces, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Theirs, stacked.

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        return T.stack(self._terms(x, y), self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Theirs, stacked."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Theirs, stacked."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
