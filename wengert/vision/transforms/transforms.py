"""The transforms as objects, under the path that torchvision has for them. Re-exports only."""

from __future__ import annotations

from .colors import *
from .containers import *
from .draws import size_pair as _size_pair
from .geometry import *
from .interpolation import NUMBERS as _NUMBERS
from .interpolation import InterpolationMode
from .old_names import *

_pil_interpolation_to_str = {n: f"PIL.Image.{mode.name}" for mode, n in _NUMBERS.items()}


def _setup_size(size: object, error_msg: str) -> object:
    """A size as (height, width), which transforms of other libraries ask for."""
    return _size_pair(size, error_msg)
