"""torch.distributed.algorithms.ddp_comm_hooks: what DDP can do with its buckets."""

from . import default_hooks

__all__ = ["default_hooks"]
