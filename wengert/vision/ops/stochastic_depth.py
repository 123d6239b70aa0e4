"""Branches dropped at random while a network trains (arXiv:1603.09382)."""

from __future__ import annotations

from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn.module import Module

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """input (N, ...) with probability p zeroed, and else divided by 1 - p.

    mode: "batch" draws once, "row" for each of the N. training: whether this is training: else
    nothing is dropped.

    Raises TypeError where p is of the wrong type; ValueError where p is not in [0, 1], mode is of
    the wrong type or mode is unknown; RuntimeError where p is a tensor of several numbers.

    >>> stochastic_depth(torch.ones(2), 0.5, "batch", training=False)
    tensor([1., 1.])
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    survival = 1.0 - p
    shape = [input.shape[0] if mode == "row" else 1] + [1] * (input.ndim - 1)
    kept = T.empty(shape, dtype=input.dtype, device=input.device).bernoulli_(survival)
    return input * (kept.div_(survival) if survival > 0.0 else kept)


class StochasticDepth(Module):
    """`stochastic_depth` as a layer.

    p: the probability of zeros. mode: "batch" draws once, "row" for each of the N.

    Raises TypeError where p is of the wrong type; ValueError where p is negative, mode is of the
    wrong type or mode is unknown; RuntimeError where p is a tensor of several numbers.

    >>> StochasticDepth(0.5, "row").eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
