"""torch._higher_order_ops.cond: re-exports."""

from ..transforms.control_flow import cond

__all__ = ["cond"]
