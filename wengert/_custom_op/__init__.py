"""torch._custom_op: re-exports."""

from ..api.library import custom_op

__all__ = ["custom_op"]
