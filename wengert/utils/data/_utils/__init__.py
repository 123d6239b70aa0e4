"""torch.utils.data._utils: what libraries reach for inside it."""

from . import collate, pin_memory, worker

__all__ = ["collate", "pin_memory", "worker"]
