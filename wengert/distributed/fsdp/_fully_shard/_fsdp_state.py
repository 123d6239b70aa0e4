"""torch.distributed.fsdp._fully_shard._fsdp_state: what fully_shard notes at a module."""

from ..._composable_state import _get_module_state
from ..._composable_state import _State as FSDPState

_get_module_fsdp_state = _get_module_state

__all__ = ["FSDPState", "_get_module_fsdp_state", "_get_module_state"]
