"""DTensor: a tensor that lies on the ranks of a mesh, as each rank's own part.

What lives here: the part with its place in the whole, and the ways between the two. Operations on
it are operations on the part: there is no propagation of placements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...api import functions as T
from ...base.formats import contiguous_format
from ...base.size import Size
from ...engine.tensor import Tensor, wrap
from ...nn.parameter import Parameter
from ..collectives import all_gather_into_tensor, all_reduce, broadcast
from ..device_mesh import DeviceMesh
from ..process_group import ProcessGroup
from ..reduce_op import ReduceOp
from .placement_types import Placement, Replicate, Shard, rows_of

__all__ = ["DTensor", "ShardedParameter", "distribute_tensor", "gathered"]


class DTensor(Tensor):
    """This rank's part of a tensor on a mesh; its shape is the part's, `whole_shape` the whole's.

    Made by distribute_tensor, DTensor.from_local and fully_shard.
    """

    device_mesh: DeviceMesh
    placements: tuple[Placement, ...]
    whole_shape: Size

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "device_mesh"):
            raise RuntimeError("DTensor: use distribute_tensor or DTensor.from_local to make one")

    @classmethod
    def from_local(
        cls, local_tensor: Tensor, device_mesh: DeviceMesh | None = None,
        placements: Sequence[Placement] | None = None, *, run_check: bool = False,
        shape: Any = None, stride: Any = None,
    ) -> DTensor:  # fmt: skip
        """The tensor whose part on this rank is local_tensor."""
        mesh = device_mesh if device_mesh is not None else whole_world()
        placed = tuple(placements or [Replicate()] * mesh.ndim)
        if shape is None:
            sizes = list(local_tensor.shape)
            for d, p in enumerate(placed):
                if isinstance(p, Shard):
                    rows = T.tensor([sizes[p.dim]])
                    all_reduce(rows, group=mesh.get_group(d))
                    sizes[p.dim] = int(rows)
            shape = sizes
        return mark(local_tensor.detach(), mesh, placed, shape, cls)

    def to_local(self, *, grad_placements: Any = None) -> Tensor:
        """This rank's part, a plain tensor in the same memory."""
        return wrap(self._a, self._n)

    def detach(self) -> DTensor:
        """The same part, with its place, without a history."""
        return mark(wrap(self._a), self.device_mesh, self.placements, self.whole_shape, DTensor)

    def as_part(self, v: Tensor) -> Tensor:
        """A tensor that belongs to this one's part (of an optimizer's state) as a part of a whole,
        where the shapes agree.
        """
        if v.dim() and v.shape == self.shape and not isinstance(v, DTensor):
            return mark(v, self.device_mesh, self.placements, self.whole_shape)
        return v

    def as_parameter(self, requires_grad: bool) -> ShardedParameter:
        """What nn.Parameter makes of it."""
        return ShardedParameter(self, requires_grad)

    def full_tensor(self, *, grad_placements: Any = None) -> Tensor:
        """The whole, on every rank. All ranks of the mesh call this together."""
        found = self.to_local().detach()
        for d, p in enumerate(self.placements):
            if isinstance(p, Shard):
                found = gathered(found, self.whole_shape, p.dim, self.device_mesh.get_group(d))
            elif p.is_partial():
                found = found.clone()
                all_reduce(found, group=self.device_mesh.get_group(d))
        return found

    def redistribute(
        self, device_mesh: Any = None, placements: Sequence[Placement] | None = None,
        *, async_op: bool = False,
    ) -> DTensor:  # fmt: skip
        """The same tensor in other placements."""
        return distribute_tensor(
            self.full_tensor(), self.device_mesh, placements, src_data_rank=None
        )

    @staticmethod
    def _total_norm(tensors: Sequence[DTensor], ord: float) -> Tensor:
        """The norm of order ord of tensors as one vector, over all ranks."""
        parts = [t.to_local().detach().abs().reshape(-1) for t in tensors]
        groups = {g for t in tensors for g in t._sharded_over()}
        one = T.cat(parts).double() if sum(p.numel() for p in parts) else T.zeros(1).double()
        largest = ord == math.inf
        total = one.max() if largest else (one**ord).sum()
        for group in groups:
            all_reduce(total, ReduceOp.MAX if largest else ReduceOp.SUM, group=group)
        return (total if largest else total ** (1 / ord)).to(tensors[0].dtype)

    def _sharded_over(self) -> list[ProcessGroup]:
        return [
            self.device_mesh.get_group(d) for d, p in enumerate(self.placements) if p.is_shard()
        ]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            made = mark(
                self.to_local().detach().clone(), self.device_mesh, self.placements,
                self.whole_shape, type(self),
            )  # fmt: skip
            memo[id(self)] = made.requires_grad_(self.requires_grad)
        return memo[id(self)]


