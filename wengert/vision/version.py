"""The torchvision release that this package behaves as."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.28.0+wengert"
