"""What profiles call an op, and how many floating-point operations it takes."""

from __future__ import annotations

import math
from typing import Any

from ..engine.op import Op
from ..ops.aten import name_of


def event_name(op: Op) -> str:
    """What PyTorch's profiler calls the operation: `aten::mul`."""
    return f"aten::{name_of(op)}"


def operations(name: str, args: tuple[Any, ...], result: Any) -> int:
    """Floating-point operations of products, convolutions, and sums and products by element; 0 for
    other ops.
    """
    out = math.prod(getattr(result, "shape", ()))
    if name in ("add", "mul"):
        return out
    if name in ("matmul", "batched_matmul", "bmm", "linear"):
        return 2 * out * (args[0].shape[-1] if args[0].shape else 1)
    if name == "addmm":
        return 2 * out * args[1].shape[-1]
    if name == "conv":
        return 2 * out * math.prod(args[1].shape[1:])
    return 0
