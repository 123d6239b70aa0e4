"""Tensors that say what they show: images, videos, masks, boxes, key points.

Operations on them give plain tensors, except clone, to, detach and requires_grad_. The transforms
of version 2 go by these classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import Enum
from typing import Any

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..pillow import is_pil, tensor_of

__all__ = [
    "BoundingBoxFormat", "BoundingBoxes", "Image", "KeyPoints", "Mask", "TVTensor", "Video",
    "set_return_type", "wrap",
]  # fmt: skip


class TVTensor(Tensor):
    """The base of the tensors that say what they show.

    data: the values: a tensor, or what makes one. dtype: of the result. device: where the
    result is. requires_grad: whether gradients are recorded.

    Raises TypeError where an argument is of the wrong type; RuntimeError where data is of the wrong
    type.

    >>> image = Image(torch.zeros(3, 4, 6))
    >>> type(image + 1).__name__, type(image.clone()).__name__, type(image.detach()).__name__
    ('Tensor', 'Image', 'Image')
    >>> type(image.to(torch.float64)).__name__, type(image.requires_grad_()).__name__
    ('Image', 'Image')
    """

    kept: tuple[str, ...] = ()  # attributes that go along

    def __new__(
        cls,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        return plain(data, dtype, device, requires_grad).as_subclass(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def _again(self, result: Tensor) -> Any:
        return result if isinstance(result, type(self)) else wrap(result, like=self)

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        """A copy that shows the same."""
        return self._again(self.as_subclass(Tensor).clone(*args, **kwargs))

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """The same in another dtype or on another device.

        Raises TypeError where an argument is of the wrong type.
        """
        return self._again(self.as_subclass(Tensor).to(*args, **kwargs))

    def detach(self) -> Any:
        """The same without its history."""
        return self._again(self.as_subclass(Tensor).detach())

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Sets whether gradients are wanted.

        requires_grad: whether gradients are recorded.
        """
        super().requires_grad_(requires_grad)
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self.detach().clone().requires_grad_(self.requires_grad)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        shown = repr(self.as_subclass(Tensor)).replace("tensor", type(self).__name__, 1)
        more = "".join(f", {name}={getattr(self, name)}" for name in self.kept)
        return f"{shown[:-1]}{more})"


def plain(data: Any, dtype: Any, device: Any, requires_grad: bool | None) -> Tensor:
    tensor = T.as_tensor(data, dtype=dtype, device=device)
    if isinstance(tensor, TVTensor):
        tensor = tensor.as_subclass(Tensor)
    if requires_grad is None or requires_grad == tensor.requires_grad:
        return tensor
    return tensor.detach().requires_grad_(requires_grad)


