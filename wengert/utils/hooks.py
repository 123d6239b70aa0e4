"""torch.utils.hooks: re-exports."""

from ..engine.hooks import Handle as RemovableHandle

__all__ = ["RemovableHandle"]
