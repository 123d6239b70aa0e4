"""Dropout layers: zero a random part of the input in training, nothing in evaluation."""

from __future__ import annotations

from ..engine.tensor import Tensor
from . import functional as F
from .module import Module

__all__ = [
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
]  # fmt: skip


class _DropoutNd(Module):
    """The arguments of all of them; ValueError for a p outside [0, 1]."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Zeroes each element with probability p and divides the others by 1 - p.

    inplace: write the result over the input.

    Raises RuntimeError where p is a tensor of several numbers.

    >>> nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Zeroes whole channels: input (N, C, L) or (C, L).

    p: the probability of an element, or a channel, to become zero. inplace: write the result
    over the input.

    Raises RuntimeError where input has a shape that does not fit.

    >>> nn.Dropout1d().eval()(torch.ones(1, 2)).shape
    torch.Size([1, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Zeroes whole channels: input (N, C, H, W).

    p: the probability of an element, or a channel, to become zero. inplace: write the result
    over the input.

    >>> nn.Dropout2d().eval()(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Zeroes whole channels: input (N, C, D, H, W) or (C, D, H, W).

    p: the probability of an element, or a channel, to become zero. inplace: write the result
    over the input.

    >>> nn.Dropout3d().eval()(torch.ones(1, 2, 1, 1, 1)).shape
    torch.Size([1, 2, 1, 1, 1])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for SELU: keeps mean and variance.

    p: the probability of an element, or a channel, to become zero. inplace: write the result
    over the input.

    >>> nn.AlphaDropout().eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels.

    p: the probability of an element, or a channel, to become zero. inplace: write the result
    over the input.

    >>> nn.FeatureAlphaDropout().eval()(torch.ones(1, 2, 3)).shape
    torch.Size([1, 2, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
