"""torch.distributed.fsdp.api: the names of FullyShardedDataParallel's options."""

from . import fully_sharded_data_parallel as _wrapper
from .fully_sharded_data_parallel import *  # noqa: F403

__all__ = [name for name in _wrapper.__all__ if name != "FullyShardedDataParallel"]
