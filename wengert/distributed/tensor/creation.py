"""New DTensors, and modules whose parameters become DTensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ...api import functions as T
from ...base.advice import advise
from ...base.formats import strided
from ...engine.tensor import Tensor
from ...nn.module import Module
from ...nn.parameter import Parameter
from ..device_mesh import DeviceMesh
from .dtensor import DTensor, distribute_tensor, whole_world
from .placement_types import Placement, Replicate

__all__ = ["distribute_module", "empty", "full", "ones", "rand", "randn", "zeros"]

DOC = """A new DTensor of {what}. All ranks of the mesh call this together.

{size}
dtype: of the elements; None: the default. layout: torch.strided. requires_grad: whether it gets a
gradient. device_mesh: the ranks, a DeviceMesh; None: all. placements: one for each dimension of the
mesh; None: Replicate.

Raises AssertionError where placements has another length than the mesh, or layout is another;
TypeError where size is of the wrong type; RuntimeError where a size is negative.

>>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
>>> t = dist.tensor.{name}({call}, device_mesh=mesh, placements=[dist.tensor.Shard(0)])
>>> t.shape, t.placements
(torch.Size([4, 2]), (Shard(dim=0),))
"""


def made(
    make: Callable[[Any], Tensor], size: Any, layout: Any, requires_grad: bool,
    device_mesh: DeviceMesh | None, placements: Sequence[Placement] | None,
) -> DTensor:  # fmt: skip
    """The ranks' parts of a new tensor; the first rank's values count."""
    mesh = device_mesh if device_mesh is not None else whole_world()
    if layout is not strided:
        raise AssertionError("layout value not supported!")
    if placements is not None and len(placements) != mesh.ndim:
        raise AssertionError("mesh dimension does not match the length of placements")
    shape = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    t = distribute_tensor(make(shape), mesh, placements)
    t.requires_grad_(requires_grad)
    return t


def creation(name: str, what: str) -> Callable[..., DTensor]:
    """torch's function that makes a tensor of a size, for DTensors."""
    plain = getattr(T, name)

    def make(
        *size: Any, dtype: Any = None, layout: Any = strided, requires_grad: bool = False,
        device_mesh: DeviceMesh | None = None, placements: Sequence[Placement] | None = None,
    ) -> DTensor:  # fmt: skip
        one = lambda shape: plain(shape, dtype=dtype)
        return made(one, size, layout, requires_grad, device_mesh, placements)

    make.__name__ = make.__qualname__ = name
    size = "*size: the shape of the whole, numbers or a sequence."
    make.__doc__ = DOC.format(name=name, what=what, call="4, 2", size=size)
    return make


empty = creation("empty", "values that are not set")
ones = creation("ones", "ones")
rand = creation("rand", "random numbers between 0 and 1")
randn = creation("randn", "normal random numbers")
zeros = creation("zeros", "zeros")


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = strided,
    requires_grad: bool = False, device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
) -> DTensor:  # fmt: skip
    one = lambda shape: T.full(shape, fill_value, dtype=dtype)
    return made(one, (size,), layout, requires_grad, device_mesh, placements)


full.__doc__ = DOC.format(
    name="full", what="one value", call="(4, 2), 7.0",
    size="size: the shape of the whole, a sequence. fill_value: the value.",
)  # fmt: skip


def with_mesh(function: Callable[..., Any], mesh: DeviceMesh, what: str) -> Callable[..., Any]:
    """A hook that calls function(module, values, mesh), or the older function(values, mesh)."""
    count = len(inspect.signature(function).parameters)
    if count == 2:
        advise(
            f"Deprecating {what} that takes two arguments (inputs, device_mesh), please use {what}"
            " that takes in (module, inputs, device_mesh) instead!",
            FutureWarning,
        )
        return lambda module, *values: function(values[-1], mesh)
    if count == 3:
        return lambda module, *values: function(module, values[-1], mesh)
    raise ValueError(f"{what} should take in 3 arguments, but got {count} arguments!")


def distribute_module(
    module: Module, device_mesh: DeviceMesh | None = None,
    partition_fn: Callable[[str, Module, DeviceMesh], None] | None = None,
    input_fn: Callable[..., Any] | None = None, output_fn: Callable[..., Any] | None = None,
) -> Module:  # fmt: skip
    """Make the parameters and buffers of a module DTensors, in place.

    Args:
        module: the module.
        device_mesh: the ranks; None: all.
        partition_fn: partition_fn(name, module, mesh) cuts the parameters of each module inside;
            what it leaves, and all without it, is whole on every rank.
        input_fn: input_fn(module, inputs, mesh) gives the inputs of forward.
        output_fn: output_fn(module, outputs, mesh) gives its outputs.

    Raises RuntimeError for a module that is distributed already; ValueError for an input_fn or
    output_fn of another number of arguments; TypeError where one of them cannot be called;
    AttributeError where module is none.

    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> net = dist.tensor.distribute_module(nn.Linear(2, 1), mesh)
    >>> net.weight.placements
    (Replicate(),)
    """
    if getattr(module, "_distribute_module_applied", False):
        raise RuntimeError(
            "distribute_module should only be called once on a module, but it has already been"
            " called on this module!"
        )
    mesh = device_mesh if device_mesh is not None else whole_world()
    whole = [Replicate()] * mesh.ndim
    for name, part in module.named_modules():
        if partition_fn is not None:
            partition_fn(name, part, mesh)
        for key, p in part._parameters.items():
            if p is not None and not isinstance(p, DTensor):
                shared = Parameter(distribute_tensor(p.data, mesh, whole), p.requires_grad)
                part.register_parameter(key, shared)
        for key, b in part._buffers.items():
            if b is not None and not isinstance(b, DTensor):
                part._buffers[key] = distribute_tensor(b, mesh, whole)
    if input_fn is not None:
        module.register_forward_pre_hook(with_mesh(input_fn, mesh, "input_fn"))
    if output_fn is not None:
        module.register_forward_hook(with_mesh(output_fn, mesh, "output_fn"))
    module._distribute_module_applied = True
    return module
