"""Images from one kind to another: Pillow's, arrays, tensors of all dtypes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ...api.interop import from_numpy
from ...base.dtypes import dtype as Dtype
from ...base.dtypes import float32, get_default_dtype, uint8
from ...engine.tensor import Tensor
from ..pillow import is_pil, pillow, tensor_of
from . import _functional_tensor as F_t

__all__ = ["convert_image_dtype", "image_of", "pil_to_tensor", "to_pil_image", "to_tensor"]


def to_tensor(pic: Any) -> Tensor:
    """A Pillow image or array (H, W, C) as a tensor (C, H, W), uint8 scaled to [0, 1].

    pic: a picture of Pillow, an array (H, W, C) or a tensor (C, H, W).

    Raises TypeError where pic is of the wrong type.

    >>> to_tensor(np.full((1, 2, 1), 255, np.uint8))
    tensor([[[1., 1.]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        planes = pic[:, :, None] if pic.ndim == 2 else pic
        img = from_numpy(np.array(planes.transpose(2, 0, 1), order="C"))
    elif is_pil(pic):
        img = tensor_of(pic).contiguous()
        if pic.mode == "1":
            img = 255 * img.to(uint8)
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    return img.to(get_default_dtype()).div(255) if img.dtype == uint8 else img


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow image as a tensor (C, H, W) of the same values.

    pic: a picture of Pillow, an array (H, W, C) or a tensor (C, H, W).

    Raises TypeError where pic is of the wrong type.

    >>> from PIL import Image
    >>> pil_to_tensor(Image.new("RGB", (4, 2))).shape
    torch.Size([3, 2, 4])
    """
    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return tensor_of(pic)


def convert_image_dtype(image: Tensor, dtype: Dtype = float32) -> Tensor:
    """A tensor image in another dtype, scaled so that white stays white.

    image is of shape (..., C, H, W). Raises RuntimeError where a float cannot hold all values of
    the integer dtype; TypeError where image is no tensor.

    >>> convert_image_dtype(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return F_t.convert_image_dtype(image, dtype)


ONE_CHANNEL = {
    "uint8": "L", "int16": "I;16" if sys.byteorder == "little" else "I;16B", "int32": "I",
    "float32": "F",
}  # fmt: skip
MODES = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or array (H, W, C) as an image of Pillow; floats are taken as [0, 1].

    mode: Pillow's colour mode where the number of channels leaves a choice. pic: a picture of
    Pillow, an array (H, W, C) or a tensor (C, H, W).

    Raises TypeError where pic is of the wrong type or pic holds integers, booleans or complex
    numbers; ValueError where pic has a shape that does not fit.

    >>> to_pil_image(torch.zeros(3, 4, 6)).size
    (6, 4)
    """
    if isinstance(pic, Tensor):
        values = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif isinstance(pic, np.ndarray):
        values = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if values.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {values.ndim} dimensions.")
    values = values[:, :, None] if values.ndim == 2 else values
    channels = values.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if np.issubdtype(values.dtype, np.floating) and mode != "F":
        values = (values * 255).astype(np.uint8)
    kind = values.dtype.name
    permitted = MODES.get(channels, [ONE_CHANNEL[kind]] if kind in ONE_CHANNEL else [])
    if mode is not None and mode not in permitted:
        raise ValueError(
            f"Incorrect mode ({mode}) supplied for {channels} channels of {kind}: "
            f"only modes {permitted} are supported"
        )
    if not permitted or mode is None and channels > 1 and kind != "uint8":
        raise TypeError(f"Input type {kind} is not supported")
    return image_of(np.ascontiguousarray(values[:, :, 0] if channels == 1 else values),
                    mode or permitted[0])  # fmt: skip


def image_of(values: np.ndarray, mode: str) -> Any:
    """Pixels as an image of that mode, without Pillow's guess from the dtype."""
    height, width = values.shape[:2]
    return pillow().frombytes(mode, (width, height), values.tobytes())
