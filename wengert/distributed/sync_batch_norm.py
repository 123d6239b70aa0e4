"""Batch norm with the statistics of all ranks' batches, which may differ in size."""

from __future__ import annotations

from typing import Any

from ..api import functions as T
from ..base.dtypes import bfloat16, float16
from ..base.modes import no_grad
from ..engine.tensor import Tensor
from .nn.functional import all_reduce

__all__ = ["batch_norm"]


def batch_norm(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any, bias: Any, momentum: float,
    eps: float, group: Any,
) -> Tensor:  # fmt: skip
    """input (N, C, ...), normalised with the mean and variance of each channel over all ranks; the
    running statistics follow.
    """
    dims = [d for d in range(input.dim()) if d != 1]
    shape = [1, -1, *[1] * (input.dim() - 2)]
    x = input.float() if input.dtype in (float16, bfloat16) else input
    size = T.tensor([float(input.numel() // input.shape[1])], dtype=x.dtype, device=x.device)
    sums = all_reduce(T.cat([x.sum(dims), size]), group=group)
    count = sums[-1].detach()
    if float(count) <= 1:
        raise ValueError(
            "SyncBatchNorm: Expected more than 1 value per channel when training, got input size "
            f"{list(input.shape)} on this rank and no more on others"
        )
    mean = sums[:-1] / count
    centred = x - mean.view(shape)
    var = all_reduce((centred * centred).sum(dims), group=group) / count
    with no_grad():
        if running_mean is not None:
            running_mean.lerp_(mean.detach().to(running_mean.dtype), momentum)
            unbiased = var.detach() * (count / (count - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    out = centred * (var + eps).rsqrt().view(shape)
    if weight is not None:
        out = out * weight.view(shape)
    if bias is not None:
        out = out + bias.view(shape)
    return out.to(input.dtype)
