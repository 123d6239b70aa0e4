"""torchvision's path of SVHN. Re-exports only."""

from __future__ import annotations

from .digits import SVHN

__all__ = ["SVHN"]
