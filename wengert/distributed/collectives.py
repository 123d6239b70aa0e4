"""Collectives on tensors: what all ranks of a group call together.

Each is posted without blocking and then waited for (`work.py`); with async_op its Work is returned.
Those of Python objects are in `objects.py`, messages between two ranks in `point_to_point.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..api import functions as T
from ..base.aliases import alias
from ..engine.tensor import Tensor
from .buffers import average, changed, check_tensor, readable, reducible, spread, writable
from .process_group import GroupMember, ProcessGroup, outside, pick, world
from .reduce_op import RedOpType, as_op
from .shared_memory import Stage, stage
from .work import Call, Steps, Work

__all__ = [
    "all_gather", "all_gather_into_tensor", "all_gather_single", "all_reduce", "all_to_all",
    "all_to_all_single", "barrier", "broadcast", "gather", "monitored_barrier", "reduce",
    "reduce_scatter", "reduce_scatter_single", "reduce_scatter_tensor", "scatter",
]  # fmt: skip

SUM, AVG = RedOpType.SUM, RedOpType.AVG
PIECE = 1 << 20  # bytes: a large all-reduce goes in pieces of this size, one after the other
STAGED = 1 << 14  # bytes: from here on ranks of one host add in memory that they share
FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}
UFUNCS = {SUM: np.add, AVG: np.add, RedOpType.PRODUCT: np.multiply}  # as MPI does them


def _pieces(group: ProcessGroup, array: Any, op: Any) -> Iterator[Any]:
    """A large all-reduce: twice as fast in pieces that stay in the cache."""
    flat, step = array.reshape(-1), PIECE // array.itemsize
    for at in range(0, flat.size, step):
        yield group.steps_comm.Iallreduce(group.in_place, flat[at : at + step], op)


def _large(work: Work, group: ProcessGroup, array: Any, op: Any, shared: Stage | None) -> Steps:
    """The request of a large all-reduce: through shared memory, or in pieces."""
    ufunc = UFUNCS.get(op)
    if shared is None or ufunc is None:
        return Steps(group, _pieces(group, array, group.operation(op)))
    return Steps(group, shared.reduce(group, array, ufunc, work._check))


def on_gpu(group: ProcessGroup, t: Tensor, op: Any = None) -> Any:
    """What carries a tensor of a GPU, if that is not the CPU."""
    if type(t._a) is np.ndarray:
        return None
    from .nccl import transport

    return transport(group, t, op)


def _root(group: ProcessGroup, rank: int | None, group_rank: int | None, what: str) -> int:
    """The rank in the group of the one that sends or receives."""
    if rank is not None and group_rank is not None:
        raise ValueError(f"{what}: give the rank in the world or in the group, not both")
    if group_rank is not None:
        if not 0 <= group_rank < group.n:
            raise ValueError(f"{what}: group rank {group_rank} is not in 0 to {group.n - 1}")
        return group_rank
    if rank is None:
        raise ValueError(f"{what}: must specify the rank, in the world or in the group")
    if rank not in group.ranks:
        raise ValueError(f"{what}: rank {rank} is not in the group, whose ranks are {group.ranks}")
    return group.ranks.index(rank)


def _finish(
    group: ProcessGroup, array: Any, back: Callable[[], None] | None, t: Tensor, op: Any = None
) -> Callable[[], None]:
    def finish() -> None:
        if op is AVG:
            average(array, group.n)
        if back is not None:
            back()
        changed((t,))

    return finish


def _check_list(tensors: Any, name: str, what: str, n: int, like: Tensor) -> None:
    if not isinstance(tensors, (list, tuple)) or len(tensors) != n:
        have = len(tensors) if isinstance(tensors, (list, tuple)) else type(tensors).__name__
        raise ValueError(f"{what}: {name} must be a list of {n} tensors, one for each rank: {have}")
    for t in tensors:
        check_tensor(t, name, what)
        if t.dtype != like.dtype:
            raise ValueError(
                f"{what}: Invalid usage of tensors with different dtypes: {t.dtype} in {name}, and "
                f"{like.dtype}"
            )


def all_reduce(
    tensor: Tensor, op: Any = SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Replace a tensor, on every rank, by the sum (or another op) of those of all ranks.

    Args:
        tensor: of the same shape and dtype on every rank; changed in place.
        op: SUM, AVG, PRODUCT, MIN, MAX, and for integers BAND, BOR, BXOR.
        async_op: return a Work to wait for.

    Raises:
        DistBackendError: ranks call different things, or one does not come before the deadline.

    group: the processes that take part; None: all. Raises TypeError where tensor is no tensor.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> x = torch.ones(2)
    >>> dist.all_reduce(x)
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    found = world() if group is None else group
    if type(found) is not ProcessGroup:
        if outside(group, "all_reduce"):
            return None
        found = pick(group)
    if not isinstance(tensor, Tensor):
        check_tensor(tensor, "tensor", "all_reduce")
    if type(op) is not RedOpType:
        op = as_op(op)
    a = tensor._a
    back = None
    if not (
        type(a) is np.ndarray and a.dtype in FLOATS and a.flags.carray and op is not AVG
        and (a.ndim == 0 or 0 not in a.strides)
    ):  # fmt: skip
        if (gpu := on_gpu(found, tensor, op)) is not None:
            done: Work | None = gpu.all_reduce(tensor, op, async_op)
            return done
        a, back = reducible(tensor, op, "all_reduce", True)
    call = Call(("all_reduce", a.dtype, a.shape, op._name_))
    large = found.n > 1 and a.nbytes >= (PIECE if found.board is None else STAGED)
    shared = stage(found, str(call)) if large else None
    number, expected = found.announce(call)
    finish = _finish(found, a, back, tensor, op)
    work = Work(found, None, finish, tensor, call, number, expected, a)
    try:
        if large:
            work.request = _large(work, found, a, op, shared)
        else:
            work.request = found.comm.Iallreduce(found.in_place, a, found.operation(op))
    except found.mpi_error as e:
        raise work._fail(f"failed: {e}", e) from e
    if async_op:
        return work
    work.wait()
    return None


def reduce(
    tensor: Tensor, dst: int | None = None, op: Any = SUM, group: Any = None,
    async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """As all_reduce, but only rank dst gets the result.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    group_dst: the receiver's rank within the group. tensor: the values of this rank. op: a
    ReduceOp: SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR. tensor has any shape, the same on all
    ranks. Raises TypeError where tensor is no tensor; ValueError where dst is of the wrong type or
    dst is out of range; RuntimeError where dst is a tensor of several numbers.

    >>> x = torch.ones(2)
    >>> dist.reduce(x, dst=0)
    >>> x
    tensor([1., 1.])
    """
    if outside(group, "reduce"):
        return None
    found, op = pick(group), as_op(op)
    check_tensor(tensor, "tensor", "reduce")
    root = _root(found, dst, group_dst, "reduce")
    if (gpu := on_gpu(found, tensor, op)) is not None:
        done: Work | None = gpu.reduce(tensor, root, op, async_op)
        return done
    mine = found.me == root
    a, back = reducible(tensor, op, "reduce", mine)
    buffers = (found.in_place, a) if mine else (a, None)
    finish = _finish(found, a, back, tensor, op) if mine else None
    call = Call(("reduce", a.dtype, a.shape, op.name, f"dst={found.ranks[root]}"))
    mpi_op = found.operation(op)
    return found.start(
        call, lambda: found.comm.Ireduce(*buffers, mpi_op, root), finish, tensor, async_op, a
    )


def broadcast(
    tensor: Tensor, src: int | None = None, group: Any = None, async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Give every rank the values of rank src's tensor, in place.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    group_src: the sender's rank within the group. tensor has any shape, the same on all ranks.
    Raises TypeError where tensor is no tensor; ValueError where src is of the wrong type or src is
    out of range; RuntimeError where src is a tensor of several numbers.

    >>> x = torch.ones(2)
    >>> dist.broadcast(x, src=0)
    >>> x
    tensor([1., 1.])
    """
    if outside(group, "broadcast"):
        return None
    found = pick(group)
    check_tensor(tensor, "tensor", "broadcast")
    root = _root(found, src, group_src, "broadcast")
    if (gpu := on_gpu(found, tensor)) is not None:
        done: Work | None = gpu.broadcast(tensor, root, async_op)
        return done
    call_dtype = str(tensor.dtype).removeprefix("torch.")
    if found.me == root:
        a, finish = readable(tensor, "broadcast"), None
    else:
        a, back = writable(tensor, "broadcast")
        finish = _finish(found, a, back, tensor)
    call = Call(("broadcast", call_dtype, a.shape, f"src={found.ranks[root]}"))
    return found.start(call, lambda: found.comm.Ibcast(a, root), finish, tensor, async_op, a)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Join the tensors of all ranks, one after the other, in a tensor of n times the size.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    output_tensor: (ranks * n, ...), to write into. input_tensor: the values of this rank, (n, ...).
    Raises TypeError where one is no tensor, ValueError where shapes or dtypes do not fit.

    >>> whole = torch.zeros(dist.get_world_size() * 2)
    >>> dist.all_gather_into_tensor(whole, torch.ones(2))
    >>> whole
    tensor([1., 1.])
    """
    what = "all_gather_into_tensor"
    if outside(group, what):
        return None
    found = pick(group)
    check_tensor(output_tensor, "output_tensor", what)
    check_tensor(input_tensor, "input_tensor", what)
    _check_pair(what, output_tensor, input_tensor, found.n)
    if (gpu := on_gpu(found, input_tensor)) is not None:
        done: Work | None = gpu.all_gather(output_tensor, input_tensor, async_op)
        return done
    source = readable(input_tensor, what)
    target, back = writable(output_tensor, what)
    given = found.in_place if found.n > 1 and np.may_share_memory(source, target) else source
    if given is not source:
        part = target.reshape(found.n, -1)[found.me]
        if part.ctypes.data != source.ctypes.data:  # lies elsewhere in the output
            given = source = source.copy()
    return found.start(
        Call((what, str(input_tensor.dtype)[6:], source.shape)),
        lambda: found.comm.Iallgather(given, target),
        _finish(found, target, back, output_tensor), output_tensor, async_op, (source, target),
    )  # fmt: skip


def _check_pair(what: str, large: Tensor, small: Tensor, n: int) -> None:
    if large.dtype != small.dtype:
        raise ValueError(f"{what}: the dtypes differ: {large.dtype} and {small.dtype}")
    if large.numel() != small.numel() * n:
        raise ValueError(
            f"{what}: tensors of shapes {tuple(large.shape)} and {tuple(small.shape)} do not fit "
            f"the world size: one must have {n} times the elements of the other"
        )


def all_gather(
    tensor_list: Sequence[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Fill a list with the tensors of all ranks, of any shapes, which may differ as the list's do.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    tensor_list: a tensor for each rank, to write into. tensor: the values of this rank. TypeError
    where one is no tensor, ValueError where numbers, shapes or dtypes do not fit.

    >>> parts = [torch.zeros(2)]
    >>> dist.all_gather(parts, torch.ones(2))
    >>> parts
    [tensor([1., 1.])]
    """
    if outside(group, "all_gather"):
        return None
    found = pick(group)
    check_tensor(tensor, "tensor", "all_gather")
    _check_list(tensor_list, "tensor_list", "all_gather", found.n, tensor)
    source = readable(tensor, "all_gather")
    for t in tensor_list:
        writable(t, "all_gather")
    if tensor_list[found.me].numel() != source.size:
        raise ValueError(
            f"all_gather: tensor_list[{found.me}] has shape {tuple(tensor_list[found.me].shape)}, "
            f"and this rank's tensor {tuple(tensor.shape)}"
        )
    sizes = [t.numel() for t in tensor_list]
    target = np.empty(sum(sizes), source.dtype)
    rows = np.split(target, np.cumsum(sizes)[:-1])
    call = Call(("all_gather", str(tensor.dtype)[6:], tuple(sizes)))
    return found.start(
        call, lambda: found.comm.Iallgatherv(source, [target, sizes]),
        lambda: spread(tensor_list, rows), tensor_list, async_op, (source, target),
    )  # fmt: skip


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: Any = SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Sum the tensors of all ranks, and give each rank its part of the sum.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    output: to write into. input: the values of this rank. op: a ReduceOp: SUM, AVG, PRODUCT, MIN,
    MAX, BAND, BOR, BXOR. TypeError where one is no tensor, ValueError where shapes or dtypes do not
    fit. output is of shape (n, *), input of shape (ranks * n, *).

    >>> x = torch.zeros(2)
    >>> dist.reduce_scatter_tensor(x, torch.ones(2))
    >>> x
    tensor([1., 1.])
    """
    what = "reduce_scatter_tensor"
    if outside(group, what):
        return None
    found, op = pick(group), as_op(op)
    check_tensor(output, "output", what)
    check_tensor(input, "input", what)
    _check_pair(what, input, output, found.n)
    if (gpu := on_gpu(found, input, op)) is not None:
        done: Work | None = gpu.reduce_scatter(output, input, op, async_op)
        return done
    source, _ = reducible(input, op, what, False)
    target, back = reducible(output, op, what, True)
    if np.may_share_memory(source, target):
        source = source.copy()
    mpi_op = found.operation(op)
    return found.start(
        Call(("reduce_scatter", target.dtype, target.shape, op.name)),
        lambda: found.comm.Ireduce_scatter_block(source, target, mpi_op),
        _finish(found, target, back, output, op), output, async_op, (source, target),
    )  # fmt: skip


def reduce_scatter(
    output: Tensor, input_list: Sequence[Tensor], op: Any = SUM, group: Any = None,
    async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Sum each tensor of a list over the ranks, and give rank i the sum of the i-th ones.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    output: to write into. input_list: a tensor for each rank. op: a ReduceOp: SUM, AVG, PRODUCT,
    MIN, MAX, BAND, BOR, BXOR. Each has any shape, the same on all ranks. Raises TypeError where one
    is no tensor, ValueError where numbers, shapes or dtypes do not fit.

    >>> x = torch.zeros(2)
    >>> dist.reduce_scatter(x, [torch.ones(2)])
    >>> x
    tensor([1., 1.])
    """
    if outside(group, "reduce_scatter"):
        return None
    found = pick(group)
    check_tensor(output, "output", "reduce_scatter")
    _check_list(input_list, "input_list", "reduce_scatter", found.n, output)
    if any(t.numel() != output.numel() for t in input_list):
        raise ValueError(
            "reduce_scatter: input_list must have tensors of the output's shape "
            f"{tuple(output.shape)}, not {[tuple(t.shape) for t in input_list]}"
        )
    flat = T.cat([t.detach().reshape(-1) for t in input_list])
    return reduce_scatter_tensor(output, flat, op, found, async_op)


