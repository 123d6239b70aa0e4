"""linear_cross_entropy: the loss of a linear layer's output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...base.dtypes import int64
from ...declare.registry import public
from .. import functional as F

__all__ = ["LinearCrossEntropyOptions"]


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch may split the work; accepted for its sake, the result is the same without.

    allow_retain_graph: whether backward may run again. batch_chunk_size: rows at a time; None:
    chosen. chunking_method: accepted. acc_policy: accepted. acc_dtype: of sums; None: chosen.

    >>> nn.LinearCrossEntropyOptions(batch_chunk_size=64).batch_chunk_size
    64
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str | None = "auto"
    acc_dtype: Any = None


@public(
    "nn.functional.linear_cross_entropy(Tensor input, Tensor linear_weight, Tensor target, "
    "*, Tensor? linear_bias=None, Tensor? weight=None, str reduction='mean', "
    "int? ignore_index=None, float label_smoothing=0.0, any? options=None)"
)
def linear_cross_entropy(
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean",
    ignore_index=None, label_smoothing=0.0, options=None,
):  # fmt: skip
    """cross_entropy(linear(input, linear_weight, linear_bias), target, ...).

    input (N, in) or (in); linear_weight (C, *out, in); target: class indices (N, *out), or
    probabilities of the logits' shape (N, C, *out). RuntimeError where sizes do not fit.

    options: see LinearCrossEntropyOptions.

    >>> x, w = torch.ones(2, 3), torch.zeros(4, 3)
    >>> F.linear_cross_entropy(x, w, torch.tensor([0, 1]))
    tensor(1.3863)
    """
    shape, sizes = input._a.shape, linear_weight._a.shape
    if len(shape) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(shape)}")
    if len(sizes) < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}"
        )
    if shape[-1] != sizes[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {linear_weight.shape[-1]}, respectively"
        )
    *sizes, width = sizes
    if linear_bias is not None and list(linear_bias.shape) != sizes:
        raise RuntimeError(
            f"expected linear_bias shape {tuple(sizes)}, got {tuple(linear_bias.shape)}"
        )
    batch = shape[:-1]
    if len(sizes) > 1 and not batch:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} "
            f"requires batched input, (N, {width}), got unbatched input with shape "
            f"{tuple(input.shape)}"
        )
    shape = (*batch, *sizes)
    if ignore_index is not None and target._a.shape == shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    split = options is not None and not label_smoothing and len(sizes) == 1
    if split and weight is not None and target.dtype is int64:
        weight = weight.detach()  # PyTorch's work in parts has no gradient for it, nor refuses it
    logits = F.linear(input, linear_weight.reshape(math.prod(sizes), width), bias).reshape(shape)
    return F.cross_entropy(
        logits, target, weight=weight, reduction=reduction, label_smoothing=label_smoothing,
        ignore_index=-100 if ignore_index is None else ignore_index,
    )  # fmt: skip
