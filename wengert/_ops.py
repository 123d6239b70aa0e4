"""torch._ops: the classes of operators."""

from .ops.aten import OpOverload, OpOverloadPacket

__all__ = ["OpOverload", "OpOverloadPacket"]
