"""torch.distributed.algorithms.ddp_comm_hooks: what DDP can do with its buckets."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from ...data_parallel import DistributedDataParallel
from . import debugging_hooks, default_hooks, post_localSGD_hook, powerSGD_hook

__all__ = ["DDPCommHookType", "register_ddp_comm_hook"]


class DDPCommHookType(enum.Enum):
    """The communication hooks by name, for register_ddp_comm_hook.

    >>> kind = torch.distributed.algorithms.ddp_comm_hooks.DDPCommHookType
    >>> kind.FP16_COMPRESS.name
    'FP16_COMPRESS'
    """

    ALLREDUCE = "allreduce_hook", 0
    FP16_COMPRESS = "fp16_compress_hook", 0
    BF16_COMPRESS = "bf16_compress_hook", 0
    POWER_SGD = "powerSGD_hook", 1
    POWER_SGD_RANK2 = "powerSGD_hook", 2
    BATCHED_POWER_SGD = "batched_powerSGD_hook", 1
    BATCHED_POWER_SGD_RANK2 = "batched_powerSGD_hook", 2
    NOOP = "noop_hook", 0

    @property
    def hook(self) -> Callable[..., Any]:
        """The function that averages a bucket."""
        modules = default_hooks, debugging_hooks, powerSGD_hook
        found = [vars(m)[self.value[0]] for m in modules if self.value[0] in m.__all__]
        hook: Callable[..., Any] = found[0]
        return hook

    @property
    def rank(self) -> int:
        """The columns of the factors that are sent; 0 where gradients are sent whole."""
        rank: int = self.value[1]
        return rank


def register_ddp_comm_hook(
    comm_hook_type: DDPCommHookType, model: DistributedDataParallel, state: Any = None
) -> None:
    """Let a communication hook average the gradients of a model.

    comm_hook_type: which one. model: in DistributedDataParallel. state: the ranks that take part;
    None: all.

    Raises RuntimeError where the model has a hook already; AttributeError where comm_hook_type is
    of the wrong type.

    >>> hooks = torch.distributed.algorithms.ddp_comm_hooks
    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> hooks.register_ddp_comm_hook(hooks.DDPCommHookType.BF16_COMPRESS, net)
    >>> net(torch.ones(4, 2)).sum().backward()
    >>> net.module.bias.grad
    tensor([4.])
    """
    if comm_hook_type.rank:
        state = powerSGD_hook.PowerSGDState(state, matrix_approximation_rank=comm_hook_type.rank)
    model.register_comm_hook(state, comm_hook_type.hook)
