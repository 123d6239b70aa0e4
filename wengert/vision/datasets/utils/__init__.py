"""torchvision.datasets.utils: checksums, unpacking, and what stands for downloads. Re-exports."""

from __future__ import annotations

from ..archives import *
