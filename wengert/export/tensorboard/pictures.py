"""Arrays, figures and videos as the images of an event; whatever is logged as an array."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base.extras import needed
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

__all__ = ["as_array", "convert_to_HWC", "figure_to_image", "make_grid", "png", "video_frames"]


def as_array(x: Any) -> np.ndarray:
    """A tensor, an array or a number as an array.

    NotImplementedError for anything else, lists among it: scripts catch what is no number. bfloat16
    becomes float32.

    >>> as_array(torch.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        return (x.float() if x.dtype.name == "bfloat16" else x).numpy()
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    raise NotImplementedError(
        f"Got {type(x)}, but numpy array or torch tensor are expected: convert it with torch.tensor"
    )


def scale_of(a: np.ndarray) -> int:
    """What the numbers of an image are multiplied by: bytes are taken as they are."""
    return 1 if a.dtype == np.uint8 else 255


def as_bytes(a: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1, or bytes, as bytes."""
    return (a.astype(np.float32) * scale_of(a)).clip(0, 255).astype(np.uint8)


def convert_to_HWC(tensor: np.ndarray, input_format: str) -> np.ndarray:
    """An image, or a grid of several, as (height, width, channels).

    input_format names the dims by the letters N, C, H and W in their order; AssertionError where
    letters come twice or their number is not that of the dims.
    """
    letters = input_format.upper()
    if len(set(letters)) != len(letters) or len(letters) != tensor.ndim:
        raise AssertionError(
            f"dataformats {input_format!r} must name each dim of the image once, which has shape "
            f"{tensor.shape}: for example CHW, HWC, HW or NCHW"
        )
    if len(letters) == 4:
        return make_grid(tensor.transpose([letters.find(c) for c in "NCHW"])).transpose(1, 2, 0)
    if len(letters) == 3:
        image = tensor.transpose([letters.find(c) for c in "HWC"])
        return np.repeat(image, 3, 2) if image.shape[2] == 1 else image
    return np.stack([tensor.transpose([letters.find(c) for c in "HW"])] * 3, 2)


def make_grid(images: np.ndarray, ncols: int = 8) -> np.ndarray:
    """Images (n, channels, height, width) as one (3, ...), row by row."""
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise AssertionError(
            f"images must have the shape (n, 1 or 3, height, width), got {images.shape}"
        )
    n, _, height, width = images.shape
    ncols = min(n, ncols)
    nrows = math.ceil(n / ncols)
    canvas = np.zeros((3, height * nrows, width * ncols), images.dtype)
    for i, one in enumerate(images):
        top, left = i // ncols * height, i % ncols * width
        canvas[:, top : top + height, left : left + width] = one
    return canvas


def png(image: np.ndarray, rescale: float = 1, boxes: Any = None, labels: Any = None) -> Any:
    """An image of bytes (height, width, channels) as an event's image."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    height, width, channels = image.shape
    picture = _pillow("Image").fromarray(image)
    if boxes is not None:
        draw_boxes(picture, boxes, labels)
    picture = picture.resize((int(width * rescale), int(height * rescale)))
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=data.getvalue()
    )


@clear_errors
def draw_boxes(picture: Any, boxes: np.ndarray, labels: Sequence[str] | None) -> None:
    """Draw red frames (left, top, right, bottom) and what is written at their bottoms.

    picture: an image. boxes: (N, 4) as x1, y1, x2, y2, in pixels. labels: 0 or 1, or texts for the
    boxes.

    Raises AttributeError where picture is of the wrong type; TypeError where boxes or labels is of
    the wrong type; ValueError for complex numbers.

    >>> from PIL import Image
    >>> picture = Image.new("RGB", (9, 9))
    >>> draw_boxes(picture, np.array([[1, 1, 5, 5]]), None)
    >>> picture.getpixel((1, 1))
    (255, 0, 0)
    """
    if np.iscomplexobj(boxes):
        raise ValueError(f"draw_boxes: corners are real numbers, not {boxes.dtype}")
    draw = _pillow("ImageDraw").Draw(picture)
    for i, (left, top, right, bottom) in enumerate(boxes.tolist()):
        draw.rectangle([left, top, right, bottom], outline="red", width=2)
        if labels is not None:
            x0, y0, x1, y1 = draw.textbbox((left, bottom), labels[i], anchor="ld")
            draw.rectangle([x0, y0, x1, y1], fill="red")
            draw.text((left, bottom), labels[i], fill="black", anchor="ld")


def _pillow(part: str) -> Any:
    return needed(f"PIL.{part}", "images for TensorBoard need Pillow", "tensorboard")


def figure_to_image(figures: Any, close: bool = True) -> np.ndarray:
    """A figure of matplotlib as (3, height, width), a list of them as (n, 3, height, width)."""
    if isinstance(figures, list):
        return np.stack([figure_to_image(figure, close) for figure in figures])
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    if close:
        pyplot.close(figures)
    return pixels.transpose(2, 0, 1)


def video_frames(videos: np.ndarray) -> np.ndarray:
    """Videos (n, time, channels, height, width) as frames (time, ...) with all of them in a grid.

    The grid has a power of two of places; those that are left stay black.
    """
    if videos.ndim != 5:
        raise AssertionError(
            f"a video must have the shape (n, time, channels, height, width), got {videos.shape}"
        )
    videos = as_bytes(videos)
    n, time, channels, height, width = videos.shape
    places = 1 << (n - 1).bit_length()
    rows = 1 << ((n.bit_length() - 1) // 2)
    blank = np.zeros((places - n, time, channels, height, width), np.uint8)
    grid = np.concatenate([videos, blank]).reshape(rows, -1, time, channels, height, width)
    frames = grid.transpose(2, 0, 4, 1, 5, 3)  # time, row, height, column, width, channels
    return frames.reshape(time, rows * height, -1, channels)


def gif(frames: np.ndarray, fps: float) -> Any:
    """Frames of bytes (time, height, width, channels) as an event's image that moves."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    _, height, width, channels = frames.shape
    flat = frames[..., 0] if channels == 1 else frames
    pictures = [_pillow("Image").fromarray(frame) for frame in flat]
    data = io.BytesIO()
    pictures[0].save(
        data, "GIF", save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0
    )
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=data.getvalue()
    )
