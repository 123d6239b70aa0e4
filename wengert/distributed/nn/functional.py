"""Collectives that gradients pass through: their results are new tensors.

The gradient is that of the sum of all ranks' losses, so every rank has to run the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...autodiff.function import Function
from ...base.formats import contiguous_format
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .. import collectives
from ..process_group import get_rank, pick
from ..reduce_op import RedOpType, as_op

__all__ = [
    "all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce",
    "reduce_scatter", "scatter",
]  # fmt: skip

SUM = RedOpType.SUM


def _copy(t: Tensor) -> Tensor:
    return t.detach().clone(memory_format=contiguous_format)


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, group: Any) -> Tensor:
        ctx.group = group
        out = _copy(t)
        collectives.all_reduce(out, SUM, group)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _AllReduce.apply(g, ctx.group), None


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, group: Any) -> Tensor:
        ctx.group = group
        out = t.new_empty((pick(group).n, *t.shape))
        collectives.all_gather_into_tensor(out, _copy(t), group)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _ReduceScatter.apply(g, ctx.group), None


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: Any) -> Tensor:
        ctx.group = group
        out = rows.new_empty(tuple(rows.shape)[1:])
        collectives.reduce_scatter_tensor(out, _copy(rows), SUM, group)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _AllGather.apply(g, ctx.group), None


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, src: int, group: Any) -> Tensor:
        ctx.src, ctx.group = src, group
        out = _copy(t)
        collectives.broadcast(out, src, group)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        total = _AllReduce.apply(g, ctx.group)
        mine = get_rank() == ctx.src
        return (total if mine else total * 0), None, None


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, dst: int, group: Any) -> Tensor:
        ctx.dst, ctx.group = dst, group
        rows = t.new_zeros((pick(group).n, *t.shape))
        taken = list(rows.unbind(0)) if get_rank() == dst else None
        collectives.gather(_copy(t), taken, dst, group)
        return rows

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _Scatter.apply(g, ctx.dst, ctx.group), None, None


class _Scatter(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, src: int, group: Any) -> Tensor:
        ctx.src, ctx.group = src, group
        out = rows.new_empty(tuple(rows.shape)[1:])
        given = list(_copy(rows).unbind(0)) if get_rank() == src else None
        collectives.scatter(out, given, src, group)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _Gather.apply(g, ctx.src, ctx.group), None, None


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, dst: int, group: Any) -> Tensor:
        ctx.dst, ctx.group = dst, group
        out = _copy(t)
        collectives.reduce(out, dst, SUM, group)
        return out

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _Broadcast.apply(g, ctx.dst, ctx.group), None, None


class _AllToAll(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, outputs: list[Tensor], *inputs: Tensor) -> Any:
        ctx.group, ctx.shapes = group, [t.shape for t in inputs]
        collectives.all_to_all(outputs, [_copy(t) for t in inputs], group)
        return tuple([t.clone() for t in outputs])

    @staticmethod
    def backward(ctx: Any, *gs: Tensor) -> Any:
        places = [gs[0].new_empty(shape) for shape in ctx.shapes]
        return None, None, *_AllToAll.apply(ctx.group, places, *gs)


class _AllToAllSingle(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, output: Tensor, gets: Any, gives: Any, group: Any) -> Tensor:
        ctx.group, ctx.shape, ctx.gets, ctx.gives = group, t.shape, gets, gives
        collectives.all_to_all_single(output, _copy(t), gets, gives, group)
        return output.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        place = g.new_empty(ctx.shape)
        g = _AllToAllSingle.apply(g, place, ctx.gives, ctx.gets, ctx.group)
        return g, None, None, None, None


def _only_sum(op: Any, what: str) -> None:
    if as_op(op) is not SUM:
        raise ValueError(f"distributed.nn.{what}: only ReduceOp.SUM has a gradient here")


@clear_errors
def all_reduce(tensor: Tensor, op: Any = SUM, group: Any = None) -> Tensor:
    """The sum of all ranks' tensors.

    tensor: the values of this rank. op: a ReduceOp: SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR.
    group: the ranks that take part; None: all.

    tensor has any shape, the same on all ranks. Raises TypeError for what is no tensor.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.all_reduce(x).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    _only_sum(op, "all_reduce")
    return _AllReduce.apply(tensor, group)


