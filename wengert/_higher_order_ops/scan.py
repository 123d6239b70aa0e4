"""torch._higher_order_ops.scan: re-exports."""

from ..transforms.control_flow import scan

__all__ = ["scan"]
