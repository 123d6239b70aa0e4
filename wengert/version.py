"""torch.version: which version this is, and that it was built for no GPU runtime in particular.

`wengert` is the version of this package; `__version__` begins with the version of PyTorch whose
behaviour it has.
"""

from .base.version import OWN as wengert
from .base.version import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "wengert", "xpu"]

debug = False
cuda = hip = xpu = git_version = None