def all_to_all_single(
    output: Tensor, input: Tensor, output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None, group: Any = None, async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Cut input (rows, *) along its rows and send part i to rank i; output (rows, *) joins parts.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    output_split_sizes: rows from each rank; None: equal parts. input_split_sizes: rows for each
    rank; None: equal parts.

    Raises TypeError where one is no tensor, ValueError where shapes or dtypes do not fit.

    >>> got = torch.zeros(2)
    >>> dist.all_to_all_single(got, torch.ones(2))
    >>> got
    tensor([1., 1.])
    """
    what = "all_to_all_single"
    if outside(group, what):
        return None
    found = pick(group)
    check_tensor(output, "output", what)
    check_tensor(input, "input", what)
    if output.dtype != input.dtype:
        raise ValueError(f"{what}: the dtypes differ: {output.dtype} and {input.dtype}")
    sends = _splits(input, input_split_sizes, found.n, "input")
    takes = _splits(output, output_split_sizes, found.n, "output")
    source = readable(input, what)
    target, back = writable(output, what)
    if np.may_share_memory(source, target):
        source = source.copy()
    return found.start(
        Call((what, str(input.dtype)[6:])),
        lambda: found.comm.Ialltoallv([source, sends], [target, takes]),
        _finish(found, target, back, output), output, async_op, (source, target),
    )  # fmt: skip


def _splits(t: Tensor, sizes: Sequence[int] | None, n: int, name: str) -> list[int]:
    """How many elements go to, or come from, each rank."""
    rows = t.shape[0] if t.dim() else 1
    each = t.numel() // rows if rows else 0
    if not sizes:
        if rows % n:
            raise ValueError(
                f"all_to_all_single: Tensor's dim 0 does not divide equally across group size: "
                f"{name} has {rows} rows, and there are {n} ranks; give {name}_split_sizes"
            )
        return [rows // n * each] * n
    if len(sizes) != n or sum(sizes) != rows:
        raise ValueError(
            f"all_to_all_single: Split sizes doesn't match total dim 0 size: {name}_split_sizes "
            f"{list(sizes)} must be {n} numbers whose sum is {rows}"
        )
    return [int(s) * each for s in sizes]


def all_to_all(
    output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: Any = None,
    async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Send the i-th tensor of a list to rank i; the other list gets what comes, of any shape.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    output_tensor_list: a tensor for each rank, to write into. input_tensor_list: the values of this
    rank.

    Raises TypeError where one is no sequence, ValueError or IndexError where lengths do not fit.

    >>> got = [torch.zeros(2)]
    >>> dist.all_to_all(got, [torch.ones(2)])
    >>> got
    [tensor([1., 1.])]
    """
    if outside(group, "all_to_all"):
        return None
    found = pick(group)
    first = input_tensor_list[0]
    _check_list(input_tensor_list, "input_tensor_list", "all_to_all", found.n, first)
    _check_list(output_tensor_list, "output_tensor_list", "all_to_all", found.n, first)
    sends = [t.numel() for t in input_tensor_list]
    takes = [t.numel() for t in output_tensor_list]
    parts = [readable(t, "all_to_all").reshape(-1) for t in input_tensor_list]
    source = np.concatenate(parts)
    target = np.empty(sum(takes), source.dtype)
    rows = np.split(target, np.cumsum(takes)[:-1])
    return found.start(
        Call(("all_to_all", str(first.dtype)[6:])),
        lambda: found.comm.Ialltoallv([source, sends], [target, takes]),
        lambda: spread(output_tensor_list, rows), output_tensor_list, async_op, (source, target),
    )  # fmt: skip


def gather(
    tensor: Tensor, gather_list: Sequence[Tensor] | None = None, dst: int | None = None,
    group: Any = None, async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """Fill rank dst's list with the tensors of all ranks, which are of one shape.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    group_dst: the receiver's rank within the group. tensor: the values of this rank. gather_list:
    on rank dst, a tensor for each rank, to write into.

    Raises TypeError where one is no tensor, ValueError where numbers, shapes or dtypes do not fit;
    RuntimeError where dst is a tensor of several numbers.

    >>> parts = [torch.zeros(2)]
    >>> dist.gather(torch.ones(2), parts, dst=0)
    >>> parts
    [tensor([1., 1.])]
    """
    if outside(group, "gather"):
        return None
    found = pick(group)
    check_tensor(tensor, "tensor", "gather")
    root = _root(found, 0 if dst is None and group_dst is None else dst, group_dst, "gather")
    source, target, finish = readable(tensor, "gather"), None, None
    if found.me == root:
        if gather_list is None:
            raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
        _check_list(gather_list, "gather_list", "gather", found.n, tensor)
        if any(t.numel() != tensor.numel() for t in gather_list):
            raise ValueError(f"gather: gather_list needs tensors of shape {tuple(tensor.shape)}")
        target = np.empty((found.n, source.size), source.dtype)
        finish = lambda: spread(gather_list, target)
    elif gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    call = Call(("gather", str(tensor.dtype)[6:], source.shape, f"dst={found.ranks[root]}"))
    post = lambda: found.comm.Igather(source, target, root)
    return found.start(call, post, finish, gather_list, async_op, (source, target))


def scatter(
    tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int | None = None,
    group: Any = None, async_op: bool = False, group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Give rank i the i-th tensor of rank src's list; all are of one shape.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    group_src: the sender's rank within the group. scatter_list: on rank src, a tensor for each
    rank.

    Raises TypeError where one is no tensor, ValueError where numbers, shapes or dtypes do not fit;
    RuntimeError where src is a tensor of several numbers.

    >>> x = torch.zeros(2)
    >>> dist.scatter(x, [torch.ones(2)], src=0)
    >>> x
    tensor([1., 1.])
    """
    if outside(group, "scatter"):
        return None
    found = pick(group)
    check_tensor(tensor, "tensor", "scatter")
    root = _root(found, 0 if src is None and group_src is None else src, group_src, "scatter")
    target, back = writable(tensor, "scatter")
    source = None
    if found.me == root:
        if scatter_list is None:
            raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
        _check_list(scatter_list, "scatter_list", "scatter", found.n, tensor)
        if any(t.numel() != tensor.numel() for t in scatter_list):
            raise ValueError(f"scatter: scatter_list needs tensors of shape {tuple(tensor.shape)}")
        source = np.stack([readable(t, "scatter").reshape(-1) for t in scatter_list])
    elif scatter_list:
        raise ValueError("Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    call = Call(("scatter", str(tensor.dtype)[6:], target.shape, f"src={found.ranks[root]}"))
    return found.start(
        call, lambda: found.comm.Iscatter(source, target, root),
        _finish(found, target, back, tensor), tensor, async_op, (source, target),
    )  # fmt: skip


def barrier(
    group: Any = None, async_op: bool = False, device_ids: Any = None,
    timeout: timedelta | None = None,
) -> Work | None:  # fmt: skip
    """Wait until all ranks are here.

    group: the processes that take part; None: all. async_op: return a handle at once, to wait for.
    timeout: how long to wait, a timedelta; None: the default. device_ids: accepted. Raises
    ValueError before init_process_group.

    >>> dist.barrier()
    """
    if outside(group, "barrier"):
        return None
    found = pick(group)
    work = found.start(Call(("barrier",)), found.comm.Ibarrier, None, None, True)
    assert work is not None
    if async_op:
        return work
    work.wait(timeout)
    return None


def monitored_barrier(
    group: Any = None, timeout: timedelta | None = None, wait_all_ranks: bool = False
) -> None:
    """As barrier, with a deadline of its own; the ranks that have not come are always named.

    group: the processes that take part; None: all. timeout: how long to wait, a timedelta; None:
    the default. wait_all_ranks: accepted: all are always named. Raises ValueError before
    init_process_group.

    >>> dist.monitored_barrier()
    """
    if group is not GroupMember.NON_GROUP_MEMBER:
        found = pick(group)
        work = found.start(Call(("monitored_barrier",)), found.comm.Ibarrier, None, None, True)
        assert work is not None
        work.wait(timeout)


all_gather_single = alias(all_gather_into_tensor, "all_gather_single")
reduce_scatter_single = alias(reduce_scatter_tensor, "reduce_scatter_single")
