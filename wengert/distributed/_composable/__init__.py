"""torch.distributed._composable: re-exports."""

from ..fsdp.fully_shard import fully_shard

__all__ = ["fully_shard"]
