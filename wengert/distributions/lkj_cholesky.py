"""LKJCholesky: Cholesky factors of random correlation matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..api import functions as T
from ..base import dtypes
from ..base.size import Size
from ..engine.tensor import Tensor
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .parameters import TensorOrNumber, broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices of density det ** (concentration - 1).

    The sampler is the onion method: row by row, a random length and direction below the diagonal
    (Lewandowski, Kurowicka and Joe, Generating random correlation matrices based on vines and
    extended onion method, 2009).

    Args:
        dim: rows of the matrices, at least 2; ValueError otherwise.
        concentration: 1 for all matrices alike, more for those near the identity.
        validate_args: whether to check it, and later values.

    Raises TypeError where dim is of the wrong type; RuntimeError where dim is a tensor of several
    numbers.

    >>> LKJCholesky(3).sample().shape
    torch.Size([3, 3])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _expands = ("_beta",)
    _keeps = ("dim",)

    def __init__(
        self, dim: int, concentration: TensorOrNumber = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # Row k has k elements below the diagonal; the first two rows have the same distribution.
        like = self.concentration
        below = T.arange(dim - 1, dtype=like.dtype, device=like.device)
        below = T.cat([below.new_zeros((1,)), below])
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(below + 0.5, marginal.unsqueeze(-1) - 0.5 * below)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        square = self._beta.sample(sample_shape).unsqueeze(-1)  # of a row's length
        shape = self._extended_shape(sample_shape)
        direction = T.randn(shape, dtype=square.dtype, device=square.device).tril(-1)
        direction = direction / direction.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)  # nothing below the diagonal
        rows = square.sqrt() * direction
        tiny = dtypes.finfo(rows.dtype).tiny
        diagonal = (1 - (rows**2).sum(-1)).clamp(min=tiny).sqrt()
        return rows + diagonal.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        rows = T.arange(2, self.dim + 1, device=self.concentration.device)
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - rows
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + T.mvlgamma(alpha - 0.5, n) - alpha.lgamma() * n
        return (powers * diagonal.log()).sum(-1) - normalizer
