"""Collectives and messages of Python objects, which are pickled.

Unpickling runs code that the sender chose: the ranks of a group trust each other.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from .collectives import _root
from .point_to_point import recv, send
from .process_group import ProcessGroup, outside, pick
from .work import Call

__all__ = [
    "all_gather_object", "broadcast_object_list", "gather_object", "recv_object_list",
    "scatter_object_list", "send_object_list",
]  # fmt: skip


def _pickled(x: Any) -> Any:
    return np.frombuffer(pickle.dumps(x), np.uint8)


def _gather(group: ProcessGroup, x: Any, what: str) -> list[Any]:
    """The objects of all ranks."""
    source = _pickled(x)
    sizes = np.zeros(group.n, np.int64)
    mine = np.array([source.size], np.int64)
    group.start(
        Call((what, "lengths")), lambda: group.comm.Iallgather(mine, sizes), None, None, False,
        (mine, sizes),
    )  # fmt: skip
    target = np.empty(int(sizes.sum()), np.uint8)
    group.start(
        Call((what, "bytes")), lambda: group.comm.Iallgatherv(source, [target, sizes]), None, None,
        False, (source, target),
    )  # fmt: skip
    return [pickle.loads(part.tobytes()) for part in np.split(target, np.cumsum(sizes)[:-1])]


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Fill a list with the objects of all ranks.

    object_list: objects that can be pickled. group: the processes that take part; None: all. obj:
    what this rank gives; it has to be pickled.

    Raises TypeError where object_list is of the wrong type; ValueError where object_list has
    another length.

    >>> found = [None]
    >>> dist.all_gather_object(found, {"rank": dist.get_rank()})
    >>> found
    [{'rank': 0}]
    """
    if outside(group, "all_gather_object"):
        return
    found = pick(group)
    if len(object_list) != found.n:
        raise ValueError(
            f"all_gather_object: object_list must have {found.n} places, one for each rank, not "
            f"{len(object_list)}"
        )
    object_list[:] = _gather(found, obj, "all_gather_object")


def gather_object(
    obj: Any, object_gather_list: list[Any] | None = None, dst: int | None = None,
    group: Any = None, group_dst: int | None = None,
) -> None:  # fmt: skip
    """Fill rank dst's list with the objects of all ranks.

    group: the processes that take part; None: all. group_dst: the receiver's rank within the group.
    obj: what this rank gives; it has to be pickled. object_gather_list: on rank dst, a list with a
    place for each rank.

    Raises TypeError where object_gather_list is of the wrong type or object_gather_list is empty;
    ValueError where dst is of the wrong type or dst is out of range; RuntimeError where dst is a
    tensor of several numbers.

    >>> found = [None]
    >>> dist.gather_object("text", found, dst=0)
    >>> found
    ['text']
    """
    if outside(group, "gather_object"):
        return
    found = pick(group)
    root = _root(found, 0 if dst is None and group_dst is None else dst, group_dst, "gather_object")
    if found.me == root and object_gather_list is None:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if found.me != root and object_gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    parts = _gather(found, obj, f"gather_object to {found.ranks[root]}")
    if object_gather_list is not None and found.me == root:
        object_gather_list[:] = parts


def _broadcast(found: ProcessGroup, x: Any, root: int, what: str) -> Any:
    """Rank root's object."""
    mine = found.me == root
    source = _pickled(x) if mine else None
    size = found.sent(f"{what}: length", np.array([source.size if mine else 0], np.int64), root)  # type: ignore[union-attr]
    buffer = source if mine else np.empty(int(size[0]), np.uint8)
    found.sent(f"{what}: bytes", buffer, root)
    return x if mine else pickle.loads(buffer.tobytes())  # type: ignore[union-attr]


