"""Reading and writing images: files, bytes, tensors."""

from __future__ import annotations

import io
import os
import tempfile
from enum import Enum
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...api import functions as T
from ...api.interop import from_numpy
from ...base.dtypes import uint8
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..pillow import pillow, tensor_of
from ..transforms.conversion import to_pil_image

__all__ = [
    "ImageReadMode", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "decode_webp",
    "encode_jpeg", "encode_png", "read_file", "read_image", "write_file", "write_jpeg",
    "write_png",
]  # fmt: skip

PathName = str | PathLike[str]


class ImageReadMode(Enum):
    """The channels to read: those of the file, or grey or colour with or without alpha.

    >>> ImageReadMode.GRAY.name
    'GRAY'
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


MODES = {
    ImageReadMode.GRAY: "L", ImageReadMode.GRAY_ALPHA: "LA", ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}  # fmt: skip
Mode = ImageReadMode | str


def read_file(path: PathName) -> Tensor:
    """The bytes of a file, uint8 of shape (N,).

    path: of the file.

    Raises TypeError where path is of the wrong type; FileNotFoundError where path is unknown.

    >>> write_file("bytes", torch.tensor([1, 2], dtype=torch.uint8))
    >>> read_file("bytes")
    tensor([1, 2], dtype=torch.uint8)
    """
    return from_numpy(np.frombuffer(Path(path).read_bytes(), np.uint8).copy())


@clear_errors
def write_file(filename: PathName, data: Tensor) -> None:
    """Write bytes, uint8 of shape (N,), to a file, which is complete or not there.

    data: the values: a tensor, or what makes one. filename: the path of the file.

    Raises TypeError where filename is of the wrong type; RuntimeError where data has a shape that
    does not fit or data holds integers, booleans or complex numbers.

    >>> write_file("bytes", torch.tensor([1, 2], dtype=torch.uint8))
    >>> read_file("bytes")
    tensor([1, 2], dtype=torch.uint8)
    """
    if data.dtype != uint8 or data.ndim != 1:
        raise RuntimeError(
            f"write_file: one dimension of torch.uint8 expected, got {data.ndim} of {data.dtype}"
        )
    folder = os.path.dirname(os.path.abspath(filename))
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(data.cpu().numpy().tobytes())
    os.replace(file.name, filename)


def decoded(content: bytes, mode: Mode, upright: bool, kinds: tuple[str, ...] | None) -> Tensor:
    """The image that the bytes hold, in the channels of mode, of one of the kinds of files."""
    mode = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    try:
        picture = pillow().open(io.BytesIO(content), formats=kinds)
        picture.load()
    except OSError as error:
        raise RuntimeError(f"the bytes are no image that can be read: {error}") from error
    if upright:
        picture = pillow("ImageOps").exif_transpose(picture)
    if mode in MODES:
        picture = picture.convert(MODES[mode])
    elif picture.mode in ("1", "P", "CMYK", "YCbCr"):
        with_alpha = "transparency" in picture.info
        grey = picture.mode == "1"
        picture = picture.convert("L" if grey else "RGBA" if with_alpha else "RGB")
    return tensor_of(picture).contiguous()


def bytes_of(input: Any) -> bytes:
    if not isinstance(input, Tensor) or input.dtype != uint8 or input.ndim != 1:
        raise RuntimeError("the bytes of an image should be a tensor of torch.uint8 of shape (N,)")
    return input.cpu().numpy().tobytes()


def decode_image(
    input: Tensor | PathName,
    mode: Mode = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The image in a file or in bytes (N,), as uint8 (C, H, W).

    apply_exif_orientation: turn it as a photograph's file says.

    mode: an ImageReadMode, which channels are kept. input: the bytes, uint8 (N,); to encode: an
    image, uint8 (C, H, W).

    Raises TypeError where input is of the wrong type; RuntimeError where input has a shape that
    does not fit, input holds values out of range or input holds integers, booleans or complex
    numbers.

    >>> decode_image(encode_png(torch.zeros(3, 2, 4, dtype=torch.uint8))).shape
    torch.Size([3, 2, 4])
    """
    content = bytes_of(input) if isinstance(input, Tensor) else Path(input).read_bytes()
    return decoded(content, mode, apply_exif_orientation, None)


