"""torch._higher_order_ops.while_loop: re-exports."""

from ..transforms.control_flow import while_loop

__all__ = ["while_loop"]
