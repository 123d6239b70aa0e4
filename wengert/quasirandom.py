"""torch.quasirandom: re-exports."""

from .api.sobol import SobolEngine
from .base.absent import absent as _absent

__all__ = ["SobolEngine"]

__getattr__ = _absent("torch.quasirandom")
