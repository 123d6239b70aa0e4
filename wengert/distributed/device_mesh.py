"""DeviceMesh: the ranks of the world laid out in a grid, with a process group along each dimension.

Tensors with a place on a mesh are in `tensor/`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..api.cuda_api import current_device, device_count, set_device
from ..base.devices import device
from ..engine.tensor import Tensor, wrap
from .new_groups import new_group
from .process_group import (
    ProcessGroup,
    get_node_local_rank,
    get_rank,
    get_world_size,
    init_process_group,
    is_initialized,
    world,
)

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """A grid of ranks. All ranks of the world make it together.

    Args:
        device_type: such as cpu.
        mesh: the ranks, as a tensor or nested lists.
        mesh_dim_names: a name for each dimension.

    Raises:
        RuntimeError: a rank is named twice, or is not in the world.

    >>> mesh = dist.init_device_mesh("cpu", (1, 1), mesh_dim_names=("dp", "tp"))
    >>> mesh["tp"].size(), mesh.get_coordinate()
    (1, [0, 0])
    >>> mesh = init_device_mesh("cpu", (1,), mesh_dim_names=("data",))
    >>> mesh.size(), mesh.get_rank(), mesh.get_local_rank("data")
    (1, 0, 0)
    >>> mesh.get_group("data").size(), len(mesh.get_all_groups())
    (1, 1)
    """

    def __init__(
        self, device_type: str, mesh: Any, *, mesh_dim_names: tuple[str, ...] | None = None,
        _groups: list[ProcessGroup] | None = None,
    ) -> None:  # fmt: skip
        self.device_type = device_type
        ranks = np.array(mesh.tolist() if isinstance(mesh, Tensor) else mesh, dtype=np.int64)
        self._ranks = ranks
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if self.mesh_dim_names is not None and len(self.mesh_dim_names) != ranks.ndim:
            raise RuntimeError(
                f"DeviceMesh: {len(self.mesh_dim_names)} names for {ranks.ndim} dimensions"
            )
        if len(set(ranks.flat)) != ranks.size or not set(ranks.flat) <= set(world().ranks):
            raise RuntimeError(
                f"DeviceMesh: ranks must differ and be in 0 to {world().n - 1}: {ranks.tolist()}"
            )
        self._groups = self._make() if _groups is None else _groups
        self._root, self._kept = self, tuple(range(ranks.ndim))  # what it is a part of

    def _make(self) -> list[Any]:
        """The group of this rank along each dimension."""
        groups: list[Any] = []
        for d in range(self._ranks.ndim):
            rows = np.moveaxis(self._ranks, d, -1).reshape(-1, self._ranks.shape[d])
            mine = None
            for row in rows.tolist():
                made = new_group(row, sort_ranks=False)
                mine = made if get_rank() in row else mine
            groups.append(mine)
        return groups

    @property
    def mesh(self) -> Tensor:
        """The ranks."""
        return wrap(self._ranks.copy())

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self._ranks.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return tuple(self._ranks.shape)

    def device(self) -> device:
        """This process's device of the mesh's type: what init_process_group was told, or the
        current one.
        """
        bound = world().bound_device_id
        if bound is not None and bound.type == self.device_type:
            return bound
        return device(self.device_type, current_device() if self.device_type == "cuda" else None)

    def size(self, mesh_dim: int | None = None) -> int:
        """The number of ranks, in all or along a dimension.

        mesh_dim: a dimension, by number or name; None: all, flat.
        """
        return int(self._ranks.size if mesh_dim is None else self._ranks.shape[mesh_dim])

    def _dim(self, mesh_dim: int | str | None) -> int:
        if mesh_dim is None:
            if self.ndim != 1:
                raise RuntimeError(
                    f"Found the DeviceMesh have {self.ndim} dimensions. Optional kwarg "
                    "`mesh_dim` needs to be specified when device_mesh.ndim > 1. If you want to "
                    "get the list of all the ProcessGroups in the DeviceMesh, please use "
                    "`get_all_groups()` instead."
                )
            return 0
        if isinstance(mesh_dim, str):
            names = self.mesh_dim_names or ()
            if mesh_dim not in names:
                raise KeyError(f"Invalid mesh_dim_name {mesh_dim!r}: the mesh has {list(names)}")
            return names.index(mesh_dim)
        return int(mesh_dim)

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """The group of this rank along a dimension, which a mesh of one need not name.

        mesh_dim: a dimension, by number or name; None: all, flat.

        Raises IndexError where mesh_dim is of the wrong type; KeyError where mesh_dim is unknown.
        """
        return self._groups[self._dim(mesh_dim)]

    def get_all_groups(self) -> list[ProcessGroup]:
        """The groups of this rank along all dimensions."""
        return list(self._groups)

    def get_rank(self) -> int:
        """This process's rank in the world."""
        return get_rank()

    def get_coordinate(self) -> list[int] | None:
        """Where this rank is in the grid; None if it is not."""
        found = np.argwhere(self._ranks == get_rank())
        return [int(i) for i in found[0]] if len(found) else None

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """This rank's place along a dimension.

        mesh_dim: a dimension, by number or name; None: all, flat.

        Raises IndexError where mesh_dim is of the wrong type; KeyError where mesh_dim is unknown.
        """
        place = self.get_coordinate()
        if place is None:
            raise RuntimeError(f"rank {get_rank()} is not in {self}")
        return place[self._dim(mesh_dim)]

    def __getitem__(self, mesh_dim_names: str | tuple[str, ...]) -> DeviceMesh:
        """The mesh of some dimensions that this rank is in."""
        names = (mesh_dim_names,) if isinstance(mesh_dim_names, str) else tuple(mesh_dim_names)
        place = self.get_coordinate()
        if not self.mesh_dim_names or place is None:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        dims = [self._dim(name) for name in names]
        if dims != sorted(set(dims)):
            raise KeyError(f"Invalid mesh_dim_names {names}: name them in the mesh's order")
        index = tuple([slice(None) if d in dims else place[d] for d in range(self.ndim)])
        groups = [self._groups[d] for d in dims]
        made = DeviceMesh(
            self.device_type, self._ranks[index].tolist(), mesh_dim_names=names, _groups=groups
        )
        made._root, made._kept = self._root, tuple([self._kept[d] for d in dims])
        return made

    def _joined(self, other: DeviceMesh) -> DeviceMesh:
        """The mesh of the dimensions of both, this one's first: parts of one mesh."""
        root, place = self._root, self._root.get_coordinate()
        kept = (*self._kept, *other._kept)
        if other._root is not root or place is None or len(set(kept)) < len(kept):
            raise RuntimeError(
                f"{self} and {other} are no parts of one mesh: take both from one DeviceMesh with "
                'names, mesh["dp"] and mesh["tp"]'
            )
        rest = [d for d in range(root.ndim) if d not in kept]
        here: Any = (..., *[place[d] for d in rest])
        ranks = root._ranks.transpose(*kept, *rest)[here]
        names = root.mesh_dim_names and tuple([root.mesh_dim_names[d] for d in kept])
        groups = [*self._groups, *other._groups]
        made = DeviceMesh(self.device_type, ranks, mesh_dim_names=names, _groups=groups)
        made._root, made._kept = root, kept
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceMesh) and (
            self.device_type, self.mesh_dim_names, self._ranks.tolist()
        ) == (other.device_type, other.mesh_dim_names, other._ranks.tolist())  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.device_type, self.mesh_dim_names, self._ranks.tobytes()))

    def __repr__(self) -> str:
        names = "" if self.mesh_dim_names is None else f", mesh_dim_names={self.mesh_dim_names}"
        return f"DeviceMesh('{self.device_type}', {self._ranks.tolist()}{names})"


