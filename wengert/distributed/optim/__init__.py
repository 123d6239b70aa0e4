"""torch.distributed.optim: an optimizer whose state is dealt to the ranks."""

from .apply_optimizer_in_backward import (
    _apply_optimizer_in_backward,
    _get_in_backward_optimizers,
)
from .zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = [
    "ZeroRedundancyOptimizer", "_apply_optimizer_in_backward", "_get_in_backward_optimizers",
]  # fmt: skip
