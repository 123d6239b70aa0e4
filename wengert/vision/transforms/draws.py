"""What random transforms draw from wengert's generator, and how their arguments are read.

The order of the draws is torchvision's, so that a seed gives the same crops and colours.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from .functional import pair

__all__ = [
    "angles", "chance", "crop_rectangle", "integer", "size_pair", "span", "uniform",
]  # fmt: skip


def uniform(low: float, high: float) -> float:
    """One draw from [low, high)."""
    return T.empty(1).uniform_(low, high).item()


def integer(low: int, high: int) -> int:
    """One draw from low, ..., high - 1."""
    return int(T.randint(low, high, (1,)).item())


def chance(p: float) -> bool:
    """True with probability p."""
    return bool(T.rand(1) < p)


def log_uniform(ratio: Sequence[float]) -> float:
    """One draw whose logarithm is uniform, rounded as float32 rounds it."""
    low, high = T.log(T.tensor(ratio)).tolist()
    return T.exp(T.empty(1).uniform_(low, high)).item()


def crop_rectangle(
    height: int, width: int, scale: Sequence[float], ratio: Sequence[float]
) -> tuple[int, int, int, int]:
    """Top, left, height, width of a part of random area and shape; the middle if ten do not fit."""
    for _ in range(10):
        area = height * width * uniform(scale[0], scale[1])
        shape = log_uniform(ratio)
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            return integer(0, height - h + 1), integer(0, width - w + 1), h, w
    w, h = width, height
    if width / height < min(ratio):
        h = round(w / min(ratio))
    elif width / height > max(ratio):
        w = round(h * max(ratio))
    return (height - h) // 2, (width - w) // 2, h, w


def size_pair(
    size: Any, message: str = "Please provide only two dimensions (h, w) for size."
) -> Any:
    """size as (height, width): a number counts twice, a pair stays the object that it is."""
    if isinstance(size, numbers.Number) or len(size) == 1:
        return pair(size)
    if len(size) != 2:
        raise ValueError(message)
    return size


def check_length(x: Any, name: str, lengths: tuple[int, ...]) -> None:
    wanted = " or ".join(map(str, lengths))
    if not isinstance(x, Sequence):
        raise TypeError(f"{name} should be a sequence of length {wanted}.")
    if len(x) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {wanted}.")


def angles(x: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """A range of angles: a number means from its negative to it."""
    if isinstance(x, numbers.Number):
        if x < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive.")
        x = [-x, x]  # type: ignore[operator]
    check_length(x, name, lengths)
    return [float(a) for a in x]


def span(
    value: Any, name: str, center: float = 1.0, bound: tuple[float, float] = (0, math.inf)
) -> tuple[float, float] | None:
    """The range of a colour's change: a number means so much about center; None for no change."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        low, high = center - float(value), center + float(value)  # type: ignore[arg-type]
        low = max(low, 0.0) if center else low
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bound[0] <= low <= high <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {[low, high]}.")
    return None if low == high == center else (low, high)


def colour_for(fill: Any, img: Any, channels: int) -> Any:
    """fill as the functions want it: a number for each channel of a tensor."""
    if not isinstance(img, Tensor):
        return fill
    return [float(fill)] * channels if isinstance(fill, (int, float)) else [float(f) for f in fill]
