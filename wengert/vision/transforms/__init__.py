"""Transforms of images, Pillow's or tensors. Version 2, with boxes and masks, is in `v2/`."""

from __future__ import annotations

from . import functional
from .autoaugment import *
from .old_names import *
from .transforms import *
