"""Chi2: sums of squared normal numbers."""

from __future__ import annotations

from ..engine.tensor import Tensor
from . import constraints
from .gamma import Gamma
from .parameters import TensorOrNumber

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of df squared normal numbers.

    Args:
        df: degrees of freedom, positive.
        validate_args: whether to check it, and later values.

    Raises TypeError where df is no tensor; NotImplementedError where df holds complex numbers.

    >>> Chi2(torch.tensor([3.0])).mean
    tensor([3.])
    """

    arg_constraints = {"df": constraints.positive}
    _expands = ("concentration", "rate")

    def __init__(self, df: TensorOrNumber, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2
