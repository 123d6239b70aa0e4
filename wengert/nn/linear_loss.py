"""The cross entropy of a linear layer, in one module."""

from __future__ import annotations

import math
from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from .linear import Linear
from .losses import _WeightedLoss

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(_WeightedLoss):
    """CrossEntropyLoss of a Linear layer's output, in one module.

    input (N, in_features); target (N, *out_features) of class indices.

    bias: whether there are terms that are added. device: where the parameters are made; None: the
    default device. dtype: of the parameters; None: the default dtype. reduction: 'mean', 'sum' or
    'none': what is made of the terms. ignore_index: a target that does not count. num_classes: how
    many classes there are. label_smoothing: how much of the target is spread over all classes.
    options: see LinearCrossEntropyOptions.

    Raises TypeError where in_features or num_classes is of the wrong type or input or target is no
    tensor; ValueError where input or target has a shape that does not fit; IndexError where target
    holds values out of range; RuntimeError where in_features or num_classes is negative, input has
    a shape that does not fit, input holds integers, booleans or complex numbers or target holds
    booleans or complex numbers.

    >>> nn.LinearCrossEntropyLoss(3, 4)(torch.ones(2, 3), torch.tensor([0, 1])).shape
    torch.Size([])
    """

    def __init__(
        self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (),
        bias: bool = False, device: Any = None, dtype: Any = None, reduction: str = "mean",
        weight: Tensor | None = None, ignore_index: int | None = None,
        label_smoothing: float = 0.0, options: Any = None,
    ) -> None:  # fmt: skip
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        super().__init__(weight=weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = num_classes * math.prod(out_features)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        sizes = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input, self.linear.weight.reshape((*sizes, self.linear.in_features)), target,
            linear_bias=None if bias is None else bias.reshape(sizes), weight=self.weight,
            reduction=self.reduction, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
