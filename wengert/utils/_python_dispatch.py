"""torch.utils._python_dispatch: modes and classes that stand in for operators."""

from typing import Any

from ..api.classed import TorchDispatchMode
from ..ops.dispatching import (
    HERE as _HERE,
)
from ..ops.dispatching import (
    is_traceable_wrapper_subclass,
    return_and_correct_aliasing,
)

__all__ = ["TorchDispatchMode", "is_traceable_wrapper_subclass", "return_and_correct_aliasing"]


def _get_current_dispatch_mode() -> Any:
    """The mode that was entered last, or None."""
    return _HERE.modes[-1] if _HERE.modes else None


def _get_current_dispatch_mode_stack() -> list[Any]:
    """The modes that are entered, the innermost last."""
    return list(_HERE.modes)
