"""GradScaler for gradients that are dealt to the ranks: all skip a step if one must."""

from __future__ import annotations

from typing import Any

from ...amp.grad_scaler import GradScaler
from ...engine.error_context import clear_errors
from ..collectives import all_reduce
from ..process_group import is_initialized
from ..reduce_op import ReduceOp

__all__ = ["ShardedGradScaler"]


class ShardedGradScaler(GradScaler):
    """GradScaler whose ranks agree on whether gradients are finite.

    process_group: the ranks, all by default; the rest is GradScaler's.

    Raises ValueError where outputs is of the wrong type; RuntimeError where device or init_scale is
    of the wrong type, device is unknown or init_scale is negative.

    >>> model = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scaler = ShardedGradScaler("cpu", init_scale=4.0)
    >>> scaler.scale(model(torch.ones(1, 2)).sum()).backward()
    >>> scaler.unscale_(optimizer)
    >>> model.bias.grad
    tensor([1.])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        backoff_factor: float = 0.5,
        growth_factor: float = 2.0,
        growth_interval: int = 2000,
        enabled: bool = True,
        process_group: Any = None,
    ) -> None:
        super().__init__(
            device, init_scale=init_scale, backoff_factor=backoff_factor,
            growth_factor=growth_factor, growth_interval=growth_interval, enabled=enabled,
        )  # fmt: skip
        self.process_group = process_group

    @clear_errors
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the scale, and note on all ranks if one of them is not finite."""
        super().unscale_(optimizer)
        if self._enabled and is_initialized():
            for found in self._found_inf_per_device(optimizer).values():
                all_reduce(found, op=ReduceOp.MAX, group=self.process_group)