class ShardedParameter(Parameter, DTensor):
    """This rank's part of a parameter; what its module holds and optimizers update."""

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> ShardedParameter:
        if not isinstance(data, DTensor):
            raise TypeError("ShardedParameter: data must be a DTensor")
        t = mark(data, data.device_mesh, data.placements, data.whole_shape, cls)
        return t.requires_grad_(requires_grad)

    __deepcopy__ = DTensor.__deepcopy__

    def __repr__(self) -> str:
        return (
            f"ShardedParameter(part of {tuple(self.whole_shape)}, {list(self.placements)}):\n"
            + Tensor.__repr__(self.to_local().detach())
        )


def mark(
    local: Tensor, mesh: DeviceMesh, placements: Sequence[Placement], shape: Any, cls: Any = DTensor
) -> Any:
    """A DTensor, or a subclass of it, in the memory of a part."""
    t = object.__new__(cls)
    t._a, t._n, t._x = local._a, None, None
    t.device_mesh, t.placements, t.whole_shape = mesh, tuple(placements), Size(tuple(shape))
    return t


def gathered(part: Tensor, shape: Sequence[int], dim: int, group: ProcessGroup) -> Tensor:
    """The whole tensor from the ranks' parts along dim."""
    if group.n == 1:
        return part
    each = -(-shape[dim] // group.n)
    first = part.transpose(0, dim) if dim else part
    rest = tuple(first.shape[1:])
    padded = T.zeros((each, *rest), dtype=part.dtype, device=part.device)
    padded[: len(first)] = first
    out = T.empty((group.n * each, *rest), dtype=part.dtype, device=part.device)
    all_gather_into_tensor(out, padded, group)
    out = out[: shape[dim]]
    return out.transpose(0, dim).contiguous() if dim else out


def whole_world(device_type: str = "cpu") -> DeviceMesh:
    """All ranks in one dimension."""
    from ..process_group import get_world_size, world

    return DeviceMesh(device_type, np.arange(get_world_size()).tolist(), _groups=[world()])


def of_rank(t: Tensor, mesh: DeviceMesh, rank: int) -> Tensor:
    """The tensor that a rank of the mesh has, on all of them."""
    groups = [g for g in (mesh.get_group(d) for d in range(mesh.ndim)) if g.n > 1]
    if groups:
        t = t.clone(memory_format=contiguous_format)
    for group in groups:
        broadcast(t, group=group, group_src=rank)
    return t


def distribute_tensor(
    tensor: Tensor, device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None, *, src_data_rank: int | None = 0,
) -> DTensor:  # fmt: skip
    """This rank's part of a tensor. All ranks of the mesh call this together.

    Args:
        tensor: the whole; its part comes to the mesh's type of device.
        device_mesh: the ranks; all in one dimension by default.
        placements: one for each dimension of the mesh; Replicate by default.
        src_data_rank: the rank, along each dimension of the mesh, whose values count; None: each
            rank has the same.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> mesh = dist.init_device_mesh("cpu", (1,))
    >>> part = dist.tensor.distribute_tensor(torch.ones(2, 3), mesh, [dist.tensor.Shard(0)])
    >>> part.to_local().shape, part.full_tensor().shape
    (torch.Size([2, 3]), torch.Size([2, 3]))
    >>> dist.destroy_process_group()
    """
    mesh = device_mesh if device_mesh is not None else whole_world()
    placed = tuple(placements or [Replicate()] * mesh.ndim)
    if len(placed) != mesh.ndim:
        raise ValueError(
            f"distribute_tensor: {len(placed)} placements for a mesh of {mesh.ndim} dimensions"
        )
    part = tensor.detach()
    if part.device.type not in (mesh.device_type, "meta"):
        part = part.to(mesh.device())
    if src_data_rank is not None and part.device.type != "meta":
        part = of_rank(part, mesh, src_data_rank)
    for d, p in enumerate(placed):
        if isinstance(p, Shard):
            group = mesh.get_group(d)
            start, end = rows_of(part.shape[p.dim], group.n, group.me)
            part = part.narrow(p.dim, start, end - start).clone()
    return mark(part, mesh, placed, tensor.shape).requires_grad_(tensor.requires_grad)
