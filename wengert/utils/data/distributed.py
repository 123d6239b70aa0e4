"""torch.utils.data.distributed: re-exports."""

from wengert.data.samplers import DistributedSampler

__all__ = ["DistributedSampler"]
