"""torchvision's path of USPS. Re-exports only."""

from __future__ import annotations

from .digits import USPS

__all__ = ["USPS"]
