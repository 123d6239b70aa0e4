"""Gradients of convolutions by name: with respect to the input, and to the weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..autodiff.grad_api import grad
from ..base.modes import Recording
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from . import functional as F

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input",
    "conv3d_weight",
]  # fmt: skip


def _for_input(
    dims: int, size: Sequence[int], weight: Tensor, g: Tensor, geometry: tuple[Any, ...]
) -> Tensor:
    with Recording():  # linear in the input, so that its value does not matter
        x = T.zeros(tuple(size), dtype=g.dtype, device=g.device).requires_grad_()
        out = (F.conv1d, F.conv2d, F.conv3d)[dims - 1](x, weight, None, *geometry)
        return grad(out, x, g, create_graph=weight.requires_grad or g.requires_grad)[0]


def _for_weight(
    dims: int, x: Tensor, size: Sequence[int], g: Tensor, geometry: tuple[Any, ...]
) -> Tensor:
    with Recording():
        w = T.zeros(tuple(size), dtype=g.dtype, device=g.device).requires_grad_()
        out = (F.conv1d, F.conv2d, F.conv3d)[dims - 1](x, w, None, *geometry)
        return grad(out, w, g, create_graph=x.requires_grad or g.requires_grad)[0]


@clear_errors
def conv1d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of conv1d for its input (N, C, L).

    weight: a factor for each element or class, a tensor; None: ones. input_size: the shape of the
    input. grad_output: the gradient of the output. stride: the step between windows. padding: how
    many elements are added on each side. dilation: the distance between elements of a window.
    groups: how many groups of channels are convolved apart.

    Raises TypeError where input_size is of the wrong type or weight is no tensor; RuntimeError
    where input_size has another length, weight or grad_output has a shape that does not fit or
    weight or grad_output holds integers, booleans or complex numbers.

    >>> nn.grad.conv1d_input((1, 1, 4), torch.ones(1, 1, 3), torch.ones(1, 1, 2))
    tensor([[[1., 2., 2., 1.]]])
    """
    return _for_input(1, input_size, weight, grad_output, (stride, padding, dilation, groups))


@clear_errors
def conv1d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of conv1d for its weight (C', C / groups, k).

    weight_size: the shape of the weight. grad_output: the gradient of the output. stride: the step
    between windows. padding: how many elements are added on each side. dilation: the distance
    between elements of a window. input: the input.

    input is of shape (N, C, L), grad_output has the shape of what the convolution gives. Raises
    TypeError where input is no tensor or weight_size is of the wrong type; RuntimeError where input
    or grad_output has a shape that does not fit, input or grad_output holds integers, booleans or
    complex numbers or weight_size has another length.

    >>> x, g = torch.arange(4.0).view(1, 1, 4), torch.ones(1, 1, 3)
    >>> nn.grad.conv1d_weight(x, (1, 1, 2), g)
    tensor([[[3., 6.]]])
    """
    return _for_weight(1, input, weight_size, grad_output, (stride, padding, dilation, groups))


@clear_errors
def conv2d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of conv2d for its input (N, C, H, W).

    weight: a factor for each element or class, a tensor; None: ones. input_size: the shape of the
    input. grad_output: the gradient of the output. stride: the step between windows. padding: how
    many elements are added on each side. dilation: the distance between elements of a window.
    groups: how many groups of channels are convolved apart.

    Raises TypeError where input_size is of the wrong type or weight is no tensor; RuntimeError
    where input_size has another length, weight or grad_output has a shape that does not fit or
    weight or grad_output holds integers, booleans or complex numbers.

    >>> w, g = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    >>> nn.grad.conv2d_input((1, 1, 3, 3), w, g)[0, 0]
    tensor([[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]])
    """
    return _for_input(2, input_size, weight, grad_output, (stride, padding, dilation, groups))


@clear_errors
def conv2d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of conv2d for its weight (C', C / groups, kH, kW).

    weight_size: the shape of the weight. grad_output: the gradient of the output. stride: the step
    between windows. padding: how many elements are added on each side. dilation: the distance
    between elements of a window. input: the input.

    input is of shape (N, C, H, W), grad_output has the shape of what the convolution gives. Raises
    TypeError where input is no tensor or weight_size is of the wrong type; RuntimeError where input
    or grad_output has a shape that does not fit, input or grad_output holds integers, booleans or
    complex numbers or weight_size has another length.

    >>> x, g = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
    >>> nn.grad.conv2d_weight(x, (1, 1, 2, 2), g)[0, 0]
    tensor([[4., 4.],
            [4., 4.]])
    """
    return _for_weight(2, input, weight_size, grad_output, (stride, padding, dilation, groups))


@clear_errors
def conv3d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of conv3d for its input (N, C, D, H, W).

    weight: a factor for each element or class, a tensor; None: ones. input_size: the shape of the
    input. grad_output: the gradient of the output. stride: the step between windows. padding: how
    many elements are added on each side. dilation: the distance between elements of a window.
    groups: how many groups of channels are convolved apart.

    Raises TypeError where input_size is of the wrong type or weight is no tensor; RuntimeError
    where input_size has another length, weight or grad_output has a shape that does not fit or
    weight or grad_output holds integers, booleans or complex numbers.

    >>> w, g = torch.ones(1, 1, 1, 1, 2), torch.ones(1, 1, 1, 1, 2)
    >>> nn.grad.conv3d_input((1, 1, 1, 1, 3), w, g).flatten()
    tensor([1., 2., 1.])
    """
    return _for_input(3, input_size, weight, grad_output, (stride, padding, dilation, groups))


@clear_errors
def conv3d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Gradient of conv3d for its weight (C', C / groups, kD, kH, kW).

    weight_size: the shape of the weight. grad_output: the gradient of the output. stride: the step
    between windows. padding: how many elements are added on each side. dilation: the distance
    between elements of a window. input: the input.

    input is of shape (N, C, D, H, W), grad_output has the shape of what the convolution gives.
    Raises TypeError where input is no tensor or weight_size is of the wrong type; RuntimeError
    where input or grad_output has a shape that does not fit, input or grad_output holds integers,
    booleans or complex numbers or weight_size has another length.

    >>> x, g = torch.ones(1, 1, 1, 1, 3), torch.ones(1, 1, 1, 1, 2)
    >>> nn.grad.conv3d_weight(x, (1, 1, 1, 1, 2), g).flatten()
    tensor([2., 2.])
    """
    return _for_weight(3, input, weight_size, grad_output, (stride, padding, dilation, groups))
