"""torch.distributed: not there yet; what scripts ask before they use it is answered.

Processes and shared tensors on one machine are in torch.multiprocessing.
"""

from typing import Any as _Any

from ..base.absent import not_yet as _not_yet


def is_available() -> bool:
    """Whether processes can be joined into a group: not yet."""
    return False


def is_initialized() -> bool:
    """Whether this process has joined a group."""
    return False


is_nccl_available = is_gloo_available = is_mpi_available = is_ucc_available = is_available
is_torchelastic_launched = is_xccl_available = is_available


def __getattr__(name: str) -> _Any:
    raise _not_yet("torch.distributed", name)
