"""torch.distributed.tensor: tensors that lie on the ranks of a mesh, and layers cut in parts."""

from ..device_mesh import DeviceMesh, init_device_mesh
from .creation import distribute_module, empty, full, ones, rand, randn, zeros
from .dtensor import DTensor, distribute_tensor
from .placement_types import Partial, Placement, Replicate, Shard

__all__ = [
    "DTensor", "DeviceMesh", "Partial", "Placement", "Replicate", "Shard", "distribute_module",
    "distribute_tensor", "empty", "full", "init_device_mesh", "ones", "rand", "randn", "zeros",
]  # fmt: skip