def read_image(
    path: PathName, mode: Mode = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The image in a file, as uint8 (C, H, W).

    path: of the file. mode: an ImageReadMode, which channels are kept. apply_exif_orientation: turn
    the image as a photograph's file says.

    Raises FileNotFoundError if there is no such file, RuntimeError if it is no image; TypeError
    where path is of the wrong type.

    >>> write_png(torch.zeros(3, 2, 4, dtype=torch.uint8), "black.png")
    >>> read_image("black.png").shape
    torch.Size([3, 2, 4])
    """
    return decode_image(path, mode, apply_exif_orientation)


def decode_png(
    input: Tensor, mode: Mode = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The image in the bytes (N,) of a PNG file, as (C, H, W).

    mode: an ImageReadMode, which channels are kept. input: the bytes, uint8 (N,); to encode: an
    image, uint8 (C, H, W). apply_exif_orientation: turn the image as a photograph's file says.

    Raises RuntimeError where input is no tensor, input has a shape that does not fit, input holds
    values out of range or input holds integers, booleans or complex numbers.

    >>> decode_png(encode_png(torch.zeros(1, 2, 4, dtype=torch.uint8))).shape
    torch.Size([1, 2, 4])
    """
    return decoded(bytes_of(input), mode, apply_exif_orientation, ("PNG",))


def decode_jpeg(
    input: Tensor | list[Tensor],
    mode: Mode = ImageReadMode.UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Any:
    """The image in the bytes (N,) of a JPEG file, as (C, H, W); of a list, a list.

    mode: an ImageReadMode, which channels are kept. device: where the result is. input: the bytes,
    uint8 (N,); to encode: an image, uint8 (C, H, W). apply_exif_orientation: turn the image as a
    photograph's file says.

    Raises RuntimeError where input is of the wrong type, input has a shape that does not fit, input
    holds values out of range or input holds integers, booleans or complex numbers.

    >>> decode_jpeg(encode_jpeg(torch.zeros(3, 2, 4, dtype=torch.uint8))).shape
    torch.Size([3, 2, 4])
    """
    if isinstance(input, list):
        return [decode_jpeg(each, mode, device, apply_exif_orientation) for each in input]
    return decoded(bytes_of(input), mode, apply_exif_orientation, ("JPEG",)).to(device)


def decode_webp(input: Tensor, mode: Mode = ImageReadMode.UNCHANGED) -> Tensor:
    """The image in the bytes (N,) of a WebP file, as (C, H, W).

    mode: an ImageReadMode, which channels are kept. input: the bytes, uint8 (N,); to encode: an
    image, uint8 (C, H, W).

    Raises RuntimeError where input is no tensor, input has a shape that does not fit, input holds
    values out of range or input holds integers, booleans or complex numbers.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (4, 2)).save(file, "WEBP")
    >>> decode_webp(torch.frombuffer(file.getvalue(), dtype=torch.uint8)).shape
    torch.Size([3, 2, 4])
    """
    return decoded(bytes_of(input), mode, False, ("WEBP",))


def decode_gif(input: Tensor) -> Tensor:
    """The image (3, H, W) in the bytes (N,) of a GIF file, or its images (N, 3, H, W).

    input: the bytes, uint8 (N,); to encode: an image, uint8 (C, H, W).

    Raises RuntimeError where input is no tensor, input has a shape that does not fit or input holds
    integers, booleans or complex numbers; OSError where input holds values out of range.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (4, 2)).save(file, "GIF")
    >>> decode_gif(torch.frombuffer(file.getvalue(), dtype=torch.uint8)).shape
    torch.Size([3, 2, 4])
    """
    picture = pillow().open(io.BytesIO(bytes_of(input)), formats=("GIF",))
    frames = []
    for i in range(getattr(picture, "n_frames", 1)):
        picture.seek(i)
        frames.append(tensor_of(picture.convert("RGB")).contiguous())
    return frames[0] if len(frames) == 1 else T.stack(frames)


def encoded(input: Tensor, **options: Any) -> Tensor:
    if not isinstance(input, Tensor) or input.dtype != uint8:
        raise RuntimeError("an image to write should be a tensor of torch.uint8")
    if input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"an image to write should have the shape (1 or 3, H, W), got {tuple(input.shape)}"
        )
    file = io.BytesIO()
    to_pil_image(input).save(file, **options)
    return from_numpy(np.frombuffer(file.getvalue(), np.uint8).copy())


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes (N,) of a PNG file of an image (1 or 3, H, W), uint8.

    input: the bytes, uint8 (N,); to encode: an image, uint8 (C, H, W). compression_level: 0 (fast)
    to 9 (small).

    Raises RuntimeError where input is no tensor, input has a shape that does not fit or input holds
    integers, booleans or complex numbers.

    >>> bytes(encode_png(torch.zeros(3, 2, 4, dtype=torch.uint8))[1:4].tolist())
    b'PNG'
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return encoded(input, format="PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor | list[Tensor], quality: int = 75) -> Any:
    """The bytes (N,) of a JPEG file of an image (1 or 3, H, W), uint8; of a list, a list.

    input: the bytes, uint8 (N,); to encode: an image, uint8 (C, H, W). quality: 1 to 100.

    Raises RuntimeError where input is of the wrong type, input has a shape that does not fit or
    input holds integers, booleans or complex numbers.

    >>> encode_jpeg(torch.zeros(3, 2, 4, dtype=torch.uint8))[:2].tolist()
    [255, 216]
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        return [encode_jpeg(each, quality) for each in input]
    return encoded(input, format="JPEG", quality=quality)


def write_png(input: Tensor, filename: PathName, compression_level: int = 6) -> None:
    """Write an image (1 or 3, H, W), uint8, to a PNG file.

    input: the bytes, uint8 (N,); to encode: an image, uint8 (C, H, W). filename: the path of the
    file. compression_level: 0 (fast) to 9 (small).

    Raises TypeError where filename is of the wrong type; RuntimeError where input is no tensor,
    input has a shape that does not fit or input holds integers, booleans or complex numbers.

    >>> write_png(torch.zeros(3, 2, 4, dtype=torch.uint8), "black.png")
    >>> read_image("black.png").shape
    torch.Size([3, 2, 4])
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: PathName, quality: int = 75) -> None:
    """Write an image (1 or 3, H, W), uint8, to a JPEG file.

    input: the bytes, uint8 (N,); to encode: an image, uint8 (C, H, W). filename: the path of the
    file. quality: 1 to 100.

    Raises TypeError where filename or quality is of the wrong type; ValueError where quality is
    below 1; RuntimeError where input is no tensor, input has a shape that does not fit or input
    holds integers, booleans or complex numbers.

    >>> write_jpeg(torch.zeros(3, 2, 4, dtype=torch.uint8), "black.jpg", quality=90)
    >>> read_image("black.jpg").shape
    torch.Size([3, 2, 4])
    """
    write_file(filename, encode_jpeg(input, quality))