@clear_errors
def all_gather(tensor: Tensor, group: Any = None) -> tuple[Tensor, ...]:
    """The tensors of all ranks.

    tensor: the values of this rank. group: the ranks that take part; None: all.

    tensor has any shape, the same on all ranks. Raises TypeError for what is no tensor.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.stack(dist.nn.all_gather(x)).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _AllGather.apply(tensor, group).unbind(0)


def reduce_scatter(
    output: Tensor, input_list: Sequence[Tensor], op: Any = SUM, group: Any = None
) -> Tensor:
    """The sum over the ranks of the tensor that each has for this one. output: not used.

    input_list: a tensor for each rank. op: a ReduceOp: SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR,
    BXOR. group: the ranks that take part; None: all.

    Each has any shape, the same on all ranks. Raises TypeError where input_list is of the wrong
    type; ValueError where input_list is too long; RuntimeError where input_list is empty or
    input_list is too short.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.reduce_scatter(torch.zeros(2), [x]).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    _only_sum(op, "reduce_scatter")
    return _ReduceScatter.apply(T.stack(list(input_list)), group)


@clear_errors
def broadcast(tensor: Tensor, src: int, group: Any = None) -> Tensor:
    """Rank src's tensor.

    group: the ranks that take part; None: all.

    tensor has any shape, the same on all ranks. Raises ValueError where src is of the wrong type or
    src is out of range; TypeError where tensor is no tensor; RuntimeError where src is a tensor of
    several numbers.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.broadcast(x, src=0).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _Broadcast.apply(tensor, src, group)


@clear_errors
def gather(tensor: Tensor, dst: int = 0, group: Any = None) -> tuple[Tensor, ...]:
    """The tensors of all ranks on rank dst; zeros on the others.

    tensor: the values of this rank. group: the ranks that take part; None: all.

    tensor has any shape, the same on all ranks. Raises TypeError for what is no tensor; ValueError
    where dst is out of range.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.stack(dist.nn.functional.gather(x)).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _Gather.apply(tensor, dst, group).unbind(0)


@clear_errors
def scatter(tensors: Sequence[Tensor], src: int = 0, group: Any = None) -> Tensor:
    """The tensor that rank src has for this one.

    tensors: one for each rank; those of other ranks than src say the shape alone. group: the ranks
    that take part; None: all.

    Each has any shape, the same on all ranks. Raises TypeError where tensors is of the wrong type;
    RuntimeError where it is empty; ValueError where src is out of range or tensors is too long.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.functional.scatter([x]).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _Scatter.apply(T.stack(list(tensors)), src, group)


@clear_errors
def reduce(tensor: Tensor, dst: int, op: Any = SUM, group: Any = None) -> Tensor:
    """The sum of all ranks' tensors, on rank dst.

    tensor: the values of this rank. op: ReduceOp.SUM. group: the ranks that take part; None: all.

    tensor has any shape, the same on all ranks. Raises TypeError for what is no tensor; ValueError
    where dst is out of range or op is another one.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.functional.reduce(x, 0).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    _only_sum(op, "reduce")
    return _Reduce.apply(tensor, dst, group)


@clear_errors
def all_to_all(
    output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: Any = None
) -> tuple[Tensor, ...]:
    """What each rank has for this one.

    output_tensor_list: tensors of the shapes that come, written into. input_tensor_list: one for
    each rank. group: the ranks that take part; None: all.

    They have any shapes. Raises TypeError where a list is of the wrong type; ValueError where one
    is too long; RuntimeError where one is empty.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.functional.all_to_all([torch.zeros(2)], [x])[0].sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _AllToAll.apply(group, list(output_tensor_list), *input_tensor_list)


@clear_errors
def all_to_all_single(
    output: Tensor, input: Tensor, output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None, group: Any = None,
) -> Tensor:  # fmt: skip
    """Part i of input's rows goes to rank i; the parts that come are joined.

    output: (rows, *), written into. input: (rows, *). output_split_sizes: rows from each rank;
    None: equal parts. input_split_sizes: rows for each rank; None: equal parts. group: the ranks
    that take part; None: all.

    Raises TypeError for what is no tensor; RuntimeError where rows do not fit; ValueError where
    output_split_sizes or input_split_sizes does not.

    >>> x = torch.ones(2, requires_grad=True)
    >>> dist.nn.functional.all_to_all_single(torch.zeros(2), x).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    return _AllToAllSingle.apply(input, output, output_split_sizes, input_split_sizes, group)
