"""Image files and their bytes as tensors (C, H, W), through Pillow. Videos are not supported."""

from __future__ import annotations

from .image import *
