"""torch._custom_op.impl: re-exports."""

from ..api.custom_ops import CustomOp, custom_op

__all__ = ["CustomOp", "custom_op"]
