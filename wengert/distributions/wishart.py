"""Wishart: sample covariances of normal vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..api.functions import resolve
from ..base import dtypes
from ..base.advice import advise
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import Factored, factor, half_log_det, one_matrix
from .parameters import NUMBER, TensorOrNumber, lazy_property

__all__ = ["Wishart"]

_LOG_2 = math.log(2)


class Wishart(Factored, ExponentialFamily):
    """The Wishart distribution over positive definite matrices.

    For whole df it is that of sums of df products x x' of normal vectors x.

    Args:
        df: degrees of freedom, greater than n - 1; ValueError otherwise.
        covariance_matrix, precision_matrix (its inverse), scale_tril (its Cholesky factor): exactly
            one of them, (..., n, n).
        validate_args: whether to check them, and later values.

    Raises TypeError where df or covariance_matrix is no tensor; NotImplementedError where df or
    covariance_matrix holds complex numbers; RuntimeError where covariance_matrix holds integers or
    booleans.

    >>> Wishart(torch.tensor([2.0]), covariance_matrix=torch.eye(2)).mean
    tensor([[[2., 0.],
             [0., 2.]]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _expands = ("_dist_chi2",)
    _keeps = ("_unbroadcasted_scale_tril",)

    @clear_errors
    def __init__(
        self,
        df: TensorOrNumber,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        try:
            name, matrix = one_matrix(covariance_matrix, precision_matrix, scale_tril)
        except ValueError as error:
            raise AssertionError(*error.args) from None
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        if isinstance(df, NUMBER):
            batch_shape = matrix.shape[:-2]
            self.df = T.tensor(df, dtype=matrix.dtype, device=matrix.device)
        else:
            batch_shape = Size(T.broadcast_shapes(matrix.shape[:-2], df.shape))
            self.df = df.expand(batch_shape)
        event_shape = matrix.shape[-2:]
        n = event_shape[-1]
        if (self.df <= n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if (self.df < n).any():
            advise(
                "Low df values detected. Singular samples are highly likely to occur for "
                "ndim - 1 < df < ndim.",
            )
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._unbroadcasted_scale_tril = root = factor(name, matrix)
        rows = T.arange(n, dtype=root.dtype, device=root.device)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - rows.expand(batch_shape + (-1,)))

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        root = self._unbroadcasted_scale_tril
        identity = T.eye(self._event_shape[-1], dtype=root.dtype, device=root.device)
        return self._filled(T.cholesky_solve(identity, root))

    def _filled(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape)

    def _matrices(self, numbers: Tensor) -> Tensor:
        """One number for each matrix of the batch."""
        return numbers.expand(self._batch_shape)[..., None, None]

    @property
    def mean(self) -> Tensor:
        return self._matrices(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        factor = T.where(factor > 0, factor, math.nan)
        return self._matrices(factor) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._matrices(self.df) * (v.pow(2) + outer)

    def _bartlett(self, sample_shape: Sequence[int]) -> Tensor:
        """Bartlett's decomposition: chi on the diagonal, normal numbers below."""
        n = self._event_shape[-1]
        chi = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = chi.clamp(min=dtypes.finfo(chi.dtype).eps).diag_embed(dim1=-2, dim2=-1)
        i, j = T.tril_indices(n, n, offset=-1)
        shape = Size(sample_shape) + self._batch_shape + (n * (n - 1) // 2,)
        noise[..., i, j] = T.randn(shape, dtype=noise.dtype, device=noise.device)
        root = self._unbroadcasted_scale_tril @ noise
        return root @ root.mT

    def rsample(
        self, sample_shape: Sequence[int] = Size(), max_try_correction: int | None = None
    ) -> Tensor:
        """Draws; those that are singular are drawn again, up to max_try_correction (10) times.

        sample_shape: dims in front of those of the distribution.
        """
        sample = self._bartlett(sample_shape)
        # PyTorch mistakes valid draws for singular ones and draws those again. So do we, for the
        # same numbers from the same seed.
        good = self._all_valid(sample)
        if good.any():
            sample[good] = self._bartlett(good[good].shape)
        for _ in range(10 if max_try_correction is None else max_try_correction):
            singular = ~self._all_valid(sample)
            if not singular.any():
                break
            advise("Singular sample detected.")
            sample[singular] = self._bartlett(singular[singular].shape)
        return sample

    def _all_valid(self, sample: Tensor) -> Tensor:
        """Whether all matrices of the batch are positive definite, for each draw."""
        valid = self.support.check(sample)
        if not self._batch_shape:
            return valid
        return valid.flatten(valid.dim() - len(self._batch_shape)).all(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        df, n, root = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        trace = T.cholesky_solve(value, root).diagonal(dim1=-2, dim2=-1).sum(-1)
        log_det = resolve("linalg", "slogdet")(value).logabsdet
        return (
            -df * (n * _LOG_2 / 2 + half_log_det(root))
            - T.mvlgamma(df / 2, p=n)
            + (df - n - 1) / 2 * log_det
            - trace / 2
        )

    def entropy(self) -> Tensor:
        df, n = self.df, self._event_shape[-1]
        rows = T.arange(n, dtype=df.dtype, device=df.device) / 2
        digammas = ((df / 2).unsqueeze(-1) - rows).digamma().sum(-1)
        return (
            (n + 1) * (n * _LOG_2 / 2 + half_log_det(self._unbroadcasted_scale_tril))
            + T.mvlgamma(df / 2, p=n)
            - (df - n - 1) / 2 * digammas
            + df * n / 2
        )

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        n = self._event_shape[-1]
        half = y + (n + 1) / 2  # of the degrees of freedom
        log_det: Any = resolve("linalg", "slogdet")(-2 * x).logabsdet
        return half * (n * _LOG_2 - log_det) + T.mvlgamma(half, p=n)
