"""The transforms as objects, under the path that torchvision has for them. Re-exports only."""

from __future__ import annotations

from .colors import *
from .containers import *
from .geometry import *
from .interpolation import InterpolationMode
