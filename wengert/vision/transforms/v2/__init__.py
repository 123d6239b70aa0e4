"""Transforms of version 2: of samples of images, masks, boxes and points, nested in any way."""

from __future__ import annotations

from ..autoaugment import AutoAugmentPolicy
from ..interpolation import InterpolationMode
from . import functional
from .colors import *
from .containers import *
from .geometry import *
from .samples import *
from .transform import Transform
