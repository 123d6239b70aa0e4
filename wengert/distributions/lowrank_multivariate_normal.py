"""LowRankMultivariateNormal: normal vectors whose covariance is a few factors and a diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..api import functions as T
from ..api.functions import resolve
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .multivariate_normal import half_log_det, mahalanobis, matrix_vector
from .parameters import Located, lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Located, Distribution):
    """Normal vectors of covariance W W' + D, with few columns in W and a diagonal D.

    Only systems of as many unknowns as W has columns are solved: those of I + W' inv(D) W, the
    capacitance matrix (Woodbury's identity).

    Args:
        loc: the mean (..., n).
        cov_factor: W (..., n, m). cov_diag: the diagonal of D (..., n), positive.
        validate_args: whether to check them, and later values.

    Raises TypeError where loc, cov_factor or cov_diag is no tensor; RuntimeError where cov_factor
    holds integers or booleans or cov_diag holds complex numbers.

    >>> d = LowRankMultivariateNormal(torch.zeros(2), torch.tensor([[1.0], [0.0]]), torch.ones(2))
    >>> d.variance
    tensor([2., 1.])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _keeps = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    @clear_errors
    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m, "
                f"got {cov_factor.shape}"
            )
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(
                f"cov_diag must be a batch of vectors with shape {event_shape}, "
                f"got {cov_diag.shape}"
            )
        try:
            batch_shape = T.broadcast_shapes(
                loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand((*batch_shape, -1))
        self.cov_factor = cov_factor.expand((*batch_shape, -1, -1))
        self.cov_diag = cov_diag.expand((*batch_shape, -1))
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        m = cov_factor.size(-1)
        identity = T.eye(m, dtype=cov_factor.dtype, device=cov_factor.device)
        capacitance = self._scaled_factor() @ cov_factor + identity
        self._capacitance_tril = resolve("linalg", "cholesky")(capacitance)
        super().__init__(batch_shape, event_shape, validate_args=validate_args)

    def _scaled_factor(self) -> Tensor:
        """W' inv(D), (..., m, n)."""
        return self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)

    def _log_det(self) -> Tensor:
        """log det of the covariance."""
        capacitance = 2 * half_log_det(self._capacitance_tril)
        return capacitance + self._unbroadcasted_cov_diag.log().sum(-1)

    def _mahalanobis(self, x: Tensor) -> Tensor:
        """x' inv(covariance) x."""
        diagonal = (x.pow(2) / self._unbroadcasted_cov_diag).sum(-1)
        projected = matrix_vector(self._scaled_factor(), x)
        return diagonal - mahalanobis(self._capacitance_tril, projected)

    def _whitened_factor(self) -> Tensor:
        """A (..., m, n) such that the precision is inv(D) - A' A."""
        solve = resolve("linalg", "solve_triangular")
        return solve(self._capacitance_tril, self._scaled_factor(), upper=False)

    def _filled(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def variance(self) -> Tensor:
        variance = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return variance.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        n = self._event_shape[0]
        identity = T.eye(n, dtype=scaled.dtype, device=scaled.device)
        return self._filled(root * resolve("linalg", "cholesky")(scaled @ scaled.mT + identity))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        w = self._unbroadcasted_cov_factor
        return self._filled(w @ w.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        a = self._whitened_factor()
        return self._filled(self._unbroadcasted_cov_diag.reciprocal().diag_embed() - a.mT @ a)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        for_factor = standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc)
        for_diagonal = standard_normal(shape, self.loc)
        return (
            self.loc
            + matrix_vector(self._unbroadcasted_cov_factor, for_factor)
            + self._unbroadcasted_cov_diag.sqrt() * for_diagonal
        )

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = self._mahalanobis(value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + self._log_det() + distance)

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        entropy = 0.5 * (constant + self._log_det())
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy
