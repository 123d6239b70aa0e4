"""torch.nn.parallel.distributed: DistributedDataParallel, which lives in distributed/.

That layer is above this one, so it is looked up when somebody asks for the name.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["DistributedDataParallel"]  # noqa: F822

HOME = "wengert.distributed.data_parallel"


def __getattr__(name: str) -> Any:
    if name == "DistributedDataParallel":
        return getattr(importlib.import_module(HOME), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
