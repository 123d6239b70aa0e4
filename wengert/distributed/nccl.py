"""Collectives of tensors on GPUs by NCCL, through CuPy's binding; MPI brings the ranks together.

A group gets a communicator at its first such collective, if NCCL is there and each rank has a GPU
of its own; else, and for what NCCL does not know, tensors travel through the CPU. Before NCCL is
called, which can only wait, all ranks meet at a barrier of MPI's: so deadlines, missing ranks and
calls that do not fit are told as for the CPU's tensors, and all ranks call NCCL in the same order.
Not here: which collectives there are, and checks of arguments (`collectives.py`).
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import cuda
from ..engine.tensor import Tensor, wrap
from .buffers import changed
from .errors import DistBackendError
from .process_group import ProcessGroup
from .reduce_op import RedOpType
from .work import Call, Steps, Work

__all__ = ["Transport", "transport"]

PLACE, NAME = 32, 128  # bytes that tell a GPU from others, and NCCL's name of a communicator
# NCCL's numbers
TYPES = {
    "int8": 0, "uint8": 1, "int32": 2, "uint32": 3, "int64": 4, "uint64": 5, "float16": 6,
    "float32": 7, "float64": 8, "bfloat16": 9,
}  # fmt: skip
OPERATIONS = {
    RedOpType.SUM: 0, RedOpType.PRODUCT: 1, RedOpType.MAX: 2, RedOpType.MIN: 3, RedOpType.AVG: 4,
}  # fmt: skip


def transport(group: ProcessGroup, t: Tensor, op: Any = None) -> Transport | None:
    """What carries a tensor of a GPU in a group; None: it goes through the CPU. All ranks have to
    ask at the same time. op: of a reduction.
    """
    usual = t.device.type == "cuda" and type(t._a) is cuda.library().ndarray
    if group.n == 1 or not usual or str(t._a.dtype) not in TYPES:
        return None
    if op is not None and (op not in OPERATIONS or op is RedOpType.AVG and not t.dtype.is_inexact):
        return None
    index = int(t.get_device())
    if index not in group.transports:
        group.transports[index] = _made(group, index)
    found: Transport | None = group.transports[index]
    return found


def _made(group: ProcessGroup, index: int) -> Transport | None:
    """A communicator of the ranks' GPUs, or None if one of them cannot have it."""
    nccl = cuda.nccl()
    mine, every = np.zeros(PLACE + NAME, np.int8), np.zeros((group.n, PLACE + NAME), np.int8)
    if nccl is not None:
        facts = cuda.library().cuda.runtime.getDeviceProperties(index)
        place = f"{socket.gethostname()} {facts.get('uuid', index)}"
        mine[:PLACE] = np.frombuffer(hashlib.sha256(place.encode()).digest(), np.int8)
        if group.me == 0:
            mine[PLACE:] = nccl.get_unique_id()
    post = lambda: group.comm.Iallgather(mine, every)
    group.start(Call(("NCCL", "places")), post, None, None, False, (mine, every))
    places = {row[:PLACE].tobytes() for row in every}
    if nccl is None or bytes(PLACE) in places or len(places) < group.n:
        return None
    name = tuple(every[0, PLACE:].tolist())
    try:
        with cuda.library().cuda.Device(index):
            communicator = nccl.NcclCommunicator(group.n, name, group.me)
    except Exception as e:
        raise DistBackendError(
            f"rank {group.global_rank}: NCCL on cuda:{index} does not start: {e}"
        ) from e
    return Transport(group, communicator, index)


class Transport:
    """One communicator of NCCL's: of the ranks of a group, each with one GPU."""

    def __init__(self, group: ProcessGroup, communicator: Any, index: int) -> None:
        self.group, self.communicator, self.index = group, communicator, index

    def _contiguous(self, t: Tensor) -> Any:
        """The array of a tensor, or a copy in the order of its elements."""
        a = t._a
        return a if a.flags.c_contiguous else t.detach().contiguous()._a

    def _run(
        self, call: Call, post: Callable[[Any, int], None], out: Tensor, array: Any,
        async_op: bool, kept: Any,
    ) -> Work | None:  # fmt: skip
        """Meet, and call NCCL on the current stream: post(communicator, stream); results come to
        array, which is out's own or is copied there.
        """
        group, library = self.group, cuda.library()
        number, expected = group.announce(call)

        def finish() -> None:
            if array is not out._a:
                out.detach().copy_(wrap(array))
            changed((out,))

        work = Work(group, None, finish, out, call, number, expected, kept)

        def steps() -> Iterator[Any]:
            yield group.steps_comm.Ibarrier()
            work._check()
            with library.cuda.Device(self.index):
                post(self.communicator, library.cuda.get_current_stream().ptr)

        work.request = Steps(group, steps())
        if async_op:
            return work
        work.wait()
        return None

    def all_reduce(self, t: Tensor, op: RedOpType, async_op: bool) -> Work | None:
        """The sum (or op) of all ranks' tensors, in place."""
        a = self._contiguous(t)
        at, kind, number = a.data.ptr, TYPES[str(a.dtype)], OPERATIONS[op]
        call = Call(("all_reduce", a.dtype, tuple(a.shape), op._name_, "NCCL"))
        post = lambda c, stream: c.allReduce(at, at, a.size, kind, number, stream)
        return self._run(call, post, t, a, async_op, a)

    def reduce(self, t: Tensor, root: int, op: RedOpType, async_op: bool) -> Work | None:
        """The same for one rank."""
        a = self._contiguous(t)
        at, kind, number = a.data.ptr, TYPES[str(a.dtype)], OPERATIONS[op]
        call = Call(("reduce", a.dtype, tuple(a.shape), op._name_, f"dst={root}", "NCCL"))
        post = lambda c, stream: c.reduce(at, at, a.size, kind, number, root, stream)
        return self._run(call, post, t, a, async_op, a)

    def broadcast(self, t: Tensor, root: int, async_op: bool) -> Work | None:
        """The values of one rank for all."""
        a = self._contiguous(t)
        at, kind = a.data.ptr, TYPES[str(a.dtype)]
        call = Call(("broadcast", a.dtype, tuple(a.shape), f"src={root}", "NCCL"))
        post = lambda c, stream: c.broadcast(at, at, a.size, kind, root, stream)
        return self._run(call, post, t, a, async_op, a)

    def all_gather(self, out: Tensor, t: Tensor, async_op: bool) -> Work | None:
        """The tensors of all ranks, one after the other."""
        a, b = self._contiguous(t), self._contiguous(out)
        source, target, kind = a.data.ptr, b.data.ptr, TYPES[str(a.dtype)]
        call = Call(("all_gather_into_tensor", a.dtype, tuple(a.shape), "NCCL"))
        post = lambda c, stream: c.allGather(source, target, a.size, kind, stream)
        return self._run(call, post, out, b, async_op, (a, b))

    def reduce_scatter(self, out: Tensor, t: Tensor, op: RedOpType, async_op: bool) -> Work | None:
        """This rank's part of the sum (or op) of all ranks' tensors."""
        a, b = self._contiguous(t), self._contiguous(out)
        source, target, kind, number = a.data.ptr, b.data.ptr, TYPES[str(a.dtype)], OPERATIONS[op]
        call = Call(("reduce_scatter", b.dtype, tuple(b.shape), op._name_, "NCCL"))
        post = lambda c, stream: c.reduceScatter(source, target, b.size, kind, number, stream)
        return self._run(call, post, out, b, async_op, (a, b))
