"""Messages from one rank to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.tensor import Tensor
from .buffers import changed, check_tensor, readable, writable
from .collectives import _root
from .process_group import ProcessGroup, outside, pick
from .work import Work

__all__ = ["P2POp", "batch_isend_irecv", "irecv", "isend", "recv", "send"]


class _Message:
    """A request that remembers who sent it."""

    def __init__(self, group: ProcessGroup, request: Any) -> None:
        self.request, self.status = request, group.MPI.Status()

    def Test(self) -> bool:
        return bool(self.request.Test(self.status))


def _other(found: ProcessGroup, rank: int | None, group_rank: int | None, what: str) -> int:
    root = _root(found, rank, group_rank, what)
    if root == found.me:
        kind = "destination" if what.endswith("send") else "source"
        raise ValueError(
            f"Invalid {kind} rank: {kind} rank should not be the same as the rank of the current "
            "process."
        )
    return root


def isend(
    tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0,
    group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """Start to send a tensor to rank dst; it must not be changed before the Work is complete.

    group: the processes that take part; None: all. group_dst: the receiver's rank within the group.
    tag: a number by which messages are told apart.

    tensor has any shape, the same on all ranks. Raises TypeError where tensor is no tensor;
    RuntimeError where dst is a tensor of several numbers.

    >>> dist.isend(torch.ones(2), dst=0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid destination rank: destination rank should not be the same ...
    """
    if outside(group, "isend"):
        return None
    check_tensor(tensor, "tensor", "isend")
    found = pick(group)
    to = _other(found, dst, group_dst, "isend")
    a = readable(tensor, "isend")
    request = found.comm.Isend(a, to, tag)
    return Work(found, request, None, tensor, f"send to rank {found.ranks[to]}", kept=a)


def irecv(
    tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0,
    group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Start to receive a tensor from rank src, of any if it is not given.

    group: the processes that take part; None: all. group_src: the sender's rank within the group.
    tag: a number by which messages are told apart.

    tensor has any shape, the same on all ranks. Raises TypeError where tensor is no tensor;
    RuntimeError where src is a tensor of several numbers.

    >>> dist.irecv(torch.zeros(2), src=0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid source rank: source rank should not be the same as the rank ...
    """
    if outside(group, "irecv"):
        return None
    check_tensor(tensor, "tensor", "irecv")
    found = pick(group)
    a, back = writable(tensor, "irecv")
    if src is None and group_src is None:
        if found.MPI is None:
            raise ValueError("irecv: a world of one process has nobody to receive from")
        source, whom = found.MPI.ANY_SOURCE, "any rank"
    else:
        source = _other(found, src, group_src, "irecv")
        whom = f"rank {found.ranks[source]}"
    message = _Message(found, found.comm.Irecv(a, source, tag))

    def finish() -> None:
        if back is not None:
            back()
        changed((tensor,))

    return Work(found, message, finish, tensor, f"receive from {whom}", kept=a)


def send(
    tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0,
    group_dst: int | None = None,
) -> None:  # fmt: skip
    """Send a tensor to rank dst.

    group: the processes that take part; None: all. group_dst: the receiver's rank within the group.
    tag: a number by which messages are told apart.

    tensor has any shape, the same on all ranks. Raises TypeError where tensor is no tensor;
    RuntimeError where dst is a tensor of several numbers.

    >>> dist.send(torch.ones(2), dst=0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid destination rank: destination rank should not be the same ...
    """
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0,
    group_src: int | None = None,
) -> int:  # fmt: skip
    """Receive a tensor from rank src, of any if it is not given; returns the sender's rank.

    group: the processes that take part; None: all. group_src: the sender's rank within the group.
    tag: a number by which messages are told apart.

    tensor has any shape, the same on all ranks. Raises TypeError where tensor is no tensor;
    RuntimeError where src is a tensor of several numbers.

    >>> dist.recv(torch.zeros(2), src=0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid source rank: source rank should not be the same as the rank ...
    """
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    return work.group.ranks[work.request.status.source]


class P2POp:
    """A message for batch_isend_irecv: op is isend or irecv, peer the other rank.

    group: the processes that take part; None: all. tensor: the values of this rank. tag: a number
    by which messages are told apart. group_peer: the other rank within the group.

    tensor has any shape, the same on all ranks. Raises TypeError where tensor is no tensor;
    ValueError where op cannot be called.

    >>> message = P2POp(dist.isend, torch.ones(2), 0)
    >>> message.peer
    0
    """

    def __init__(
        self, op: Callable[..., Work | None], tensor: Tensor, peer: int | None = None,
        group: Any = None, tag: int = 0, group_peer: int | None = None,
    ) -> None:  # fmt: skip
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        check_tensor(tensor, "tensor", "P2POp")
        self.op, self.tensor, self.peer, self.group, self.tag = op, tensor, peer, group, tag
        self.group_peer = group_peer


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> list[Work]:
    """Start several messages; returns their Works.

    p2p_op_list: P2POps.

    Raises TypeError where p2p_op_list is of the wrong type.

    >>> dist.batch_isend_irecv([dist.P2POp(dist.isend, torch.ones(2), 0)])
    Traceback (most recent call last):
        ...
    ValueError: Invalid destination rank: destination rank should not be the same ...
    """
    if not p2p_op_list or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError("batch_isend_irecv: p2p_op_list must be a list of P2POp, and not empty")
    works = [p.op(p.tensor, p.peer, p.group, p.tag, p.group_peer) for p in p2p_op_list]
    return [w for w in works if w is not None]
