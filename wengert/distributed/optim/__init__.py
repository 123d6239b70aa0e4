"""torch.distributed.optim: an optimizer whose state is dealt to the ranks, and one for rpc."""

from typing import Any as _Any

from ...base.absent import not_yet as _not_yet
from .apply_optimizer_in_backward import (
    _apply_optimizer_in_backward,
    _get_in_backward_optimizers,
)
from .zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = [
    "ZeroRedundancyOptimizer", "_apply_optimizer_in_backward", "_get_in_backward_optimizers",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name == "DistributedOptimizer":
        from .distributed_optimizer import DistributedOptimizer

        return DistributedOptimizer
    if name == "PostLocalSGDOptimizer":
        from .post_localSGD_optimizer import PostLocalSGDOptimizer

        return PostLocalSGDOptimizer
    raise _not_yet("torch.distributed.optim", name)
