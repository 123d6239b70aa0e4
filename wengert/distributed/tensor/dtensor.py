"""DTensor: a tensor that lies on the ranks of a mesh, as each rank's own part.

What lives here: the tensor, and the ways between the part and the whole. What operations do with
the parts is in `dealt.py`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...api import functions as T
from ...autodiff.function import Function
from ...base.formats import contiguous_format
from ...engine import tensor as engine_tensor
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor, wrap
from ...nn.parameter import Parameter
from ..collectives import all_reduce, broadcast
from ..device_mesh import DeviceMesh
from ..process_group import ProcessGroup
from ..reduce_op import ReduceOp
from . import dealt
from .dealt import Dealt
from .placement_types import Placement, Replicate, Shard

__all__ = ["DTensor", "ShardedParameter", "distribute_tensor", "gathered"]


class Replaced(Function):
    """The same tensor in other placements."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, placements: tuple[Placement, ...]) -> Tensor:
        a = x._a
        ctx.place = a.mesh, a.placements
        part = dealt.part(a, a.mesh, placements)
        return mark(wrap(dealt.namespace(part).copy(part)), a.mesh, placements, a.shape)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g, None


class ToLocal(Function):
    """This rank's part as a plain tensor; gradients are parts in `placements`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, placements: tuple[Placement, ...]) -> Tensor:
        ctx.place = x._a.mesh, placements, x._a.shape
        return wrap(x._a.content)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return mark(g, *ctx.place), None


class FromLocal(Function):
    """The tensor of this rank's part; its gradient is the part of the whole one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, place: Any) -> Tensor:
        ctx.place = place[:2]
        return mark(x, *place)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        mesh, placed = ctx.place
        placed = tuple([Replicate() if p.is_partial() else p for p in placed])
        return wrap(dealt.part(g._a, mesh, placed)), None


