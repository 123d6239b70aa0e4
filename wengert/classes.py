"""torch.classes: compiled classes cannot be loaded."""

from typing import Any as _Any

from .base.absent import ADVICE as _ADVICE
from .base.extensions import load_library, loaded_libraries

__all__ = ["load_library", "loaded_libraries"]


def __getattr__(name: str) -> _Any:
    raise AttributeError(f"torch.classes.{name}: {_ADVICE['torch.classes']}", name=name, obj=None)
