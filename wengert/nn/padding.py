"""Padding layers: constant, zero, reflected, replicated and circular borders.

padding is one number for all sides, or one for each side: (left, right, top, bottom, front, back)
as far as there are dimensions. The padding itself is in `ops/shape/views.py`.
"""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from .module import Module
from .sizes import each

__all__ = [
    f"{kind}Pad{n}d"
    for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero")
    for n in (1, 2, 3)
]

Padding = int | tuple[int, ...]


class _Pad(Module):
    """Padding of the last `dims` dimensions."""

    dims = 0
    mode = "constant"

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.padding = each(padding, 2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def _input_problem(self, *args: Any) -> str | None:
        n = self.dims
        if self.mode != "constant" and args[0].dim() not in (n + 1, n + 2):
            return f"it must have {n + 2} dimensions, or {n + 1} without batch"
        return None

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    """Padding with one value."""

    def __init__(self, padding: Padding, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Puts value before and behind the last dimension.

    padding: how many elements are added on both sides, an int or one per dimension.

    The input is of shape (..., W). Raises TypeError where padding or value is of the wrong type or
    input is no tensor.

    >>> nn.ConstantPad1d(1, 9.0)(torch.zeros(1, 2))
    tensor([[9., 0., 0., 9.]])
    """

    dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Puts value around the last two dimensions.

    padding: how many elements are added on both sides, an int or one per dimension.

    The input is of shape (..., H, W). Raises TypeError where padding or value is of the wrong type
    or input is no tensor.

    >>> nn.ConstantPad2d(1, 9.0)(torch.zeros(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Puts value around the last three dimensions.

    padding: how many elements are added on both sides, an int or one per dimension.

    The input is of shape (..., D, H, W). Raises TypeError where padding or value is of the wrong
    type or input is no tensor; RuntimeError where input has a shape that does not fit.

    >>> nn.ConstantPad3d(1, 9.0)(torch.zeros(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    dims = 3


class ZeroPad1d(ConstantPad1d):
    """Puts zeros before and behind the last dimension.

    padding: how many elements are added on both sides, an int or one per dimension.

    The input is of shape (..., W). Raises TypeError where padding is of the wrong type or input is
    no tensor.

    >>> nn.ZeroPad1d(1)(torch.ones(1, 2))
    tensor([[0., 1., 1., 0.]])
    """

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Puts zeros around the last two dimensions.

    padding: how many elements are added on both sides, an int or one per dimension.

    The input is of shape (..., H, W). Raises TypeError where input is no tensor; RuntimeError where
    padding is too short or too long.

    >>> nn.ZeroPad2d((1, 1, 0, 0))(torch.ones(1, 1, 2))
    tensor([[[0., 1., 1., 0.]]])
    """

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Puts zeros around the last three dimensions.

    padding: how many elements are added on both sides, an int or one per dimension.

    The input is of shape (..., D, H, W). Raises TypeError where padding is of the wrong type or
    input is no tensor; RuntimeError where input has a shape that does not fit.

    >>> nn.ZeroPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad1d(_Pad):
    """Continues a sequence by its mirror image, the border value once.

    input (N, C, L) or (C, L).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type or input is no tensor; NotImplementedError
    where input has a shape that does not fit; RuntimeError where padding does not fit.

    >>> nn.ReflectionPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 1., 2., 3., 2.]])
    """

    dims, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Continues an image by its mirror image; input (N, C, H, W) or (C, H, W).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type or input is no tensor; RuntimeError where
    padding is negative or input has a shape that does not fit; NotImplementedError where input has
    a shape that does not fit.

    >>> nn.ReflectionPad2d(1)(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    dims, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Continues a volume by its mirror image; input (N, C, D, H, W) or (C, D, H, W).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type or input is no tensor; RuntimeError where
    padding is negative or input has a shape that does not fit; NotImplementedError where input has
    a shape that does not fit.

    >>> nn.ReflectionPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    dims, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Continues a sequence by its border values; input (N, C, L) or (C, L).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type or input is no tensor; RuntimeError where
    padding is negative; NotImplementedError where input has a shape that does not fit.

    >>> nn.ReplicationPad1d(1)(torch.tensor([[1.0, 2.0]]))
    tensor([[1., 1., 2., 2.]])
    """

    dims, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Continues an image by its border values; input (N, C, H, W) or (C, H, W).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type or input is no tensor; RuntimeError where
    padding is negative; NotImplementedError where input has a shape that does not fit.

    >>> nn.ReplicationPad2d(1)(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    dims, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Continues a volume by its border values; input (N, C, D, H, W) or (C, D, H, W).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type or input is no tensor; RuntimeError where
    padding is negative; NotImplementedError where input has a shape that does not fit.

    >>> nn.ReplicationPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    dims, mode = 3, "replicate"


class _CircularPadNd(_Pad):
    """Padding that continues the input from its other end."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        wanted = (self.dims + 1, self.dims + 2)
        if input.dim() not in wanted:
            raise ValueError(
                f"expected {wanted[0]}D or {wanted[1]}D input (got {input.dim()}D input)"
            )
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Continues a sequence from its other end; input (N, C, L) or (C, L).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type; ValueError where input has a shape that
    does not fit; RuntimeError where padding does not fit.

    >>> nn.CircularPad1d(1)(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1.]])
    """

    dims = 1


class CircularPad2d(_CircularPadNd):
    """Continues an image from its other end; input (N, C, H, W) or (C, H, W).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type; ValueError where input has a shape that
    does not fit; RuntimeError where padding does not fit.

    >>> nn.CircularPad2d(1)(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4, 4])
    """

    dims = 2


class CircularPad3d(_CircularPadNd):
    """Continues a volume from its other end; input (N, C, D, H, W) or (C, D, H, W).

    padding: how many elements are added on both sides, an int or one per dimension.

    Raises TypeError where padding is of the wrong type; ValueError where input has a shape that
    does not fit; RuntimeError where padding does not fit.

    >>> nn.CircularPad3d(1)(torch.ones(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    dims = 3
