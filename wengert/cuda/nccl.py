"""torch.cuda.nccl: re-exports."""

from ..api.cuda_api import nccl_available as _nccl_available
from ..api.cuda_api import nccl_version as _nccl_version
from ..base.aliases import alias as _alias

is_available = _alias(_nccl_available, "is_available")
version = _alias(_nccl_version, "version")

__all__ = ["is_available", "version"]
