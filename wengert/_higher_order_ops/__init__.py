"""torch._higher_order_ops: re-exports."""

from ..transforms.control_flow import cond, foreach_map, map, while_loop  # noqa: A004

__all__ = ["cond", "foreach_map", "map", "while_loop"]
