"""Transforms of vectors and matrices: onto the simplex, triangular and positive definite ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...api.functions import resolve
from ...base import dtypes
from ...base.aliases import alias
from ...base.size import Size
from ...engine.tensor import Tensor
from ...nn import functional as F
from .. import constraints
from ..parameters import tril_matrix_to_vec, vec_to_tril_matrix
from .elementwise import clipped_sigmoid
from .transform import Transform, cut_event

__all__ = [
    "CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform",
    "SoftmaxTransform", "StickBreakingTransform",
]  # fmt: skip


class SoftmaxTransform(Transform):
    """Numbers to the simplex by softmax: easy to optimise over, not one to one.

    cache_size: 1: remember the last result and its input.

    x and y are of shape (..., k). Raises TypeError where x is no tensor; RuntimeError where x holds
    booleans; NotImplementedError where x holds complex numbers.

    >>> SoftmaxTransform()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = None

    def _call(self, x: Tensor) -> Tensor:
        weights = (x - x.amax(-1, keepdim=True)).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """The same.

        shape: a shape.
        """
        cut_event(shape, 1)
        return Size(shape)

    inverse_shape = alias(forward_shape, "inverse_shape")


class StickBreakingTransform(Transform):
    """n numbers to n + 1 shares that add up to one, each a fraction of what is left.

    Equal fractions come from zeros.

    cache_size: 1: remember the last result and its input.

    x is of shape (..., n), y of shape (..., n + 1). Raises TypeError where x is no tensor;
    NotImplementedError where x holds booleans or complex numbers; IndexError where x has a shape
    that does not fit.

    >>> StickBreakingTransform()(torch.zeros(3))
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = None

    def _centred(self, x: Tensor) -> Tensor:
        """x, moved so that at zero each fraction is one over the shares still to come."""
        return x - _countdown(x, x.shape[-1]).log()

    def _call(self, x: Tensor) -> Tensor:
        fractions = clipped_sigmoid(self._centred(x))
        left = (1 - fractions).cumprod(-1)
        return F.pad(fractions, [0, 1], value=1) * F.pad(left, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        shares = y[..., :-1]
        left = (1 - shares.cumsum(-1)).clamp(min=dtypes.finfo(y.dtype).tiny)
        return shares.log() - left.log() + _countdown(y, shares.shape[-1]).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of log share + log (1 - fraction).

        x: the values to transform, a tensor. y: transformed values, a tensor.
        """
        x = self._centred(x)
        return (F.logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """One more in the last dim.

        shape: a shape.
        """
        batch, (n,) = cut_event(shape, 1)
        return batch + (n + 1,)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """One less in the last dim.

        shape: a shape.
        """
        batch, (n,) = cut_event(shape, 1)
        return batch + (n - 1,)


def _countdown(like: Tensor, n: int) -> Tensor:
    """The numbers n, n - 1, ..., 1."""
    return T.arange(n, 0, -1, dtype=like.dtype, device=like.device)


class LowerCholeskyTransform(Transform):
    """Square matrices to lower triangular ones with a positive diagonal.

    cache_size: 1: remember the last result and its input.

    Raises TypeError where x is no tensor; RuntimeError where x has a shape that does not fit.

    >>> LowerCholeskyTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain: Any = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = None

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Square matrices to positive definite ones, by way of a Cholesky factor.

    cache_size: 1: remember the last result and its input.

    Raises TypeError where x is no tensor; RuntimeError where x has a shape that does not fit.

    >>> PositiveDefiniteTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain: Any = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = None

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(resolve("linalg", "cholesky")(y))


class CorrCholeskyTransform(Transform):
    """Vectors of n (n - 1) / 2 numbers to Cholesky factors (n, n) of correlation matrices.

    tanh gives partial correlations below the diagonal; each row is completed to length one.

    cache_size: 1: remember the last result and its input.

    Raises TypeError where x is no tensor; NotImplementedError where x holds complex numbers;
    RuntimeError where x has a shape that does not fit; IndexError where x has a shape that does not
    fit.

    >>> CorrCholeskyTransform()(torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain: Any = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        x = x.tanh()
        eps = dtypes.finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - partial**2).sqrt().cumprod(-1)  # of each row's length
        n = partial.shape[-1]
        partial = partial + T.eye(n, dtype=partial.dtype, device=partial.device)
        return partial * F.pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        before = F.pad(left[..., :-1], [1, 0], value=1)
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(before, diag=-1).sqrt()
        return (partial.log1p() - (-partial).log1p()) / 2  # atanh, also beyond its ends

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor, intermediates: Any = None) -> Tensor:
        """That of completing the rows, and that of tanh.

        x: the values to transform, a tensor. y: transformed values, a tensor. intermediates: not
        used.
        """
        left = 1 - (y * y).cumsum(-1)
        rows = 0.5 * tril_matrix_to_vec(left, diag=-2).log().sum(-1)
        tanh = -2 * (x + F.softplus(-2 * x) - math.log(2.0)).sum(-1)
        return rows + tanh

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """(..., n (n - 1) / 2) to (..., n, n). ValueError for other numbers.

        shape: a shape.
        """
        batch, (count,) = cut_event(shape, 1)
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError(
                f"Input is not a flattened lower-diagonal number: {count} is not n (n - 1) / 2"
            )
        return batch + (n, n)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """(..., n, n) to (..., n (n - 1) / 2).

        shape: a shape.
        """
        batch, (rows, columns) = cut_event(shape, 2)
        if rows != columns:
            raise ValueError(f"Input is not square: its last dims are {rows} and {columns}")
        return batch + (rows * (rows - 1) // 2,)
