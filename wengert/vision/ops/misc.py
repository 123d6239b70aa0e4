"""Blocks that architectures are built from: convolution, norm and activation in one, and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn.activation import ReLU, Sigmoid
from ...nn.containers import Sequential
from ...nn.conv import Conv2d, Conv3d
from ...nn.dropout import Dropout
from ...nn.linear import Linear
from ...nn.module import Module
from ...nn.normalization import BatchNorm2d, BatchNorm3d
from ...nn.pooling import AdaptiveAvgPool2d

__all__ = [
    "MLP", "Conv2dNormActivation", "Conv3dNormActivation", "FrozenBatchNorm2d", "Permute",
    "SqueezeExcitation",
]  # fmt: skip

Layer = Callable[..., Module]
Size = int | Sequence[int]


class FrozenBatchNorm2d(Module):
    """Batch norm whose statistics and affine parameters stay as they are loaded.

    num_features: the number of channels. Input and output have shape (N, C, H, W).

    eps: against division by zero.

    Raises TypeError where num_features is of the wrong type or x is no tensor; RuntimeError where
    num_features is negative.

    >>> FrozenBatchNorm2d(3)(torch.ones(1, 3, 1, 1)).flatten()
    tensor([1.0000, 1.0000, 1.0000])
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", T.ones(num_features))
        self.register_buffer("bias", T.zeros(num_features))
        self.register_buffer("running_mean", T.zeros(num_features))
        self.register_buffer("running_var", T.ones(num_features))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)  # a BatchNorm2d has one
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


def tuple_of(x: Size, n: int) -> tuple[int, ...]:
    return (x,) * n if isinstance(x, int) else tuple(x)


class ConvNormActivation(Sequential):
    """Convolution, norm and activation; padding None keeps the size where the stride is 1."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | str | None = None,
        groups: int = 1,
        norm_layer: Layer | None = BatchNorm2d,
        activation_layer: Layer | None = ReLU,
        dilation: Size = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Layer = Conv2d,
    ) -> None:
        if padding is None:
            if isinstance(kernel_size, int) and isinstance(dilation, int):
                padding = (kernel_size - 1) // 2 * dilation
            else:
                n = len(kernel_size) if isinstance(kernel_size, Sequence) else len(dilation)  # type: ignore[arg-type]
                sizes = zip(tuple_of(kernel_size, n), tuple_of(dilation, n))
                padding = tuple((k - 1) // 2 * d for k, d in sizes)
        bias = norm_layer is None if bias is None else bias
        layers = [
            conv_layer(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation,
                       groups=groups, bias=bias)
        ]  # fmt: skip
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A 2-d convolution, by default without bias, batch norm and ReLU.

    in_channels: channels of the input. out_channels: channels of the result. kernel_size: the size
    of a window. stride: steps between windows. padding: how many pixels are added: for all sides,
    left and top, or each side. groups: how many parts the channels fall into. norm_layer: the
    class, or a function, that makes a norm of so many channels; None: the model's own.
    activation_layer: the class that makes activations. dilation: steps between the elements of a
    window. inplace: write the result over the input. conv_layer: the class of the convolution.

    input is of shape (N, in_channels, H, W). Raises RuntimeError where in_channels is negative, 0
    or a tensor of several numbers or does not fit, out_channels is negative, 0 or a tensor of
    several numbers or input has a shape that does not fit or holds integers, booleans or complex
    numbers; ValueError where input has a shape that does not fit.

    >>> Conv2dNormActivation(3, 4)(torch.zeros(1, 3, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """


class Conv3dNormActivation(ConvNormActivation):
    """A 3-d convolution, by default without bias, batch norm and ReLU.

    in_channels: channels of the input. out_channels: channels of the result. kernel_size: the
    size of a window. stride: steps between windows. padding: how many pixels are added: for all
    sides, left and top, or each side. groups: how many parts the channels fall into.
    norm_layer: the class, or a function, that makes a norm of so many channels; None: the
    model's own. activation_layer: the class that makes activations. dilation: steps between the
    elements of a window. inplace: write the result over the input.

    input is of shape (N, in_channels, T, H, W). Raises RuntimeError where in_channels is negative,
    0 or a tensor of several numbers or does not fit, out_channels is negative, 0 or a tensor of
    several numbers or input has a shape that does not fit or holds integers, booleans or complex
    numbers; ValueError where input has a shape that does not fit.

    >>> ops = torchvision.ops
    >>> ops.Conv3dNormActivation(3, 8)(torch.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 8, 4, 4, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | str | None = None,
        groups: int = 1,
        norm_layer: Layer | None = BatchNorm3d,
        activation_layer: Layer | None = ReLU,
        dilation: Size = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups,
                         norm_layer, activation_layer, dilation, inplace, bias, Conv3d)  # fmt: skip


class SqueezeExcitation(Module):
    """Channels weighted by what their means say (arXiv:1709.01507).

    input_channels: channels of the input and of the result. squeeze_channels: channels between the
    two layers. activation: the class of the activation between them. scale_activation: the class of
    the activation of the weights.

    input is of shape (N, input_channels, H, W). Raises TypeError where input_channels or
    squeeze_channels is of the wrong type or input is no tensor; RuntimeError where input_channels
    or squeeze_channels is negative, input has a shape that does not fit or input holds complex
    numbers; NotImplementedError where input holds integers or booleans; ValueError where input has
    a shape that does not fit.

    >>> SqueezeExcitation(4, 2)(torch.zeros(1, 4, 3, 3)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Layer = ReLU,
        scale_activation: Layer = Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(squeezed)) * input


class MLP(Sequential):
    """Linear layers with norm, activation and dropout between them.

    hidden_channels: the widths, the last of which is the output's.

    in_channels: channels of the input. norm_layer: the class, or a function, that makes a norm of
    so many channels; None: the model's own. activation_layer: the class that makes activations.
    inplace: write the result over the input. bias: whether there is one; of a function: a tensor,
    or None.

    input is of shape (..., in_channels). Raises RuntimeError where in_channels is negative or 0 or
    does not fit or input has a shape that does not fit or holds integers, booleans or complex
    numbers.

    >>> MLP(4, [8, 2])(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: list[int],
        norm_layer: Layer | None = None,
        activation_layer: Layer | None = ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        more = {} if inplace is None else {"inplace": inplace}
        layers: list[Module] = []
        for width in hidden_channels[:-1]:
            layers.append(Linear(in_channels, width, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(width))
            if activation_layer is not None:
                layers.append(activation_layer(**more))
            layers.append(Dropout(dropout, **more))
            in_channels = width
        layers.append(Linear(in_channels, hidden_channels[-1], bias=bias))
        layers.append(Dropout(dropout, **more))
        super().__init__(*layers)


class Permute(Module):
    """Dimensions in another order.

    dims: the new order of the dimensions.

    The input has any shape of as many dims. Raises RuntimeError where dims is of the wrong type or
    x has a shape that does not fit.

    >>> Permute([0, 2, 1])(torch.zeros(1, 2, 3)).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)
