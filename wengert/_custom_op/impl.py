"""torch._custom_op.impl: re-exports."""

from ..api.custom_ops import CustomOpDef as CustomOp
from ..api.library import custom_op

__all__ = ["CustomOp", "custom_op"]
