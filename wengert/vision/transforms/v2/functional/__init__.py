"""Version 2 as functions: of an image, or of the masks, boxes and points of a sample."""

from __future__ import annotations

from ...interpolation import InterpolationMode
from .dispatch import is_pure_tensor, register_kernel
from .geometry import *
from .values import *
