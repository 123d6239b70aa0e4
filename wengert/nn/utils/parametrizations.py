"""Ready-made parametrizations: weight norm, spectral norm, orthogonal weights."""

from __future__ import annotations

from typing import Any, TypeVar

from ...api import functions as T
from ...api.functions import resolve
from ...base.dtypes import finfo, int32
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...ops.dims import wrap_dim
from .. import functional as F
from ..conv import _ConvTransposeNd
from ..module import Module
from . import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

Kind = TypeVar("Kind", bound=Any)
MAPS = ("matrix_exp", "cayley", "householder")


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norm over all dimensions but dim (kept as 1), or over all with dim -1."""
    if dim == -1:
        return v.norm(2)
    kept = wrap_dim(dim, v.dim())
    others = tuple([d for d in range(v.dim()) if d != kept])
    return v.square().sum(others, keepdim=True).sqrt() if others else v.abs()


class _WeightNorm(Module):
    """g v / |v|."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(length, direction): the weight itself serves as direction."""
        return norm_except_dim(weight, self.dim), weight


@clear_errors
def weight_norm(module: Kind, name: str = "weight", dim: int | None = 0) -> Kind:
    """Learn length and direction of a weight apart: original0 is |w| along dim, original1 w.

    dim: the dimension whose slices have a length each; None: one length. Returns module.

    name: the parameter's name.

    Raises ValueError where the module has no such weight; TypeError where module is of the wrong
    type.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([3, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: Any, prefix: str, *_: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]  # files of torch.nn.utils.weight_norm
        if all(k in state_dict for k in old):
            for i, k in enumerate(old):
                new = f"{prefix}parametrizations.{name}.original{i}"
                state_dict[new] = state_dict.pop(k)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """w / its largest singular value, which power iteration follows during training."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        n = weight.ndim
        if not -n <= dim < n:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{n}, {n - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % n
        self.eps = eps
        if n > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            h, w = matrix.shape
            u, v = matrix.new_empty(h).normal_(0, 1), matrix.new_empty(w).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        return (weight if self.dim == 0 else weight.movedim(self.dim, 0)).flatten(1)

    @no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        for _ in range(times):
            self._u.copy_(F.normalize(T.mv(matrix, self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(T.mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # copies: the buffers change in place at the next forward, before this one's backward
        u, v = self._u.clone(), self._v.clone()
        return weight / T.vdot(u, T.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself."""
        return value


def _weight(module: Any, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def spectral_norm(
    module: Kind, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Kind:  # fmt: skip
    """Divide a weight by its largest singular value; returns module.

    dim: the dimension of the outputs (default 0; 1 for transposed convolutions).

    name: the parameter's name. n_power_iterations: steps of the power method for each forward
    pass. eps: against division by zero.

    Raises ValueError where module is of the wrong type.

    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)).eval()
    >>> torch.linalg.matrix_norm(layer.weight, 2) < 1.01
    tensor(True)
    """
    weight = _weight(module, name)
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, made)


class _Orthogonal(Module):
    """An orthogonal matrix from a free one."""

    base: Any

    def __init__(
        self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:  # the map is taken around a fixed orthogonal matrix
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.size(-2) < X.size(-1)
        X = X.mT if wide else X
        n, k = X.shape[-2:]
        if self.orthogonal_map == "householder":
            A = X.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
            Q = resolve("linalg", "householder_product")(A, tau)
            Q = Q * X.diagonal(dim1=-2, dim2=-1).to(int32).unsqueeze(-2)
        else:
            X = X.tril()
            if n != k:
                X = T.cat([X, X.new_zeros((*X.shape[:-2], n, n - k))], dim=-1)
            A = X - X.mH  # skew: its exponential and its Cayley transform are orthogonal
            if self.orthogonal_map == "matrix_exp":
                Q = T.matrix_exp(A)
            else:
                one = T.eye(n, dtype=A.dtype, device=A.device)
                Q = resolve("linalg", "solve")(one - 0.5 * A, one + 0.5 * A)
            Q = Q[..., :k] if n != k else Q
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """What gives Q; a Q that is not orthogonal is made so."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {Q.shape}."
            )
        given = Q
        wide = Q.size(-2) < Q.size(-1)
        Q = Q.mT if wide else Q
        n, k = Q.shape[-2:]
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            A, tau = T.geqrf(Q)
            signs = A.diagonal(dim1=-2, dim2=-1)
            signs.sign_()
            signs[tau == 0.0] *= -1  # a reflection with tau 0 is the identity: flip it
            return A.mT if wide else A
        if n != k:
            more = T.randn((*Q.shape[:-2], n, n - k), dtype=Q.dtype, device=Q.device)
            Q = _make_orthogonal(T.cat([Q, more], dim=-1))
        else:
            Q = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        self.base = Q
        minus = T.zeros_like(given)
        minus.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return minus


def _is_orthogonal(Q: Tensor) -> bool:
    n, k = Q.shape[-2:]
    one = T.eye(k, dtype=Q.dtype, device=Q.device)
    return T.allclose(Q.mH @ Q, one, atol=10.0 * n * finfo(Q.dtype).eps)


def _make_orthogonal(A: Tensor) -> Tensor:
    """The orthogonal factor of A, unique by the signs of the other's diagonal."""
    X, tau = T.geqrf(A)
    Q = resolve("linalg", "householder_product")(X, tau)
    return Q * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *,
    use_trivialization: bool = True,
) -> Any:  # fmt: skip
    """Keep a weight orthogonal (its rows or columns, whichever are fewer); returns module.

    orthogonal_map: 'matrix_exp' (default where square), 'cayley', 'householder' (default else).

    name: the parameter's name. use_trivialization: whether the map starts from the weight as it
    is.

    Raises ValueError where module is of the wrong type.

    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(2, 2))
    >>> torch.allclose(layer.weight @ layer.weight.T, torch.eye(2), atol=1e-5)
    True
    """
    weight = _weight(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1) or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
            f"{orthogonal_map}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
