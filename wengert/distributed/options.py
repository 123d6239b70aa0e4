"""What PyTorch's scripts say about backends and single operations: which backend serves which
device, the options of a process group's methods. All of it runs on MPI here.
"""

from __future__ import annotations

import enum
import typing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..base.advice import advise
from ..base.devices import default_device
from .process_group import Backend
from .reduce_op import ReduceOp

__all__ = [
    "AllToAllOptions", "AllgatherOptions", "AllreduceCoalescedOptions", "AllreduceOptions",
    "BackendConfig", "BarrierOptions", "BroadcastOptions", "BuiltinCommHookType", "GatherOptions",
    "GroupName", "ReduceOptions", "ReduceScatterOptions", "ScatterOptions",
]  # fmt: skip

GroupName = typing.NewType("GroupName", str)
GroupName.__doc__ = """The name of a process group; returns the str that it is given.

>>> dist.GroupName("pairs")
'pairs'
"""
UNSET = timedelta(milliseconds=-1)  # the group's own timeout
SERVES = {
    "gloo": ("cpu", "cuda"), "nccl": ("cuda",), "xccl": ("xpu",), "ucc": ("cpu", "cuda"),
    "mpi": ("cpu", "cuda"),
}  # fmt: skip


class BuiltinCommHookType(enum.Enum):
    """The communication hooks that DDP has by itself.

    >>> dist.BuiltinCommHookType.FP16_COMPRESS.value
    2
    """

    ALLREDUCE = 1
    FP16_COMPRESS = 2


class BackendConfig:
    """Which backend serves which type of device, from a name such as 'gloo' or
    'cpu:gloo,cuda:nccl'.

    backend: the name.

    Raises ValueError where a pair is no device and backend, or a device is named twice.

    >>> dist.BackendConfig(dist.Backend("cpu:gloo,cuda:nccl")).get_device_backend_map()
    {'cpu': 'gloo', 'cuda': 'nccl'}
    """

    def __init__(self, backend: Backend) -> None:
        name = str(backend).lower()
        self.device_backend_map: dict[str, Backend] = {}
        if name == "undefined":
            kind = default_device().type
            self.device_backend_map[kind] = Backend(
                Backend.default_device_backend_map.get(kind, "gloo")
            )
        elif name in SERVES:
            self.device_backend_map = dict.fromkeys(SERVES[name], Backend(name))
        elif ":" in name:
            for pair in name.split(","):
                device, *chosen = pair.split(":")
                if len(chosen) != 1:
                    raise ValueError(
                        f"Invalid device:backend pairing: {pair}. Write pairs with commas between "
                        "them, such as 'cpu:gloo,cuda:nccl'"
                    )
                if device in self.device_backend_map:
                    raise ValueError(f"Duplicate device type {device} in backend string: {name}")
                self.device_backend_map[device] = Backend(chosen[0])
        else:
            advise(
                f"Device capability of {name} unknown, assuming `cpu` and `cuda`: write it as "
                "'device:backend'"
            )
            self.device_backend_map = dict.fromkeys(("cpu", "cuda", "xpu"), Backend(name))

    def __repr__(self) -> str:
        return ",".join([f"{d}:{b}" for d, b in self.device_backend_map.items()])

    def get_device_backend_map(self) -> dict[str, Backend]:
        """The backend of each type of device."""
        return self.device_backend_map


@dataclass
class AllgatherOptions:
    """Options of an all_gather: how long it may take, and whether the caller waits.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once.

    >>> dist.distributed_c10d.AllgatherOptions().asyncOp
    True
    """

    timeout: timedelta = UNSET
    asyncOp: bool = True


class AllToAllOptions(AllgatherOptions):
    """Options of an all_to_all.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once.

    >>> dist.distributed_c10d.AllToAllOptions().asyncOp
    True
    """


@dataclass
class AllreduceOptions(AllgatherOptions):
    """Options of an all_reduce, with the operation.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. reduceOp: a ReduceOp.

    >>> dist.distributed_c10d.AllreduceOptions().asyncOp
    True
    """

    reduceOp: Any = ReduceOp.SUM


class AllreduceCoalescedOptions(AllreduceOptions):
    """Options of an all_reduce of several tensors.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. reduceOp: a ReduceOp.

    >>> dist.distributed_c10d.AllreduceCoalescedOptions().asyncOp
    True
    """


class ReduceScatterOptions(AllreduceOptions):
    """Options of a reduce_scatter.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. reduceOp: a ReduceOp.

    >>> dist.distributed_c10d.ReduceScatterOptions().asyncOp
    True
    """


@dataclass
class GatherOptions(AllgatherOptions):
    """Options of a gather, with the rank that gathers.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. rootRank: the rank that has, or gets, the tensors.

    >>> dist.distributed_c10d.GatherOptions().asyncOp
    True
    """

    rootRank: int = 0


class ScatterOptions(GatherOptions):
    """Options of a scatter, with the rank that has the tensors.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. rootRank: the rank that has, or gets, the tensors.

    >>> dist.distributed_c10d.ScatterOptions().asyncOp
    True
    """


@dataclass
class BroadcastOptions(GatherOptions):
    """Options of a broadcast: the rank that has the tensor, and which of its tensors.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. rootRank: the rank that has, or gets, the tensors. rootTensor: which
    of its tensors.

    >>> dist.distributed_c10d.BroadcastOptions().asyncOp
    True
    """

    rootTensor: int = 0


@dataclass
class ReduceOptions(BroadcastOptions):
    """Options of a reduce: the rank that has the result, and the operation.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. rootRank: the rank that has, or gets, the tensors. rootTensor: which
    of its tensors. reduceOp: a ReduceOp.

    >>> dist.distributed_c10d.ReduceOptions().asyncOp
    True
    """

    reduceOp: Any = ReduceOp.SUM


@dataclass
class BarrierOptions(AllgatherOptions):
    """Options of a barrier; devices have no effect.

    timeout: how long to wait, a timedelta; -1 ms: as the group says. asyncOp: whether the
    caller goes on at once. device_ids: numbers of GPUs, without effect. device: without effect.

    >>> dist.distributed_c10d.BarrierOptions().asyncOp
    True
    """

    device_ids: list[int] = field(default_factory=list)
    device: Any = None
