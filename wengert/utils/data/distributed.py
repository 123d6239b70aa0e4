"""torch.utils.data.distributed: re-exports."""

from ...data.samplers import DistributedSampler

__all__ = ["DistributedSampler"]
