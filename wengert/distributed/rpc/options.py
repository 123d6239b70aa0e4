"""Options of init_rpc."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from ...base.aliases import alias

__all__ = ["BackendType", "TensorPipeRpcBackendOptions"]

DEFAULT_RPC_TIMEOUT_SEC = 60.0
DEFAULT_NUM_WORKER_THREADS = 16
DEFAULT_INIT_METHOD = "env://"


class BackendType(Enum):
    """What carries remote calls: sockets, under PyTorch's name."""

    TENSORPIPE = "TENSORPIPE"


class TensorPipeRpcBackendOptions:
    """How remote calls are made.

    Args:
        num_worker_threads: that run what other processes ask for.
        rpc_timeout: seconds until a call without answer is an error; 0 for never.
        init_method: `env://` (MASTER_ADDR, MASTER_PORT) or `tcp://HOST:PORT`.
        device_maps, devices: refused: tensors are sent from the CPU.

    >>> options = dist.rpc.TensorPipeRpcBackendOptions(rpc_timeout=5.0)
    >>> options.rpc_timeout
    5.0
    >>> options.set_device_map("two", {0: 1})
    Traceback (most recent call last):
        ...
    ValueError: rpc sends CPU tensors: write .cpu() before a tensor is sent, and ...
    >>> options = dist.rpc.TensorPipeRpcBackendOptions()
    >>> options.set_devices("worker1", {"cpu": "cpu"})
    Traceback (most recent call last):
        ...
    ValueError: rpc sends CPU tensors: write .cpu() before a tensor is sent, and ...
    >>> dist.rpc.TensorPipeRpcBackendOptions().set_devices("worker1", {"cpu": "cpu"})
    Traceback (most recent call last):
        ...
    ValueError: rpc sends CPU tensors: write .cpu() before a tensor is sent, and ...
    """

    def __init__(
        self, *, num_worker_threads: int = DEFAULT_NUM_WORKER_THREADS,
        rpc_timeout: float = DEFAULT_RPC_TIMEOUT_SEC, init_method: str = DEFAULT_INIT_METHOD,
        device_maps: Any = None, devices: Sequence[Any] | None = None, _transports: Any = None,
        _channels: Any = None,
    ) -> None:  # fmt: skip
        if device_maps or devices:
            self.set_device_map("", {})
        self.num_worker_threads, self.rpc_timeout = int(num_worker_threads), float(rpc_timeout)
        self.init_method = init_method

    def set_device_map(self, to: str, device_map: Any) -> None:
        """Refused: tensors are sent from the CPU.

        to: the process, as name, rank or WorkerInfo. device_map: accepted.
        """
        raise ValueError(
            "rpc sends CPU tensors: write .cpu() before a tensor is sent, and .to(device) where it "
            "arrives, in place of device_maps"
        )

    set_devices = alias(set_device_map, "set_devices")
