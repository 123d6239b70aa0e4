"""Tensors as pictures, when asked: `viz.image` for images, `viz.heatmap` for any matrix."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..api.display import coloured, host, img, png
from ..engine.tensor import Tensor

__all__ = ["Picture", "heatmap", "image"]

GAP = 2  # pixels between images of a batch


class Picture:
    """(height, width, 3) bytes that a notebook shows; `save` writes a PNG file.

    pixels: the picture. text: what stands below.

    Raises TypeError where path is of the wrong type.

    >>> picture = viz.heatmap(torch.eye(2))
    >>> picture.save("eye.png").name
    'eye.png'
    """

    def __init__(self, pixels: np.ndarray, width: int, text: str) -> None:
        self.pixels, self.width, self.text = pixels, width, text

    def __repr__(self) -> str:
        h, w = self.pixels.shape[:2]
        return f"<viz.Picture: {w}×{h} pixels, {self.text}>"

    def _repr_html_(self) -> str:
        return img(self.pixels, self.width, self.text)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a PNG file; returns the path.

        Raises TypeError where path is of the wrong type.
        """
        p = Path(path)
        p.write_bytes(png(self.pixels))
        return p


def elements(t: Any, name: str) -> np.ndarray:
    """The elements of a tensor that has some."""
    if not isinstance(t, Tensor):
        raise TypeError(f"viz.{name}: expected a tensor, not {type(t).__name__}")
    a = host(t)
    if a is None or not a.size:
        raise ValueError(f"viz.{name}: a tensor of shape {list(t.shape)} on {t.device} has nothing "
                         "to show")  # fmt: skip
    return a


def heatmap(t: Tensor, width: int | None = None) -> Picture:
    """A matrix in colours: blue to red around zero, or dark to light; NaN in magenta.

    Args:
        t: (rows, columns), or of more dimensions, which are put below each other.
        width: in the notebook, in pixels.

    Raises TypeError where t is no tensor.

    >>> viz.heatmap(torch.eye(3))
    <viz.Picture: 3×3 pixels, heat map of 3×3>
    """
    a = elements(t, "heatmap")
    a = a.reshape(-1, a.shape[-1]) if a.ndim else a.reshape(1, 1)
    text = "heat map of " + "×".join(map(str, t.shape))
    return Picture(coloured(a), width or int(min(640, max(120, a.shape[1] * 12))), text)


def image(t: Tensor, width: int | None = None) -> Picture:
    """Images as they are: grey or in colours, one or a batch of them side by side.

    Args:
        t: of shape (h, w), (1 or 3, h, w) or (n, 1 or 3, h, w); bytes, or floats from 0 to 1;
            floats of another range are stretched to it.
        width: in the notebook, in pixels.

    Raises ValueError for other shapes; TypeError where t is no tensor.

    >>> viz.image(torch.rand(4, 3, 8, 8))
    <viz.Picture: 18×18 pixels, images of 4×3×8×8>
    """
    a = elements(t, "image")
    a = a[None, None] if a.ndim == 2 else a[None] if a.ndim == 3 else a
    if a.ndim != 4 or a.shape[1] not in (1, 3):
        raise ValueError(
            f"viz.image: expected (h, w), (1 or 3, h, w) or (n, 1 or 3, h, w), but got "
            f"{list(t.shape)}: take part of it, or show viz.heatmap"
        )
    if a.dtype.kind == "f":
        low, high = float(np.nanmin(a)), float(np.nanmax(a))
        if low < 0 or high > 1:
            a = (a - low) / ((high - low) or 1.0)
        a = np.nan_to_num(a) * 255
    elif a.dtype.kind == "b":
        a = a * 255
    a = np.clip(np.rint(a), 0, 255).astype(np.uint8)
    n, c, h, w = a.shape
    across = math.ceil(math.sqrt(n)) if n > 1 else 1
    down = math.ceil(n / across)
    sheet = np.full((down * (h + GAP) - GAP, across * (w + GAP) - GAP, 3), 128, np.uint8)
    for i, one in enumerate(a):
        y, x = i // across * (h + GAP), i % across * (w + GAP)
        sheet[y : y + h, x : x + w] = one.transpose(1, 2, 0)
    text = ("images" if n > 1 else "image") + " of " + "×".join(map(str, t.shape))
    return Picture(sheet, width or int(min(640, max(120, sheet.shape[1] * 3))), text)
