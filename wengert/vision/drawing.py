"""Boxes, masks and key points drawn onto images (C, H, W); Pillow holds the pen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..base.advice import advise
from ..base.dtypes import bool as bool_
from ..base.dtypes import dtype as Dtype
from ..base.dtypes import int64, uint8
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .pillow import pillow, tensor_of
from .transforms.functional import convert_image_dtype, to_pil_image

__all__ = ["draw_bounding_boxes", "draw_keypoints", "draw_segmentation_masks"]

Colour = str | tuple[int, int, int]
Colours = list[Colour] | Colour | None


def colours_of(colors: Colours, count: int) -> list[tuple[int, ...]]:
    """An RGB triple for each of count things: as given, one for all, or a palette."""
    if colors is None:
        return [
            tuple(i * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1))
            for i in range(count)
        ]
    if isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                "Number of colors must be equal or larger than the number of objects, but got "
                f"{len(colors)} < {count}."
            )
        each = colors
    elif not isinstance(colors, (tuple, str)):
        raise ValueError(
            f"colors must be a tuple or a string, or a list thereof, but got {colors}."
        )
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        each = [colors] * count
    read = pillow("ImageColor").getrgb
    return [read(c) if isinstance(c, str) else tuple(c) for c in each]


def check_image(image: Any, channels: tuple[int, ...]) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if image.dtype != uint8 and not image.is_floating_point():
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3:
        raise ValueError("Pass individual images, not batches")
    if image.shape[0] not in channels:
        kinds = (
            "Only grayscale and RGB images are"
            if 1 in channels
            else "Pass an RGB image. No other is"
        )
        raise ValueError(f"{kinds} supported, got {image.shape[0]} channels")


def drawn(picture: Any, dtype: Dtype) -> Tensor:
    return convert_image_dtype(tensor_of(picture), dtype)


@no_grad()
@clear_errors
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: list[str] | None = None,
    colors: Colours = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: Colours = None,
    label_background_colors: Colours = None,
    fill_labels: bool = False,
) -> Tensor:
    """An image (1 or 3, H, W) with boxes (N, 4), as (xmin, ymin, xmax, ymax), drawn onto it.

    labels: a text for each box; colors: one for all, or one for each; fill: tint the insides.

    width: of the result, or of the image, in pixels. font: the path of a TrueType font. font_size:
    in points. label_colors: the colours of the labels; None: as the boxes. label_background_colors:
    the colours behind the labels; None: as the boxes. fill_labels: fill the ground behind the
    labels.

    Raises TypeError where image is no tensor; ValueError where image or boxes has a shape that does
    not fit, image holds integers, booleans or complex numbers, colors is of the wrong type or
    colors is unknown; NotImplementedError where boxes holds complex numbers.

    >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    >>> drawn = draw_bounding_boxes(image, torch.tensor([[1, 1, 6, 6]]), colors="red")
    >>> drawn[:, 1, 3]
    tensor([255,   0,   0], dtype=torch.uint8)
    """
    check_image(image, (1, 3))
    if boxes.ndim != 2 or boxes.shape[-1] != 4:
        raise ValueError(f"boxes must have shape (N, 4), got {tuple(boxes.shape)}")
    if bool(((boxes[:, 0] > boxes[:, 2]) | (boxes[:, 1] > boxes[:, 3])).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert "
            "to convert them"
        )
    count = boxes.shape[0]
    if count == 0:
        advise("boxes doesn't contain any box. No box was drawn")
        return image
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels "
            "for each box."
        )
    outlines = colours_of(colors, count)
    inks = colours_of(label_colors or "black", count) if label_colors or fill_labels else outlines
    papers = outlines
    if fill_labels and label_background_colors:
        papers = colours_of(label_background_colors, count)
    letters = pillow("ImageFont")
    if font is None:
        if font_size is not None:
            advise("Argument 'font_size' will be ignored since 'font' is not set.")
        face = letters.load_default()
    else:
        face = letters.truetype(font=font, size=font_size or 10)
    rgb = image.expand(3, *image.shape[1:]) if image.shape[0] == 1 else image
    picture = to_pil_image(convert_image_dtype(rgb, uint8))
    pen = pillow("ImageDraw").Draw(picture, "RGBA" if fill else None)
    for i, box in enumerate(boxes.to(int64).tolist()):
        inside = outlines[i] + (100,) if fill else None
        pen.rectangle(box, width=width, outline=outlines[i], fill=inside)
        if labels is not None and labels[i] is not None:
            at = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = pen.textbbox(at, labels[i], font=face)
                pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=papers[i])
            pen.text(at, labels[i], fill=inks[i], font=face)
    return drawn(picture, image.dtype)


@no_grad()
@clear_errors
def draw_segmentation_masks(
    image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Colours = None
) -> Tensor:
    """An image (3, H, W) tinted where masks, bool of shape (N, H, W), are set; black where two are.

    alpha: how much of the tint, from 0 to 1. colors: a name, an (R, G, B) or a list of them, one
    for each; None: different ones.

    Raises TypeError where image is no tensor; ValueError where image or masks has a shape that does
    not fit, image holds integers, booleans or complex numbers, masks holds integers or complex
    numbers or alpha or colors is of the wrong type.

    >>> image = torch.zeros(3, 2, 2, dtype=torch.uint8)
    >>> mask = torch.tensor([[[True, False], [False, False]]])
    >>> draw_segmentation_masks(image, mask, alpha=1.0, colors="red")[:, 0, 0]
    tensor([255,   0,   0], dtype=torch.uint8)
    """
    check_image(image, (3,))
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != bool_:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    count = masks.shape[0]
    if count == 0:
        advise("masks doesn't contain any mask. No mask was drawn")
        return image
    tinted = image.detach()
    for mask, colour in zip(masks, colours_of(colors, count)):
        tint = [c / 255 for c in colour] if image.is_floating_point() else colour
        tinted = T.where(mask, T.tensor(tint, dtype=image.dtype)[:, None, None], tinted)
    tinted = T.where(masks.sum(0) > 1, T.zeros_like(tinted), tinted)
    return (image * (1 - float(alpha)) + tinted * float(alpha)).to(image.dtype)


@no_grad()
@clear_errors
def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: Sequence[tuple[int, int]] | None = None,
    colors: Colour | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """An image (3, H, W) with the points keypoints (N, K, 2), as (x, y), drawn onto it.

    connectivity: pairs of points to draw a line between; visibility: bool (N, K).

    width: of the result, or of the image, in pixels. colors: a name, an (R, G, B) or a list of
    them, one for each; None: different ones. radius: of a point, in pixels.

    Raises TypeError where image is no tensor; ValueError where image or keypoints has a shape that
    does not fit, image holds integers, booleans or complex numbers or colors is unknown.

    >>> image = torch.zeros(3, 16, 16, dtype=torch.uint8)
    >>> draw_keypoints(image, torch.tensor([[[8, 8]]]), colors="blue")[:, 8, 8]
    tensor([  0,   0, 255], dtype=torch.uint8)
    """
    check_image(image, (3,))
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        visibility = T.ones(keypoints.shape[:-1], dtype=bool_)
    visibility = visibility.squeeze(-1) if visibility.ndim == 3 else visibility
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. "
            f"Got {visibility.shape = } and {keypoints.shape = }"
        )
    picture = to_pil_image(convert_image_dtype(image, uint8))
    pen = pillow("ImageDraw").Draw(picture)
    for points, seen in zip(keypoints.to(int64).tolist(), visibility.to(bool_).tolist()):
        for (x, y), visible in zip(points, seen):
            if visible:
                box = [x - radius, y - radius, x + radius, y + radius]
                pen.ellipse(box, fill=colors, outline=None, width=0)
        for a, b in connectivity or ():
            if seen[a] and seen[b]:
                pen.line((tuple(points[a]), tuple(points[b])), width=width)
    return drawn(picture, image.dtype)
