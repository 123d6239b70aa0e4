"""torch.distributed.optim: the names, for programs that ask whether an optimizer is one of them."""

from __future__ import annotations

from typing import Any

from ..base.absent import advice
from ..optim.optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer whose states are spread over processes. RuntimeError: there is only one here."""

    def __init__(self, params: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"ZeroRedundancyOptimizer: {advice('torch.distributed')}; use the optimizer itself"
        )