class Image(TVTensor):
    """An image (..., C, H, W), from a tensor, an array or an image of Pillow; (H, W) is grey.

    data: the values: a tensor, or what makes one. dtype: of the result. device: where the
    result is. requires_grad: whether gradients are recorded.

    Raises ValueError where data has a shape that does not fit; RuntimeError where data is of the
    wrong type.

    >>> Image(torch.zeros(4, 6)).shape
    torch.Size([1, 4, 6])
    """

    def __new__(
        cls,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = plain(tensor_of(data) if is_pil(data) else data, dtype, device, requires_grad)
        if tensor.ndim < 2:
            raise ValueError(f"an image has two dimensions or more, got {tuple(tensor.shape)}")
        return (tensor.unsqueeze(0) if tensor.ndim == 2 else tensor).as_subclass(cls)


class Video(TVTensor):
    """A video (..., T, C, H, W).

    data: the values: a tensor, or what makes one. dtype: of the result. device: where the
    result is. requires_grad: whether gradients are recorded.

    Raises ValueError where data has a shape that does not fit; RuntimeError where data is of the
    wrong type.

    >>> Video(torch.zeros(9, 3, 4, 6)).shape
    torch.Size([9, 3, 4, 6])
    """

    def __new__(
        cls,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = plain(data, dtype, device, requires_grad)
        if tensor.ndim < 4:
            raise ValueError(f"a video has four dimensions or more, got {tuple(tensor.shape)}")
        return tensor.as_subclass(cls)


class Mask(TVTensor):
    """Masks (..., H, W), or the number of a class for each pixel.

    data: the values: a tensor, or what makes one. dtype: of the result. device: where the
    result is. requires_grad: whether gradients are recorded.

    Raises RuntimeError where data is of the wrong type.

    >>> Mask(torch.zeros(1, 4, 6)).shape
    torch.Size([1, 4, 6])
    """

    def __new__(
        cls,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = plain(tensor_of(data) if is_pil(data) else data, dtype, device, requires_grad)
        return tensor.as_subclass(cls)


class BoundingBoxFormat(Enum):
    """What the four numbers of a box are: corners, or a corner or the middle and the size.

    >>> BoundingBoxFormat["XYWH"]
    <BoundingBoxFormat.XYWH: 'XYWH'>
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"


class BoundingBoxes(TVTensor):
    """Boxes (N, 4) in an image of canvas_size (height, width).

    clamping_mode: None lets transforms leave boxes that reach out of the canvas.

    data: the values: a tensor, or what makes one. dtype: of the result. device: where the result
    is. requires_grad: whether gradients are recorded. format: a BoundingBoxFormat or its name.

    Raises ValueError where data is of the wrong type, data is empty or data is too short; KeyError
    where format is unknown.

    >>> BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=(8, 8)).canvas_size
    (8, 8)
    """

    kept = ("format", "canvas_size", "clamping_mode")
    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    @clear_errors
    def __new__(
        cls,
        data: Any,
        *,
        format: BoundingBoxFormat | str,
        canvas_size: tuple[int, int],
        clamping_mode: str | None = "soft",
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = plain(data, dtype, device, requires_grad)
        tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        if tensor.ndim != 2 or tensor.shape[1] != 4:
            raise ValueError(f"boxes have the shape (N, 4), got {tuple(tensor.shape)}")
        if clamping_mode not in (None, "hard", "soft"):
            raise ValueError(f"clamping_mode must be None, hard or soft, got {clamping_mode}.")
        boxes = tensor.as_subclass(cls)
        known = (
            format if isinstance(format, BoundingBoxFormat) else BoundingBoxFormat[format.upper()]
        )
        boxes.format, boxes.canvas_size, boxes.clamping_mode = known, canvas_size, clamping_mode
        return boxes


class KeyPoints(TVTensor):
    """Points (..., 2) as (x, y) in an image of canvas_size (height, width).

    data: the values: a tensor, or what makes one. dtype: of the result. device: where the
    result is. requires_grad: whether gradients are recorded.

    Raises ValueError where data is empty or data is too short; IndexError where data is of the
    wrong type.

    >>> KeyPoints([[1, 2]], canvas_size=(8, 8)).canvas_size
    (8, 8)
    """

    kept = ("canvas_size",)
    canvas_size: tuple[int, int]

    def __new__(
        cls,
        data: Any,
        *,
        canvas_size: tuple[int, int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool | None = None,
    ) -> Any:
        tensor = plain(data, dtype, device, requires_grad)
        tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        if tensor.shape[-1] != 2:
            raise ValueError(f"points have the shape (..., 2), got {tuple(tensor.shape)}")
        points = tensor.as_subclass(cls)
        points.canvas_size = canvas_size
        return points


@clear_errors
def wrap(wrappee: Tensor, *, like: TVTensor, **kwargs: Any) -> Any:
    """A tensor as one of like's class that shows the same; kwargs change what is said about it.

    wrappee: the values, a tensor.

    wrappee has any shape that like's class takes. Raises TypeError where wrappee is no tensor.

    >>> image = Image(torch.zeros(3, 4, 6))
    >>> type(wrap(image + 1, like=image)).__name__
    'Image'
    """
    if not isinstance(like, TVTensor):
        return wrappee
    again = wrappee.as_subclass(type(like))
    for name in like.kept:
        setattr(again, name, kwargs.get(name, getattr(like, name)))
    return again


@contextlib.contextmanager
def set_return_type(return_type: str) -> Iterator[None]:
    """Only "Tensor" is supported: operations give plain tensors.

    return_type: 'Tensor' or 'TVTensor'.

    >>> with set_return_type("Tensor"):
    ...     type(Image(torch.zeros(3, 4, 6)) + 1).__name__
    'Tensor'
    """
    if return_type.lower() != "tensor":
        raise ValueError(f'return_type must be "Tensor" here, got {return_type!r}')
    yield
