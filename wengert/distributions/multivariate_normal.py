"""MultivariateNormal: normal vectors with any covariance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..api.functions import resolve
from ..base.size import Size
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import Located, lazy_property, standard_normal

__all__ = [
    "MultivariateNormal", "half_log_det", "mahalanobis", "matrix_vector", "one_matrix",
    "precision_to_scale_tril",
]  # fmt: skip


class Factored:
    """Distributions that keep the Cholesky factor of a covariance, and make the rest of it."""

    _unbroadcasted_scale_tril: Tensor
    _filled: Any  # to the shape that parameters are told in

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return self._filled(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        root = self._unbroadcasted_scale_tril
        return self._filled(root @ root.mT)


class MultivariateNormal(Factored, Located, Distribution):
    """Normal vectors of a mean and a covariance.

    Args:
        loc: the mean (..., n).
        covariance_matrix, precision_matrix (its inverse), scale_tril (its Cholesky factor): exactly
            one of them, (..., n, n); ValueError otherwise. scale_tril is the quickest.
        validate_args: whether to check them, and later values.

    Raises TypeError where loc or covariance_matrix is no tensor; RuntimeError where
    covariance_matrix holds integers or booleans.

    >>> MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _keeps = ("_unbroadcasted_scale_tril",)

    @clear_errors
    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = one_matrix(covariance_matrix, precision_matrix, scale_tril)
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch_shape = T.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        self.loc = loc.expand((*batch_shape, -1))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        # Without the batch of loc, so that fewer systems have to be solved.
        self._unbroadcasted_scale_tril = factor(name, matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return self._filled(T.cholesky_inverse(self._unbroadcasted_scale_tril))

    def _filled(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def variance(self) -> Tensor:
        variance = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return variance.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + matrix_vector(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        root = self._unbroadcasted_scale_tril
        distance = mahalanobis(root, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + distance) - half_log_det(root)

    def entropy(self) -> Tensor:
        constant = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        entropy = constant + half_log_det(self._unbroadcasted_scale_tril)
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy


def one_matrix(
    covariance_matrix: Tensor | None, precision_matrix: Tensor | None, scale_tril: Tensor | None
) -> tuple[str, Tensor]:
    """The one form of a covariance that was given, and its name. ValueError unless it is one."""
    forms = {
        "covariance_matrix": covariance_matrix,
        "precision_matrix": precision_matrix,
        "scale_tril": scale_tril,
    }
    given = [(name, matrix) for name, matrix in forms.items() if matrix is not None]
    if len(given) != 1:
        raise ValueError(
            "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified, "
            f"got {len(given)} of them"
        )
    return given[0]


def factor(name: str, matrix: Tensor) -> Tensor:
    """The Cholesky factor of the covariance that a matrix gives in the form of that name."""
    if name == "scale_tril":
        return matrix
    if name == "covariance_matrix":
        return resolve("linalg", "cholesky")(matrix)
    return precision_to_scale_tril(matrix)


def precision_to_scale_tril(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse.

    With rows and columns in reverse order, the Cholesky factor is an upper triangular root U of the
    matrix itself, U U'; the inverse of U' is what is asked for.
    """
    root = resolve("linalg", "cholesky")(precision.flip((-2, -1))).flip((-2, -1))
    n = precision.shape[-1]
    identity = T.eye(n, dtype=precision.dtype, device=precision.device)
    return resolve("linalg", "solve_triangular")(root.mT, identity, upper=False)


def matrix_vector(matrix: Tensor, vector: Tensor) -> Tensor:
    """Products of matrices (..., m, n) with vectors (..., n)."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def half_log_det(root: Tensor) -> Tensor:
    """log det root, half of that of the covariance."""
    return root.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(root: Tensor, x: Tensor) -> Tensor:
    """x' inv(root root') x for roots (*batch, n, n) and vectors (*samples, *batch, n).

    The samples become columns, so that each root is used once.
    """
    outer = x.dim() - (root.dim() - 1)
    count = math.prod(x.shape[:outer])
    columns = x.reshape((count, *x.shape[outer:])).movedim(0, -1)
    solved = resolve("linalg", "solve_triangular")(root, columns, upper=False)
    return solved.pow(2).sum(-2).movedim(-1, 0).reshape(x.shape[:-1])


# the names that libraries import
_batch_mv = matrix_vector
_batch_mahalanobis = mahalanobis
_precision_to_scale_tril = precision_to_scale_tril
