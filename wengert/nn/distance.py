"""Layers that compare two inputs: pairwise distance and cosine similarity."""

from __future__ import annotations

from ..engine.tensor import Tensor
from . import functional as F
from .module import Module

__all__ = ["PairwiseDistance", "CosineSimilarity"]


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension.

    x1, x2 (N, D) or (D) -> (N) or (); with keepdim (N, 1) or (1).

    Raises TypeError where x1 or x2 is no tensor; RuntimeError where x1 or x2 holds booleans.

    >>> nn.PairwiseDistance()(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between x1 and x2 along dim; norms count at least eps.

    x1 and x2 have any shape; they broadcast. Raises TypeError where x1 or x2 is no tensor;
    RuntimeError where x1 or x2 holds complex numbers.

    >>> nn.CosineSimilarity()(torch.ones(1, 2), torch.tensor([[1.0, -1.0]]))
    tensor([0.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
