"""torch._higher_order_ops.map: re-exports."""

from ..transforms.control_flow import map  # noqa: A004

__all__ = ["map"]
