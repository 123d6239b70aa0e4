"""torch.utils.data._utils.pin_memory: re-exports."""

from ....data.collate import pin_memory

__all__ = ["pin_memory"]
