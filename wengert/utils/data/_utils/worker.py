"""torch.utils.data._utils.worker: re-exports."""

from ....data.workers import WorkerInfo, get_worker_info

__all__ = ["WorkerInfo", "get_worker_info"]
