"""Pillow, imported when an image of its kind is first needed, and NumPy's view of such images.

Everything of the package that touches Pillow asks here for it. Not here: what is done with images.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from ..api.interop import from_numpy
from ..engine.tensor import Tensor

__all__ = ["array_of", "is_pil", "pillow", "tensor_of"]


def pillow(module: str = "Image") -> Any:
    """A module of Pillow: `pillow("ImageDraw")`.

    Raises ImportError, which says how to get Pillow, where it is missing.
    """
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError(
            f"this needs Pillow, which could not be imported ({error}): "
            "pip install 'wengert[vision]'",
            name=f"PIL.{module}",
        ) from error


def is_pil(image: object) -> bool:
    """Whether image is one of Pillow's, without importing Pillow to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def array_of(image: Any) -> np.ndarray:
    """A copy of a Pillow image's pixels, shape (H, W, C), in the dtype of its mode."""
    pixels = np.array(image, copy=True)
    return pixels.reshape(image.height, image.width, -1)


def tensor_of(image: Any) -> Tensor:
    """A copy of a Pillow image's pixels as a tensor (C, H, W), in the dtype of its mode."""
    return from_numpy(array_of(image)).permute(2, 0, 1)


def _is_numpy_image(img: Any) -> bool:
    """Whether an array has the dimensions of an image."""
    return img.ndim in (2, 3)


def _is_tensor_image(img: Any) -> bool:
    """Whether img is a tensor with the dimensions of one image."""
    return isinstance(img, Tensor) and img.ndim == 3
