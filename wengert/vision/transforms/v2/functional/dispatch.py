"""How a function of version 2 finds what to do with an image, a mask, boxes or points.

Its own body is for images: Pillow's, plain tensors, `Image` and `Video`. Masks have kernels of
their own. Geometry on boxes and points is one kernel of points (N, 2) for both: a box is the hull
of where its corners go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .....api import functions as T
from .....engine.tensor import Tensor
from ....ops.boxes import box_convert
from ....pillow import is_pil
from ....tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, wrap

__all__ = ["clamped", "functional", "has_kernel", "is_pure_tensor", "register_kernel"]

Points = Callable[..., tuple[Tensor, tuple[int, int]]]  # points, canvas size, ... -> the same


def is_pure_tensor(inpt: Any) -> bool:
    """Whether inpt is a tensor that says nothing about what it shows.

    A tensor has any shape.

    >>> is_pure_tensor(torch.zeros(2)), is_pure_tensor(tv_tensors.Image(torch.zeros(3, 2, 2)))
    (True, False)
    """
    return isinstance(inpt, Tensor) and not isinstance(inpt, TVTensor)


def register_kernel(function: Any, tv_tensor_cls: type) -> Callable[[Any], Any]:
    """Decorate what a function of this module is to do with a class of tensors of one's own.

    tv_tensor_cls: the class of the tensors that the decorated function takes.

    >>> class Depth(tv_tensors.TVTensor):
    ...     pass
    >>> @register_kernel(v2.functional.hflip, Depth)
    ... def flipped(depth):
    ...     return depth.flip(-1)
    >>> v2.functional.hflip(torch.tensor([[1, 2]]).as_subclass(Depth)).tolist()
    [[2, 1]]
    """

    def decorate(kernel: Callable[..., Any]) -> Callable[..., Any]:
        function.kernels[tv_tensor_cls] = kernel
        return kernel

    return decorate


def kernel_of(function: Any, kind: type) -> Callable[..., Any] | None:
    """The kernel for a class of TVTensor, its own or that of a parent."""
    for cls in kind.__mro__:
        if cls in function.kernels:
            return function.kernels[cls]
    return None


def has_kernel(function: Any, inpt: Any) -> bool:
    """Whether the function does something with inpt."""
    if is_pure_tensor(inpt) or is_pil(inpt):
        return True
    return isinstance(inpt, TVTensor) and kernel_of(function, type(inpt)) is not None


def functional(
    mask: Callable[..., Tensor] | None = None,
    points: Points | None = None,
    clamp: bool = True,
    pixels: Points | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of an image one of all that can be in a sample.

    mask: what to do with masks; points: where points go; clamp: cut boxes at the canvas.
    pixels: where `KeyPoints` go, if not where points go: flips count them as pixels.
    """

    def decorate(of_image: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(of_image)
        def call(inpt: Any, *args: Any, **kwargs: Any) -> Any:
            if is_pure_tensor(inpt) or is_pil(inpt):
                return of_image(inpt, *args, **kwargs)
            kernel = kernel_of(call, type(inpt)) if isinstance(inpt, TVTensor) else None
            if kernel is None:
                raise TypeError(
                    f"{of_image.__name__}() has nothing for inputs of type {type(inpt).__name__}"
                )
            return kernel(inpt, *args, **kwargs)

        def again(f: Callable[..., Any]) -> Callable[..., Any]:
            def run(inpt: TVTensor, *args: Any, **kwargs: Any) -> Any:
                out = f(inpt.as_subclass(Tensor), *args, **kwargs)
                return wrap(out, like=inpt) if isinstance(out, Tensor) else out

            return run

        kernels: dict[type, Any] = {Image: again(of_image), Video: again(of_image)}
        if mask is not None:
            kernels[Mask] = again(mask)
        if points is not None:
            kernels[BoundingBoxes] = functools.partial(move_boxes, points, clamp)
            kernels[KeyPoints] = functools.partial(move_points, pixels or points)
        call.kernels = kernels  # type: ignore[attr-defined]
        return call

    return decorate


def move_boxes(points: Points, clamp: bool, boxes: Any, *args: Any, **kwargs: Any) -> Any:
    """The boxes around where their corners go."""
    fmt = boxes.format.value.lower()
    corners = box_convert(boxes.as_subclass(Tensor), fmt, "xyxy")
    real = corners if corners.is_floating_point() else corners.float()
    each = T.stack([real[:, [i, j]] for i, j in ((0, 1), (2, 1), (2, 3), (0, 3))], 1)
    moved, canvas = points(each.reshape(-1, 2), boxes.canvas_size, *args, **kwargs)
    moved = moved.reshape(-1, 4, 2)
    hull = T.cat([moved.amin(1), moved.amax(1)], 1) if len(moved) else real
    hull = clamped(hull, canvas) if clamp and boxes.clamping_mode is not None else hull
    hull = hull.to(corners.dtype) if corners.is_floating_point() else hull.round().to(corners.dtype)
    return wrap(box_convert(hull, "xyxy", fmt), like=boxes, canvas_size=canvas)


def clamped(corners: Tensor, canvas: tuple[int, int]) -> Tensor:
    """Corners (N, 4) cut at the canvas (height, width)."""
    height, width = canvas
    x, y = corners[:, 0::2].clamp(0, width), corners[:, 1::2].clamp(0, height)
    return T.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


def move_points(points: Points, inpt: Any, *args: Any, **kwargs: Any) -> Any:
    """Where the points go."""
    flat = inpt.as_subclass(Tensor)
    real = flat if flat.is_floating_point() else flat.float()
    moved, canvas = points(real.reshape(-1, 2), inpt.canvas_size, *args, **kwargs)
    moved = moved.reshape(flat.shape).to(flat.dtype)
    return wrap(moved, like=inpt, canvas_size=canvas)
