"""Exceptions of torch.distributed."""

from __future__ import annotations

__all__ = ["DistBackendError", "DistError", "DistNetworkError", "DistStoreError"]


class DistError(RuntimeError):
    """Something went wrong between processes."""


class DistBackendError(DistError):
    """An operation of a process group failed: ranks disagree, one is missing, or MPI refuses."""


class DistNetworkError(DistError):
    """Processes could not find or reach each other."""


class DistStoreError(DistError):
    """A store did not answer, or a key did not come in time."""


for _error in (DistError, DistBackendError, DistNetworkError, DistStoreError):
    _error.__module__ = "torch.distributed"
