"""torch.storage: re-exports."""

from .base.absent import absent as _absent
from .ops.creation.storage import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]

__getattr__ = _absent("torch.storage")
