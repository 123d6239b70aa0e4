"""StudentT: normal numbers of an uncertain variance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..api import functions as T
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .parameters import TensorOrNumber, broadcast_all, standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t distribution.

    Args:
        df: degrees of freedom, positive.
        loc, scale: numbers or tensors that broadcast with df.
        validate_args: whether to check them, and later values.

    Raises NotImplementedError where df holds complex numbers.

    >>> StudentT(torch.tensor([4.0])).variance
    tensor([2.])
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True
    _expands = ("_chi2",)

    def __init__(
        self,
        df: TensorOrNumber,
        loc: TensorOrNumber = 0.0,
        scale: TensorOrNumber = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return T.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        df = self.df
        finite = self.scale.pow(2) * df / T.where(df > 2, df - 2, 1.0)
        return T.where(df > 2, finite, T.where(df > 1, math.inf, math.nan).to(df.dtype))

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.df)
        return self.loc + self.scale * noise * (self._chi2.rsample(sample_shape) / self.df).rsqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        df, y = self.df, (value - self.loc) / self.scale
        normalizer = (
            self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi)
            + (0.5 * df).lgamma() - (0.5 * (df + 1.0)).lgamma()
        )  # fmt: skip
        return -0.5 * (df + 1.0) * (y**2.0 / df).log1p() - normalizer

    def entropy(self) -> Tensor:
        df, half, more = self.df, 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = half.lgamma() + math.lgamma(0.5) - more.lgamma()
        digammas = more * (more.digamma() - half.digamma())
        return self.scale.log() + digammas + 0.5 * df.log() + log_beta
