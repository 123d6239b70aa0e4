"""torch._higher_order_ops: re-exports."""

from ..transforms.control_flow import (
    associative_scan,
    cond,
    foreach_map,
    map,  # noqa: A004
    scan,
    while_loop,
)

__all__ = ["associative_scan", "cond", "foreach_map", "map", "scan", "while_loop"]
