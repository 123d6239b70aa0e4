"""torch.cuda.nccl: re-exports."""

from ..api.cuda_api import nccl_available as is_available
from ..api.cuda_api import nccl_version as version

__all__ = ["is_available", "version"]