class DTensor(Tensor):
    """A tensor of which each rank of a mesh holds a part.

    Shape, values and operations are those of the whole: what cannot be done on the parts is done on
    the gathered whole, by every rank alike, so all ranks of the mesh call operations together.
    Made by distribute_tensor, DTensor.from_local and fully_shard.

    Raises TypeError where placements is of the wrong type; ValueError where placements is too long;
    NotImplementedError where device_mesh is of the wrong type.

    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> part = dist.tensor.DTensor.from_local(torch.ones(2), mesh, [dist.tensor.Shard(0)])
    >>> part.full_tensor(), part.to_local(), part.detach().shape
    (tensor([1., 1.]), tensor([1., 1.]), torch.Size([2]))
    >>> part.redistribute(mesh, [dist.tensor.Replicate()]).placements
    (Replicate(),)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if type(self.__dict__.get("_a", getattr(self, "_a", None))) is not Dealt:
            raise RuntimeError("DTensor: use distribute_tensor or DTensor.from_local to make one")

    @property
    def device_mesh(self) -> DeviceMesh:
        """The ranks."""
        mesh: DeviceMesh = self._a.mesh
        return mesh

    @property
    def placements(self) -> tuple[Placement, ...]:
        """How the tensor lies along each dimension of the mesh."""
        placed: tuple[Placement, ...] = self._a.placements
        return placed

    @property
    def _local_tensor(self) -> Tensor:
        return wrap(self._a.content)

    @classmethod
    @clear_errors
    def from_local(
        cls, local_tensor: Tensor, device_mesh: DeviceMesh | None = None,
        placements: Sequence[Placement] | None = None, *, run_check: bool = False,
        shape: Any = None, stride: Any = None,
    ) -> DTensor:  # fmt: skip
        """The tensor whose part on this rank is local_tensor.

        device_mesh: the ranks, a DeviceMesh. placements: a Placement for each dimension of the
        mesh. run_check: accepted. stride: accepted.

        local_tensor has any shape. Raises TypeError where placements is of the wrong type;
        ValueError where placements is too long; IndexError where local_tensor has a shape that does
        not fit.
        """
        mesh = device_mesh if device_mesh is not None else whole_world()
        placed = normal(placements, mesh, local_tensor.dim(), "from_local")
        if shape is None:
            sizes = list(local_tensor.shape)
            for d, p in reversed([*enumerate(placed)]):
                if isinstance(p, Shard):
                    rows = T.tensor([sizes[p.dim]])
                    all_reduce(rows, group=mesh.get_group(d))
                    sizes[p.dim] = int(rows)
            shape = sizes
        if local_tensor.requires_grad:
            made: DTensor = FromLocal.apply(local_tensor, (mesh, placed, shape))
            made.__class__ = DTensor
            return made
        return mark(local_tensor, mesh, placed, shape, cls)

    def to_local(self, *, grad_placements: Any = None) -> Tensor:
        """This rank's part, a plain tensor in the same memory. grad_placements: how gradients of it
        lie; as it does by default.
        """
        if self._n is None:
            return wrap(self._a.content)
        made: Tensor = ToLocal.apply(self, tuple(grad_placements or self.placements))
        return made

    def detach(self) -> DTensor:
        """The same part, with its place, without a history."""
        return mark(wrap(self._a.content), *self._place())

    def _place(self) -> tuple[DeviceMesh, tuple[Placement, ...], Any]:
        return self._a.mesh, self._a.placements, self._a.shape

    def as_part(self, v: Tensor) -> Tensor:
        """A tensor that belongs to this one's part (of an optimizer's state) as a part of a whole,
        where the shapes agree.
        """
        if v.dim() and v.shape == self._a.content.shape and not isinstance(v, DTensor):
            return mark(v, *self._place())
        return v

    def on_part(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """This rank's part in a tensor that stays the same, and its part of a gradient."""
        content, kept = self._a.content, self.__dict__.get("_part")
        if kept is None or kept._a is not content:
            kept = self.__dict__["_part"] = wrap(content)
        return kept, wrap(dealt.part(g._a, self.device_mesh, self.placements))

    def as_parameter(self, requires_grad: bool) -> ShardedParameter:
        """What nn.Parameter makes of it."""
        return ShardedParameter(self, requires_grad)

    def full_tensor(self, *, grad_placements: Any = None) -> Tensor:
        """The whole, on every rank. All ranks of the mesh call this together.

        grad_placements: accepted.
        """
        whole = self.redistribute(placements=[Replicate()] * self.device_mesh.ndim)
        return whole.to_local(grad_placements=grad_placements)

    def redistribute(
        self, device_mesh: Any = None, placements: Sequence[Placement] | None = None,
        *, async_op: bool = False,
    ) -> DTensor:  # fmt: skip
        """The same tensor in other placements. RuntimeError for Partial ones, which results alone
        may have.

        device_mesh: the ranks, a DeviceMesh. async_op: accepted.
        """
        if device_mesh is not None and device_mesh != self.device_mesh:
            raise NotImplementedError("Cross device mesh comm not supported yet!")
        if placements is None:
            raise RuntimeError("placements is needed for redistribute!")
        placed = normal(placements, self.device_mesh, self.dim(), "redistribute")
        if any(p.is_partial() and p != q for p, q in zip(placed, self.placements)):
            raise RuntimeError(
                "Can not redistribute to Partial, redistributing to Partial is for internal use"
                " only!"
            )
        made: DTensor = Replaced.apply(self, placed)
        made.__class__ = DTensor
        return made

    def __repr__(self, **kwargs: Any) -> str:
        return (
            f"DTensor(local_tensor={self._local_tensor!r}, device_mesh={self.device_mesh!r},"
            f" placements={self.placements!r})"
        )

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "DTensor: its parts are on several ranks: save full_tensor(), or use"
            " torch.distributed.checkpoint"
        )

    @staticmethod
    def _total_norm(tensors: Sequence[DTensor], ord: float) -> Tensor:
        """The norm of order ord of tensors as one vector, over all ranks."""
        alike: dict[Any, list[Tensor]] = {}  # by the groups that hold parts
        for t in tensors:
            parts = alike.setdefault(tuple(t._sharded_over()), [])
            parts.append(t._local_tensor.abs().reshape(-1))
        largest = ord == math.inf
        found = []
        for groups, parts in alike.items():
            one = T.cat(parts).double() if sum(p.numel() for p in parts) else T.zeros(1).double()
            found.append(one.max() if largest else (one**ord).sum())
            for group in groups:
                all_reduce(found[-1], ReduceOp.MAX if largest else ReduceOp.SUM, group=group)
        total = T.stack(found).max() if largest else T.stack(found).sum()
        return (total if largest else total ** (1 / ord)).to(tensors[0].dtype)

    def _sharded_over(self) -> list[ProcessGroup]:
        return [
            self.device_mesh.get_group(d) for d, p in enumerate(self.placements) if p.is_shard()
        ]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            made = mark(wrap(self._a.content).clone(), *self._place(), cls=type(self))
            memo[id(self)] = made.requires_grad_(self.requires_grad)
        return memo[id(self)]


