"""Layers that multiply by a matrix: Linear, Bilinear; and Identity.

The product itself is in `ops/linalg/matmul.py`; forms without input size are in `lazy.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter, empty

__all__ = ["Identity", "Linear", "Bilinear", "NonDynamicallyQuantizableLinear"]


class Identity(Module):
    """Returns its input; arguments are ignored, so it can stand in for any layer.

    The input has any shape.

    >>> nn.Identity(54, unused=True)(torch.ones(1))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """input @ weight.T + bias, over the last dimension.

    input (*, in_features) -> (*, out_features); weight (out_features, in_features), bias
    (out_features). RuntimeError if the input's last dimension is another.

    device: where the parameters are made; None: the default device. dtype: of the parameters;
    None: the default dtype.

    >>> nn.Linear(5, 2)(torch.ones(3, 5)).shape
    torch.Size([3, 2])
    """

    weight: Parameter
    bias: Any  # a Parameter, or None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = empty((out_features, in_features), device, dtype)
        self.register_parameter("bias", empty(out_features, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from [-b, b), b = 1 / sqrt(in_features).

        >>> nn.Linear(2, 1).reset_parameters()
        """
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def _input_problem(self, *args: Any) -> str | None:
        if args[0].dim() == 0 or args[0].shape[-1] != self.in_features:
            return f"its last dimension must be {self.in_features}"
        return wrong_dtype(args[0], self.weight)

    def extra_repr(self) -> str:
        has_bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={has_bias}"


class NonDynamicallyQuantizableLinear(Linear):
    """Linear under the name that MultiheadAttention gives its output projection.

    bias: whether there are terms that are added. device: where the parameters are made; None:
    the default device. dtype: of the parameters; None: the default dtype.

    in_features: the size of an input. out_features: the size of a result.

    >>> type(nn.MultiheadAttention(4, 2).out_proj).__name__
    'NonDynamicallyQuantizableLinear'
    """


class _LinearWithBias(Linear):
    """Linear under the name that MultiheadAttention gave its output projection until 1.8."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=True)


class Bilinear(Module):
    """y_k = x1 @ weight_k @ x2 + bias_k, over the last dimensions.

    input1 (*, in1_features), input2 (*, in2_features) -> (*, out_features);
    weight (out_features, in1_features, in2_features).

    device: where the parameters are made; None: the default device. dtype: of the parameters; None:
    the default dtype. bias: whether there is a bias that is trained.

    Raises TypeError where in1_features, in2_features or out_features is of the wrong type or input1
    or input2 is no tensor; ValueError where in1_features is below 1; RuntimeError where
    in2_features or out_features is negative, input1 or input2 has a shape that does not fit or
    input1 or input2 holds integers, booleans or complex numbers.

    >>> nn.Bilinear(2, 3, 4)(torch.ones(5, 2), torch.ones(5, 3)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = empty((out_features, in1_features, in2_features), device, dtype)
        self.register_parameter("bias", empty(out_features, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias from [-b, b), b = 1 / sqrt(in1_features).

        >>> nn.Bilinear(2, 3, 1).reset_parameters()
        """
        bound = 1 / math.sqrt(self.weight.size(1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def _input_problem(self, *args: Any) -> str | None:
        for x, n in zip(args, (self.in1_features, self.in2_features)):
            if x.shape[-1] != n:
                return f"their last dimensions must be {self.in1_features} and {self.in2_features}"
        return None

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


def wrong_dtype(input: Tensor, weight: Tensor) -> str | None:
    """What to say of an input whose dtype is not the weights'."""
    if input.dtype != weight.dtype:
        return (
            f"its dtype is {input.dtype} but the weights are {weight.dtype}: convert one with .to()"
        )
    return None
