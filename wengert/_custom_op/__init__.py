"""torch._custom_op: re-exports."""

from ..api.custom_ops import custom_op

__all__ = ["custom_op"]
