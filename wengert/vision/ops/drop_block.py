"""Blocks of activations dropped at random while a network trains (arXiv:1810.12890)."""

from __future__ import annotations

import math

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F
from ...nn.module import Module

__all__ = ["DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"]


def drop_block(
    input: Tensor, dims: int, p: float, size: int, inplace: bool, eps: float, training: bool
) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != dims + 2:
        raise ValueError(f"input should be {dims + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sides = input.shape[2:]
    size = min(size, *sides)
    if size % 2 == 0:
        raise ValueError(f"block size should be odd. Got {size} which is even.")
    places = [side - size + 1 for side in sides]
    rate = p * math.prod(sides) / (size**dims * math.prod(places))
    drawn = T.empty((*input.shape[:2], *places), dtype=input.dtype, device=input.device)
    middles = F.pad(drawn.bernoulli_(rate), [size // 2] * (2 * dims), value=0)
    pool = F.max_pool2d if dims == 2 else F.max_pool3d
    kept = 1 - pool(middles, kernel_size=size, stride=1, padding=size // 2)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


@clear_errors
def drop_block2d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> Tensor:
    """input (N, C, H, W) with squares of block_size zeroed, a part p of all, the rest scaled.

    inplace: write the result over the input. eps: against division by zero. training: whether this
    is training: else nothing is dropped.

    Raises TypeError where p is of the wrong type; ValueError where input has a shape that does not
    fit or p is not in [0, 1]; RuntimeError where p is a tensor of several numbers.

    >>> drop_block2d(torch.ones(1, 1, 2, 2), 0.5, 1, training=False).sum()
    tensor(4.)
    """
    return drop_block(input, 2, p, block_size, inplace, eps, training)


@clear_errors
def drop_block3d(
    input: Tensor,
    p: float,
    block_size: int,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> Tensor:
    """input (N, C, D, H, W) with cubes of block_size zeroed, a part p of all, the rest scaled.

    inplace: write the result over the input. eps: against division by zero. training: whether this
    is training: else nothing is dropped.

    Raises TypeError where p is of the wrong type; ValueError where input has a shape that does not
    fit or p is not in [0, 1]; RuntimeError where p is a tensor of several numbers.

    >>> drop_block3d(torch.ones(1, 1, 2, 2, 2), 0.5, 1, training=False).sum()
    tensor(8.)
    """
    return drop_block(input, 3, p, block_size, inplace, eps, training)


class DropBlock2d(Module):
    """`drop_block2d` as a layer.

    p: the probability that it is done. inplace: write the result over the input. eps: against
    division by zero. block_size: the side of the blocks that are dropped, in elements.

    Raises TypeError where p is of the wrong type; ValueError where p is negative or input has a
    shape that does not fit; RuntimeError where p is a tensor of several numbers.

    >>> DropBlock2d(0.5, 2).eval()(torch.ones(1, 1, 2, 2)).sum()
    tensor(4.)
    """

    dims = 2

    def __init__(
        self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-06
    ) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input: Tensor) -> Tensor:
        return drop_block(
            input, self.dims, self.p, self.block_size, self.inplace, self.eps, self.training
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, "
            f"inplace={self.inplace})"
        )


class DropBlock3d(DropBlock2d):
    """`drop_block3d` as a layer.

    p: the probability that it is done. inplace: write the result over the input. eps: against
    division by zero. block_size: the side of the blocks that are dropped, in elements.

    Raises TypeError where p is of the wrong type; ValueError where p is negative or input has a
    shape that does not fit; RuntimeError where p is a tensor of several numbers.

    >>> DropBlock3d(0.5, 2).eval()(torch.ones(1, 1, 2, 2, 2)).sum()
    tensor(8.)
    """

    dims = 3
