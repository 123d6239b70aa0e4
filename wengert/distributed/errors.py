"""Exceptions of torch.distributed."""

from __future__ import annotations

__all__ = ["DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "QueueEmptyError"]


class DistError(RuntimeError):
    """Something went wrong between processes."""


class DistBackendError(DistError):
    """An operation of a process group failed: ranks disagree, one is missing, or MPI refuses."""


class DistNetworkError(DistError):
    """Processes could not find or reach each other."""


class DistStoreError(DistError):
    """A store did not answer, or a key did not come in time."""


class QueueEmptyError(DistStoreError):
    """A queue of a store has nothing in it."""


for _error in (DistError, DistBackendError, DistNetworkError, DistStoreError, QueueEmptyError):
    _error.__module__ = "torch.distributed"