def seen(name: str) -> property:
    """An attribute of tensors, as a DTensor."""
    held = vars(Tensor)[name]

    def get(self: DTensor) -> Any:
        t = held.fget(self)
        if type(t) is Tensor and type(t._a) is Dealt:
            t.__class__ = DTensor
        return t

    return property(get, held.fset, held.fdel, held.__doc__)


def made_by(name: str) -> Any:
    """x.new_zeros(...) and the like: whole on every rank."""
    make = getattr(Tensor, name)

    @functools.wraps(make)
    def method(self: DTensor, *args: Any, **kwargs: Any) -> Any:
        t = make(self._local_tensor, *args, **kwargs)
        mesh = self.device_mesh
        made = mark(t.detach(), mesh, [Replicate()] * mesh.ndim, t.shape)
        return made.requires_grad_(t.requires_grad)

    return method


for _name in ("grad", "data"):
    setattr(DTensor, _name, seen(_name))
for _name in ("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor"):
    setattr(DTensor, _name, made_by(_name))


def dress(a: Dealt) -> DTensor:
    """The DTensor around an array."""
    t: DTensor = object.__new__(DTensor)
    t._a, t._n, t._x = a, None, None
    return t


engine_tensor.DRESS[Dealt] = dress


class ShardedParameter(Parameter, DTensor):
    """A parameter of which each rank holds a part; what modules hold and optimizers update."""

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> ShardedParameter:
        if not isinstance(data, DTensor):
            raise TypeError("ShardedParameter: data must be a DTensor")
        t = mark(data._local_tensor, *data._place(), cls=cls)
        return t.requires_grad_(requires_grad)

    __deepcopy__ = DTensor.__deepcopy__

    def __repr__(self, **kwargs: Any) -> str:
        return "Parameter containing:\n" + DTensor.__repr__(self)


def mark(
    local: Tensor, mesh: DeviceMesh, placements: Sequence[Placement], shape: Any, cls: Any = DTensor
) -> Any:
    """A DTensor, or a subclass of it, in the memory of a part."""
    t = object.__new__(cls)
    t._a, t._n, t._x = Dealt(local._a, mesh, placements, shape), None, None
    return t


def normal(
    placements: Sequence[Placement] | None, mesh: DeviceMesh, dims: int, what: str
) -> tuple[Placement, ...]:
    """One placement for each dimension of the mesh, with dimensions counted from the front."""
    placed = list(placements or [Replicate()] * mesh.ndim)
    if len(placed) != mesh.ndim:
        raise ValueError(f"{what}: {len(placed)} placements for a mesh of {mesh.ndim} dimensions")
    for i, p in enumerate(placed):
        if isinstance(p, Shard):
            if not -dims <= p.dim < dims:
                raise IndexError(f"{what}: Shard(dim={p.dim}) of a tensor of {dims} dimensions")
            placed[i] = Shard(p.dim % dims)
    return tuple(placed)


def gathered(part: Tensor, shape: Sequence[int], dim: int, group: ProcessGroup) -> Tensor:
    """The whole tensor from the ranks' parts along dim."""
    return wrap(dealt.gathered(part._a, shape, dim, group))


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


@clear_errors
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

    The tensor has any shape. Raises TypeError where placements is of the wrong type; ValueError
    where placements is too long.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> mesh = dist.init_device_mesh("cpu", (1,))
    >>> part = dist.tensor.distribute_tensor(torch.ones(2, 3), mesh, [dist.tensor.Shard(0)])
    >>> part.to_local().shape, part.full_tensor().shape
    (torch.Size([2, 3]), torch.Size([2, 3]))
    >>> dist.destroy_process_group()
    """
    mesh = device_mesh if device_mesh is not None else whole_world()
    if isinstance(tensor, DTensor):
        if tensor.device_mesh != mesh or tensor.placements != tuple(placements or ()):
            raise ValueError("distribute_tensor: it is a DTensor: use redistribute()")
        return tensor
    placed = normal(placements, mesh, tensor.dim(), "distribute_tensor")
    if not tensor.is_leaf:
        raise RuntimeError(
            "`distribute_tensor` should be used to distribute leaf tensors! but found non-leaf"
            " tensor!"
        )
    part = tensor.detach()
    if part.device.type not in (mesh.device_type, "meta"):
        part = part.to(mesh.device())
    if src_data_rank is not None and part.device.type != "meta":
        part = of_rank(part, mesh, src_data_rank)
    local = dealt.cut(part._a, mesh, placed)
    if any(isinstance(p, Shard) for p in placed):
        local = dealt.namespace(local).copy(local)
    return mark(wrap(local), mesh, placed, tensor.shape).requires_grad_(tensor.requires_grad)
