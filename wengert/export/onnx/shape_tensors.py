"""Shapes as tensors, and reshaping by them: torch.onnx.operators."""

from __future__ import annotations

from ...api.functions import tensor as _tensor
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

__all__ = ["reshape_from_tensor_shape", "shape_as_tensor"]


@clear_errors
def shape_as_tensor(x: Tensor) -> Tensor:
    """The shape of x as a tensor of integers.

    x has any shape. Raises TypeError where x is no tensor.

    >>> from wengert.onnx import operators
    >>> operators.shape_as_tensor(torch.zeros(2, 3))
    tensor([2, 3])
    """
    return _tensor(list(x.shape))


@clear_errors
def reshape_from_tensor_shape(x: Tensor, shape: Tensor) -> Tensor:
    """x in the shape that a tensor of integers holds.

    x has any shape; shape is of shape (n,). Raises TypeError where shape has a shape that does not
    fit or shape holds booleans or complex numbers; RuntimeError where x or shape has a shape that
    does not fit or shape holds values out of range.

    >>> from wengert.onnx import operators
    >>> operators.reshape_from_tensor_shape(torch.ones(4), torch.tensor([2, 2])).shape
    torch.Size([2, 2])
    """
    return x.reshape(tuple(shape.tolist()))
