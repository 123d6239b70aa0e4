"""torch.utils.hooks: re-exports."""

from ..base.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
