"""torch.cuda.nccl: re-exports."""

from ..api import cuda_comm as _comm
from ..api.cuda_api import nccl_available as _nccl_available
from ..api.cuda_api import nccl_version as _nccl_version
from ..base.aliases import alias as _alias

is_available = _alias(_nccl_available, "is_available")
version = _alias(_nccl_version, "version")
all_gather = _alias(_comm.nccl_all_gather, "all_gather")
all_reduce = _alias(_comm.nccl_all_reduce, "all_reduce")
broadcast = _alias(_comm.nccl_broadcast, "broadcast")
reduce = _alias(_comm.nccl_reduce, "reduce")
reduce_scatter = _alias(_comm.nccl_reduce_scatter, "reduce_scatter")

__all__ = [
    "all_gather", "all_reduce", "broadcast", "is_available", "reduce", "reduce_scatter", "version",
]  # fmt: skip
