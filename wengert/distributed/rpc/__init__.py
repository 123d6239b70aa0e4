"""torch.distributed.rpc: functions called in other processes, and references to what stays there.

It needs no MPI: processes talk through sockets of their own. Whoever takes part can run code in the
others, so a network between hosts must be trusted, as with PyTorch.
"""

from __future__ import annotations

from functools import wraps as _wraps
from typing import Any as _Any

from ...base.absent import not_yet as _not_yet
from . import functions as functions
from . import options as _options
from .agent import WorkerInfo
from .agent import agent as _agent
from .agent import start as _start
from .agent import stop as _stop
from .options import BackendType, TensorPipeRpcBackendOptions
from .reference import RRef, remote, rpc_async, rpc_sync
from .reference import forget as _forget

__all__ = [
    "BackendType", "RRef", "TensorPipeRpcBackendOptions", "WorkerInfo", "functions",
    "get_worker_info", "init_rpc", "is_available", "remote", "rpc_async", "rpc_sync", "shutdown",
]  # fmt: skip

PyRRef = RRef
RpcBackendOptions = TensorPipeRpcBackendOptions


def is_available() -> bool:
    """Whether remote calls can be made: always.

    >>> dist.rpc.is_available()
    True
    """
    return True


def init_rpc(
    name: str, backend: _Any = None, rank: int = -1, world_size: int | None = None,
    rpc_backend_options: TensorPipeRpcBackendOptions | None = None,
) -> None:  # fmt: skip
    """Join the processes of rpc; returns when all have come.

    Args:
        name: of this process, which no other has.
        backend: accepted.
        rank, world_size: where the environment (RANK, WORLD_SIZE) or a process group does not tell.
        rpc_backend_options: see TensorPipeRpcBackendOptions. MASTER_ADDR and MASTER_PORT are used
            if there is no process group.

    Raises:
        RuntimeError: it is called twice, or two processes have one name.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> rpc.rpc_sync("one", torch.add, args=(1, 2)), rpc.rpc_async("one", max, (1, 2)).wait()
    (tensor(3), 2)
    >>> rpc.remote("one", max, args=(1, 2)).to_here(), rpc.get_worker_info().name
    (2, 'one')
    >>> rpc.shutdown()
    """
    _start(name, rank, world_size, rpc_backend_options or TensorPipeRpcBackendOptions())


def shutdown(graceful: bool = True, timeout: float = 0) -> None:
    """Leave rpc. All processes call it; graceful: it returns when all of them have, and no call is
    under way anywhere.

    timeout: seconds to wait for the others; 0 for ever.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> rpc.rpc_sync("one", torch.add, args=(1, 2)), rpc.rpc_async("one", max, (1, 2)).wait()
    (tensor(3), 2)
    >>> rpc.remote("one", max, args=(1, 2)).to_here(), rpc.get_worker_info().name
    (2, 'one')
    >>> rpc.shutdown()
    """
    _stop(graceful, timeout)
    _forget()


def get_worker_info(worker_name: str | None = None) -> WorkerInfo:
    """Name and rank of a process, by default of this one.

    worker_name: None: this process.

    Raises RuntimeError before init_rpc.

    >>> rpc = torch.distributed.rpc
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> rpc.rpc_sync("one", torch.add, args=(1, 2)), rpc.rpc_async("one", max, (1, 2)).wait()
    (tensor(3), 2)
    >>> rpc.remote("one", max, args=(1, 2)).to_here(), rpc.get_worker_info().name
    (2, 'one')
    >>> rpc.shutdown()
    """
    return _agent().me if worker_name is None else _agent().worker(worker_name)


def _require_initialized(func: _Any) -> _Any:
    """Decorator: the function raises as rpc's own do where there are no remote calls yet."""

    @_wraps(func)
    def asking(*args: _Any, **kwargs: _Any) -> _Any:
        _agent()
        return func(*args, **kwargs)

    return asking


def __getattr__(name: str) -> _Any:
    if name == "api":
        import sys

        return sys.modules[__name__]
    if name == "options" or name == "constants":
        return _options
    raise _not_yet("torch.distributed.rpc", name)
