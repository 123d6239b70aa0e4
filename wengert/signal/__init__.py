"""torch.signal: the package of `windows`."""

from . import windows

__all__ = ["windows"]
