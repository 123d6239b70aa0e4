"""torch.nn.parallel: one module on several devices of one process.

Several processes are `distributed/`'s business; DistributedDataParallel is found there.
"""

from typing import Any as _Any

from . import distributed as _distributed
from .data_parallel import DataParallel, data_parallel, gather, scatter

# the functions, in place of the modules of their names, which would hide them once imported
from .parallel_apply import parallel_apply
from .replicate import replicate

__all__ = [
    "DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply",
    "replicate", "scatter",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    return getattr(_distributed, name)
