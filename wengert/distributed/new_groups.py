"""New process groups of some of the ranks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from .process_group import (
    GroupMember,
    ProcessGroup,
    _backend_name,
    _World,
    pick,
    world,
)
from .work import Call

__all__ = [
    "new_group",
    "new_subgroups",
    "new_subgroups_by_enumeration",
    "shrink_group",
    "split_group",
]


def new_group(
    ranks: Iterable[int] | None = None, timeout: timedelta | None = None,
    backend: str | None = None, pg_options: Any = None, use_local_synchronization: bool = False,
    group_desc: str | None = None, device_id: Any = None, sort_ranks: bool = True,
) -> Any:  # fmt: skip
    """A group of some of the world's processes. Every process of the world must call this, with
    the same ranks and in the same order, also those outside.

    Returns the group, or GroupMember.NON_GROUP_MEMBER outside of it. ValueError for ranks that are
    not in the world, or named twice.

    timeout: how long to wait, a timedelta; None: the default. pg_options: accepted, without effect.
    group_desc: a remark. backend: accepted: 'gloo', 'nccl' or 'mpi', which all run on MPI.
    use_local_synchronization: only the members call this. device_id: accepted. sort_ranks: in the
    order of the world.

    Raises TypeError where ranks is of the wrong type.

    >>> group = dist.new_group([0])
    >>> group.size()
    1
    """
    base = world()
    chosen = list(range(base.n)) if ranks is None else [int(r) for r in ranks]
    chosen = sorted(chosen) if sort_ranks else chosen
    if len(chosen) > base.n:
        raise ValueError("the new group's world size should be less or equal to the world size")
    if len(set(chosen)) != len(chosen) or any(not 0 <= r < base.n for r in chosen):
        raise ValueError(
            f"new_group: ranks {chosen} must be different and within 0 to {base.n - 1}"
        )
    name = base.backend if backend is None else _backend_name(backend)
    base.barrier_before(Call(("new_group", f"ranks={chosen}")))
    inside = base.global_rank in chosen
    undefined = -1 if base.MPI is None else base.MPI.UNDEFINED
    comm = base.comm.Split(
        0 if inside else undefined, chosen.index(base.global_rank) if inside else 0
    )
    _World.made += 1
    if not inside:
        return GroupMember.NON_GROUP_MEMBER
    limit = base.timeout if timeout is None else timeout
    made = ProcessGroup(
        base.MPI, comm, chosen, limit, str(_World.made), name, group_desc or "undefined"
    )
    _World.groups[made.group_name] = made
    return made


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: Sequence[Sequence[int]], timeout: timedelta | None = None,
    backend: str | None = None, pg_options: Any = None, group_desc: str | None = None,
) -> tuple[Any, list[Any]]:  # fmt: skip
    """Groups of the given ranks: (the one that this process is in, all of them).

    timeout: how long to wait, a timedelta; None: the default. pg_options: accepted, without effect.
    group_desc: a remark. ranks_per_subgroup_list: the ranks of each group. backend: accepted:
    'gloo', 'nccl' or 'mpi', which all run on MPI.

    Raises TypeError where ranks_per_subgroup_list is of the wrong type; ValueError where
    ranks_per_subgroup_list has another length.

    >>> mine, groups = dist.new_subgroups_by_enumeration([[0]])
    >>> mine.size()
    1
    """
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    flat = [r for ranks in ranks_per_subgroup_list for r in ranks]
    if len(set(flat)) != len(flat):
        raise ValueError("rank has appeared in two subgroups")
    every = [
        new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        for ranks in ranks_per_subgroup_list
    ]
    mine = [g for g in every if g is not GroupMember.NON_GROUP_MEMBER]
    return (mine[0] if mine else None), every


def new_subgroups(
    group_size: int | None = None, group: Any = None, timeout: timedelta | None = None,
    backend: str | None = None, pg_options: Any = None, group_desc: str | None = None,
) -> tuple[Any, list[Any]]:  # fmt: skip
    """Groups of group_size neighbours each, of a host's processes if it is not given.

    timeout: how long to wait, a timedelta; None: the default. pg_options: accepted, without effect.
    group_desc: a remark. group: the ranks that take part; None: all. backend: accepted: 'gloo',
    'nccl' or 'mpi', which all run on MPI.

    Raises TypeError where group_size is of the wrong type; ValueError where group_size is out of
    range; RuntimeError where group_size is a tensor of several numbers.

    >>> mine, groups = dist.new_subgroups(group_size=1)
    >>> len(groups)
    1
    """
    n = world().n
    size = int(os.environ.get("LOCAL_WORLD_SIZE", n)) if group_size is None else group_size
    if size <= 0 or size > n:
        raise ValueError(f"The arg 'group_size' ({size}) must be between 1 and {n}")
    if n % size:
        raise ValueError(f"The world size ({n}) must be divisible by 'group_size={size}'")
    parts = [list(range(i, i + size)) for i in range(0, n, size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def split_group(
    parent_pg: Any = None, split_ranks: Sequence[Sequence[int]] | None = None,
    timeout: timedelta | None = None, pg_options: Any = None, group_desc: str | None = None,
    backend: Any = None,
) -> Any:  # fmt: skip
    """The new group, of those in split_ranks, that this process is in; None if in none of them.

    parent_pg: the world.

    timeout: how long to wait, a timedelta; None: the default. pg_options: accepted, without effect.
    group_desc: a remark. backend: accepted: 'gloo', 'nccl' or 'mpi', which all run on MPI.

    Raises TypeError where split_ranks is of the wrong type; ValueError where split_ranks has
    another length.

    >>> dist.split_group(split_ranks=[[0]]).size()
    1
    """
    if not split_ranks:
        raise ValueError("split_ranks cannot be None or empty")
    if parent_pg is not None and pick(parent_pg) is not world():
        raise ValueError("split_group: the parent must be the world: name the ranks of the world")
    return new_subgroups_by_enumeration(split_ranks, timeout, backend, pg_options, group_desc)[0]


def shrink_group(
    ranks_to_exclude: list[int], group: Any = None, shrink_flags: int = 0, pg_options: Any = None
) -> Any:
    """A group without some of its ranks, such as those that have failed. The others call it, and
    they alone. Where group is the world, the new one is the world, with ranks from 0 on, and all
    other groups are gone.

    ranks_to_exclude: ranks within group. group: the ranks that take part; None: all.
    shrink_flags: 0, or 1: do not wait for what is under way, which has no effect here.
    pg_options: accepted, without effect.

    Raises TypeError where ranks_to_exclude is of the wrong type; ValueError where it is empty,
    names a rank twice, one that is not there, or all; RuntimeError on a rank that is excluded.

    >>> dist.shrink_group([1])
    Traceback (most recent call last):
    ValueError: shrink_group: rank 1 is not within 0 to 0
    """
    if not isinstance(ranks_to_exclude, list):
        raise TypeError(
            f"ranks_to_exclude must be a list, but got {type(ranks_to_exclude).__name__}"
        )
    base = pick(group)
    left = [r for r in range(base.n) if r not in ranks_to_exclude]
    if not ranks_to_exclude or len(set(ranks_to_exclude)) != len(ranks_to_exclude):
        raise ValueError("ranks_to_exclude must name ranks, each once")
    for r in ranks_to_exclude:
        if not 0 <= r < base.n:
            raise ValueError(f"shrink_group: rank {r} is not within 0 to {base.n - 1}")
    if not left:
        raise ValueError("shrink_group: no rank would be left")
    if base.me not in left:
        raise RuntimeError(f"shrink_group: rank {base.me} is excluded, and must not call this")
    comm = base.comm.Create_group(base.comm.Get_group().Incl(left))
    _World.made += 1
    whole = base is world()
    made = ProcessGroup(
        base.MPI, comm, [*range(len(left))] if whole else [base.ranks[r] for r in left],
        base.timeout, base.group_name if whole else str(_World.made), base.backend,
        base.group_desc,
    )  # fmt: skip
    if whole:
        _World.kept.extend([base, *_World.groups.values()])
        _World.groups.clear()
        _World.default = made
    else:
        _World.kept.append(_World.groups.pop(base.group_name))
        _World.groups[made.group_name] = made
    return made
