"""torch.distributed._functional_collectives: collectives whose results are new tensors, ready when
they are returned. A group is a process group, a mesh of one dimension, or (mesh, dimension).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..autodiff.function import Function
from ..engine.tensor import Tensor
from . import collectives
from .device_mesh import DeviceMesh
from .nn import functional
from .process_group import ProcessGroup, pick
from .reduce_op import ReduceOp

__all__ = [
    "AsyncCollectiveTensor", "all_gather_tensor", "all_gather_tensor_autograd", "all_reduce",
    "all_to_all_single", "all_to_all_single_autograd", "broadcast", "reduce_scatter_tensor",
    "reduce_scatter_tensor_autograd", "wait_tensor",
]  # fmt: skip


class AsyncCollectiveTensor(Tensor):
    """A result that is on its way. There are none: results are ready."""


def wait_tensor(tensor: Tensor) -> Tensor:
    """The tensor, which is ready."""
    return tensor


def _group(group: Any) -> ProcessGroup:
    if isinstance(group, tuple) and len(group) == 2 and isinstance(group[0], DeviceMesh):
        return group[0].get_group(group[1])
    return group.get_group() if isinstance(group, DeviceMesh) else pick(group)


def _op(name: Any) -> Any:
    return getattr(ReduceOp, name.upper()) if isinstance(name, str) else name


def all_reduce(self: Tensor, reduceOp: Any, group: Any, tag: str = "") -> Tensor:
    """The tensors of all ranks, reduced ("sum", "avg", "max", ...)."""
    out = self.detach().clone()
    collectives.all_reduce(out, _op(reduceOp), _group(group))
    return out


def broadcast(self: Tensor, src: int, group: Any, tag: str = "") -> Tensor:
    """Rank src's tensor."""
    out = self.detach().clone()
    collectives.broadcast(out, src, _group(group))
    return out


def _joined(parts: Tensor, dim: int) -> Tensor:
    return T.cat(list(parts.unbind(0)), dim)


def all_gather_tensor(self: Tensor, gather_dim: int, group: Any, tag: str = "") -> Tensor:
    """The tensors of all ranks, joined along a dimension."""
    found = _group(group)
    out = self.new_empty((found.n, *self.shape))
    collectives.all_gather_into_tensor(out, self.detach().contiguous(), found)
    return _joined(out, gather_dim)


def all_gather_tensor_autograd(self: Tensor, gather_dim: int, group: Any, tag: str = "") -> Tensor:
    """The same, with gradients."""
    return T.cat(list(functional.all_gather(self, _group(group))), gather_dim)


def _cut(tensor: Tensor, dim: int, n: int) -> list[Tensor]:
    if tensor.shape[dim] % n:
        raise ValueError(
            f"reduce_scatter_tensor: {tensor.shape[dim]} of dimension {dim} cannot be dealt to "
            f"{n} ranks"
        )
    return list(tensor.chunk(n, dim))


def reduce_scatter_tensor(
    self: Tensor, reduceOp: Any, scatter_dim: int, group: Any, tag: str = ""
) -> Tensor:
    """The tensors of all ranks, reduced, and this rank's part of that along a dimension."""
    found = _group(group)
    parts = T.stack(_cut(self.detach(), scatter_dim, found.n))
    out = parts.new_empty(tuple(parts.shape)[1:])
    collectives.reduce_scatter_tensor(out, parts, _op(reduceOp), found)
    return out


def reduce_scatter_tensor_autograd(
    self: Tensor, reduceOp: Any, scatter_dim: int, group: Any, tag: str = ""
) -> Tensor:
    """The same, with gradients; of sums."""
    found = _group(group)
    parts = _cut(self, scatter_dim, found.n)
    return functional.reduce_scatter(self, parts, _op(reduceOp), found)


def all_to_all_single(
    self: Tensor, output_split_sizes: Sequence[int] | None,
    input_split_sizes: Sequence[int] | None, group: Any, tag: str = "",
) -> Tensor:  # fmt: skip
    """Part i along the first dimension goes to rank i; what comes, joined."""
    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    out = self.new_empty((rows, *self.shape[1:]))
    collectives.all_to_all_single(
        out, self.detach().contiguous(), output_split_sizes, input_split_sizes, _group(group)
    )
    return out


class _Exchange(Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor, takes: Any, sends: Any, group: Any) -> Tensor:
        ctx.takes, ctx.sends, ctx.ranks = takes, sends, group
        return all_to_all_single(t, takes, sends, group)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _Exchange.apply(g, ctx.sends, ctx.takes, ctx.ranks), None, None, None


def all_to_all_single_autograd(
    self: Tensor, output_split_sizes: Sequence[int] | None,
    input_split_sizes: Sequence[int] | None, group: Any, tag: str = "",
) -> Tensor:  # fmt: skip
    """The same, with gradients, which go back the way the rows came."""
    return _Exchange.apply(self, output_split_sizes, input_split_sizes, _group(group))
