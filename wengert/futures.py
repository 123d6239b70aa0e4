"""torch.futures: re-exports."""

from .base.absent import absent as _absent
from .base.futures import Future, collect_all, wait_all

__all__ = ["Future", "collect_all", "wait_all"]

__getattr__ = _absent("torch.futures")
