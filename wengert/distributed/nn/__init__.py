"""torch.distributed.nn: collectives that gradients pass through, and modules in other processes."""

from typing import Any as _Any

from ...base.absent import not_yet as _not_yet
from .functional import (
    all_gather,
    all_reduce,
    all_to_all,
    all_to_all_single,
    broadcast,
    gather,
    reduce,
    reduce_scatter,
    scatter,
)  # fmt: skip

__all__ = [
    "all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce",
    "reduce_scatter", "scatter",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name == "RemoteModule":
        from .remote_module import RemoteModule

        return RemoteModule
    raise _not_yet("torch.distributed.nn", name)
