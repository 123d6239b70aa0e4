"""torchvision's path of STL10. Re-exports only."""

from __future__ import annotations

from .digits import STL10

__all__ = ["STL10"]
