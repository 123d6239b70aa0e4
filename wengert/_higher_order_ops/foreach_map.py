"""torch._higher_order_ops.foreach_map: re-exports."""

from ..transforms.control_flow import foreach_map

__all__ = ["foreach_map"]
