"""torch.utils.hooks: re-exports."""

from ..base.hooks import Handle as RemovableHandle

__all__ = ["RemovableHandle"]
