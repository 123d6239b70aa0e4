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

__all__ = ["all_gather", "all_reduce", "broadcast", "reduce_scatter"]

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
