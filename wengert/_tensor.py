"""torch._tensor: where PyTorch defines Tensor; a re-export."""

from .base.absent import absent as _absent
from .engine.tensor import Tensor

__all__ = ["Tensor"]

__getattr__ = _absent("torch._tensor")