def init_device_mesh(
    device_type: str, mesh_shape: tuple[int, ...], *, mesh_dim_names: tuple[str, ...] | None = None
) -> DeviceMesh:
    """A mesh of all ranks, in their order. The processes join if they have not yet, and with CUDA
    each makes the device of its number on its host the current one.

    RuntimeError if the shape's product is not the number of ranks, or names are given twice.

    device_type: 'cpu' or 'cuda'. mesh_shape: the size of each dimension. mesh_dim_names: a name for
    each dimension.

    Raises TypeError where mesh_shape or mesh_dim_names is of the wrong type.

    >>> init_device_mesh("cpu", (1, 1), mesh_dim_names=("data", "model")).shape
    (1, 1)
    """
    if mesh_dim_names is not None and len(set(mesh_dim_names)) != len(mesh_dim_names):
        raise RuntimeError(f"Each mesh_dim_name must be unique: {mesh_dim_names}")
    if not is_initialized():
        init_process_group()
        if device_type == "cuda" and (count := device_count()):
            set_device(get_node_local_rank(get_rank()) % count)
    n = get_world_size()
    if math.prod(mesh_shape) != n:
        raise RuntimeError(
            f"Mesh should not be bigger than default world size {n}, and have all of its ranks, "
            f"but found {math.prod(mesh_shape)} ranks in mesh_shape {tuple(mesh_shape)}"
        )
    ranks = np.arange(n).reshape(mesh_shape).tolist()
    return DeviceMesh(device_type, ranks, mesh_dim_names=mesh_dim_names)
