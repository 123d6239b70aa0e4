"""Geometric: how many trials fail before one succeeds."""

from __future__ import annotations

from collections.abc import Sequence

from ..api import functions as T
from ..base import dtypes
from ..base.modes import no_grad
from ..base.size import Size
from ..engine.tensor import Tensor
from ..nn import functional as F
from . import constraints
from .distribution import Distribution
from .parameters import BinaryParameter, TensorOrNumber, broadcast_all, shape_of, unfilled

__all__ = ["Geometric"]


class Geometric(BinaryParameter, Distribution):
    """The number of failures before the first success: 0, 1, 2, ...

    `Tensor.geometric_` counts trials instead: 1, 2, 3, ...

    Args:
        probs, logits: of success, exactly one of the two; ValueError otherwise.
        validate_args: whether to check them, and later values.

    probs or logits have any shape: that of the batch. Raises NotImplementedError where probs holds
    complex numbers.

    >>> Geometric(torch.tensor([0.25])).mean
    tensor([3.])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(
        self,
        probs: TensorOrNumber | None = None,
        logits: TensorOrNumber | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._set(probs, logits)
        value = self._param
        shape = shape_of(value, logits if probs is None else probs)
        super().__init__(shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not (value > 0).all():
            raise ValueError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"of distribution {self!r} to be positive but found invalid values:\n"
                f"{value[~(value > 0)]}"
            )

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return T.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            u = unfilled(shape, self.probs).uniform_(dtypes.finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # No failures when success is certain: zero times the logarithm of zero is zero.
        failing = T.where((probs == 1) & (value == 0), 0.0, probs)
        return value * (-failing).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        trial = F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return trial / self.probs
