"""Many images in one: `make_grid`, and `save_image`, which writes the grid to a file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, BinaryIO

from ..api import functions as T
from ..base.dtypes import uint8
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .pillow import pillow

__all__ = ["make_grid", "save_image"]


def as_batch(tensor: Tensor | Sequence[Tensor]) -> Tensor:
    """Images of shapes (H, W), (C, H, W) or (N, C, H, W) as (N, C, H, W), grey ones as RGB."""
    images: Any = tensor
    if isinstance(tensor, list):
        for t in tensor:
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(t)}"
                )
        images = T.stack(tensor, dim=0)
    if not isinstance(images, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    for _ in range(max(4 - images.ndim, 0)):
        images = images[None]
    if images.ndim != 4:
        raise ValueError(
            "make_grid: images of shapes (H, W), (C, H, W) or (N, C, H, W) expected, got "
            f"{tuple(images.shape)}"
        )
    return T.cat((images, images, images), 1) if images.shape[1] == 1 else images


def stretched(images: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """images with the range, by default their own, made [0, 1]."""
    low, high = value_range or (float(images.min()), float(images.max()))
    return (images.clamp(min=low, max=high) - low) / max(high - low, 1e-5)


@no_grad()
@clear_errors
def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """One image (C, H, W) of all the images (N, C, H, W), nrow in a row.

    normalize: make value_range, by default from the least to the greatest value, [0, 1].
    scale_each: take that range from each image instead of from all.

    padding: how many pixels are added: for all sides, left and top, or each side. tensor: (N, C, H,
    W), or a list of images. pad_value: the grey of the border.

    Raises TypeError where tensor or nrow is of the wrong type; ValueError where tensor has a shape
    that does not fit; RuntimeError where nrow is negative.

    >>> make_grid(torch.zeros(5, 3, 4, 4), nrow=3).shape
    torch.Size([3, 14, 20])
    """
    images = as_batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        parts = images.unbind(0) if scale_each else [images]
        parts = [stretched(part, value_range) for part in parts]
        images = T.stack(parts, 0) if scale_each else parts[0]
    count, channels, h, w = images.shape
    if count == 1:
        return images[0]
    columns = min(nrow, count)
    rows = -(-count // columns)
    height, width = h + padding, w + padding
    grid = images.new_full(
        (channels, rows * height + padding, columns * width + padding), pad_value
    )
    for k in range(count):
        top, left = k // columns * height + padding, k % columns * width + padding
        grid[:, top : top + h, left : left + w] = images[k]
    return grid


@no_grad()
@clear_errors
def save_image(
    tensor: Tensor | list[Tensor],
    fp: str | PathLike[str] | BinaryIO,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write `make_grid(tensor, **kwargs)`, whose values are in [0, 1], to an image file.

    format: needed where fp is an open file; else the name tells.

    tensor is of shape (N, C, H, W), (C, H, W) or (H, W). Raises TypeError where tensor or nrow is
    of the wrong type; ValueError where tensor has a shape that does not fit, fp is of the wrong
    type or fp is unknown; RuntimeError where nrow is negative; NotImplementedError where tensor
    holds complex numbers.

    >>> save_image(torch.zeros(4, 3, 8, 8), "grid.png", nrow=2)
    >>> torchvision.io.read_image("grid.png").shape
    torch.Size([3, 22, 22])
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to("cpu", uint8).numpy()
    pillow().fromarray(pixels).save(fp, format=format)