def broadcast_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None,
    group_src: int | None = None,
) -> None:  # fmt: skip
    """Fill the list, on every rank, with the objects of rank src's.

    object_list: objects that can be pickled. group: the processes that take part; None: all.
    group_src: the sender's rank within the group. device: accepted: objects are sent from the CPU.

    Raises TypeError where object_list is of the wrong type or object_list is empty; ValueError
    where src is of the wrong type or src is out of range; RuntimeError where src is a tensor of
    several numbers.

    >>> found = ["text"]
    >>> dist.broadcast_object_list(found, src=0)
    >>> found
    ['text']
    """
    what = "broadcast_object_list"
    if outside(group, what):
        return
    found = pick(group)
    root = _root(found, 0 if src is None and group_src is None else src, group_src, what)
    received = _broadcast(found, list(object_list), root, what)
    if len(received) != len(object_list):
        raise ValueError(
            f"{what}: rank {found.ranks[root]} sends {len(received)} objects, and this rank's list "
            f"has {len(object_list)} places"
        )
    object_list[:] = received


def scatter_object_list(
    scatter_object_output_list: list[Any], scatter_object_input_list: list[Any] | None = None,
    src: int | None = None, group: Any = None, group_src: int | None = None,
) -> None:  # fmt: skip
    """Put the i-th object of rank src's list into the first place of rank i's.

    group: the processes that take part; None: all. group_src: the sender's rank within the group.
    scatter_object_output_list: a list of one place, which is filled. scatter_object_input_list: on
    rank src, an object for each rank.

    Raises TypeError where scatter_object_input_list is of the wrong type; ValueError where
    scatter_object_output_list or src is of the wrong type, scatter_object_output_list is empty,
    scatter_object_output_list is too short or scatter_object_input_list has another length;
    RuntimeError where src is a tensor of several numbers.

    >>> found = [None]
    >>> dist.scatter_object_list(found, ["text"], src=0)
    >>> found
    ['text']
    """
    what = "scatter_object_list"
    if outside(group, what):
        return
    found = pick(group)
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError(
            "Expected argument scatter_object_output_list to be a list of size at least 1."
        )
    root = _root(found, 0 if src is None and group_src is None else src, group_src, what)
    if found.me == root and len(scatter_object_input_list or ()) != found.n:
        raise ValueError(f"{what}: the source rank needs a list of {found.n} objects")
    every = _broadcast(found, scatter_object_input_list, root, what)
    scatter_object_output_list[0] = every[found.me]


def send_object_list(
    object_list: list[Any], dst: int | None = None, group: Any = None, device: Any = None,
    group_dst: int | None = None, use_batch: bool = False,
) -> None:  # fmt: skip
    """Send objects to rank dst, which calls recv_object_list.

    object_list: objects that can be pickled. group: the processes that take part; None: all.
    group_dst: the receiver's rank within the group. device: accepted: objects are sent from the
    CPU. use_batch: accepted.

    Raises TypeError where object_list is of the wrong type; RuntimeError where dst is a tensor of
    several numbers.

    >>> dist.send_object_list(["text"], dst=0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid destination rank: destination rank should not be the same ...
    """
    from ..engine.tensor import wrap

    source = _pickled(list(object_list))
    send(wrap(np.array([source.size], np.int64)), dst, group, 0, group_dst)
    send(wrap(source), dst, group, 0, group_dst)


def recv_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None,
    group_src: int | None = None, use_batch: bool = False,
) -> int:  # fmt: skip
    """Fill the list with the objects that rank src sends; returns its rank.

    object_list: objects that can be pickled. group: the processes that take part; None: all.
    group_src: the sender's rank within the group. device: accepted: objects are sent from the CPU.
    use_batch: accepted.

    Raises RuntimeError where src is a tensor of several numbers.

    >>> dist.recv_object_list([None], src=0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid source rank: source rank should not be the same as the rank ...
    """
    from ..engine.tensor import wrap

    size = np.zeros(1, np.int64)
    sender = recv(wrap(size), src, group, 0, group_src)
    buffer = np.empty(int(size[0]), np.uint8)
    recv(wrap(buffer), sender, group)
    object_list[:] = pickle.loads(buffer.tobytes())
    return sender
