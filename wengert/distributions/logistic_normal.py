"""LogisticNormal: shares made from normal numbers."""

from __future__ import annotations

from ..engine.tensor import Tensor
from . import constraints
from .normal import Normal
from .parameters import TensorOrNumber
from .transformed_distribution import TransformedDistribution
from .transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """k + 1 shares of a stick, broken at places that k normal numbers give.

    Args:
        loc, scale: of the normal numbers, (..., k).
        validate_args: whether to check them, and later values.

    Raises RuntimeError where loc or scale has a shape that does not fit; NotImplementedError where
    scale holds complex numbers.

    >>> LogisticNormal(torch.zeros(2), torch.ones(2)).sample().shape
    torch.Size([3])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, loc: TensorOrNumber, scale: TensorOrNumber, validate_args: bool | None = None
    ) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Their standard deviations."""
        return self.base_dist.base_dist.scale
