"""Layers cut along their weights: column-wise, row-wise, and parallelize_module.

A column-wise layer takes a whole input and gives its part of the features; a row-wise layer takes
such a part and gives the whole sum, so that two in a row need one all-reduce forward and one back.
"""

from __future__ import annotations

import contextlib
import fnmatch
from typing import Any

from ....autodiff.function import Function
from ....engine.error_context import clear_errors
from ....engine.tensor import Tensor
from ....nn import functional as F
from ....nn.embedding import Embedding
from ....nn.linear import Linear
from ....nn.module import Module
from ...collectives import all_reduce
from ...device_mesh import DeviceMesh
from ...process_group import ProcessGroup
from ..dealt import Dealt
from ..dtensor import DTensor, ShardedParameter, distribute_tensor, gathered, of_rank
from ..placement_types import Placement, Replicate, Shard, rows_of

__all__ = [
    "ColwiseParallel", "ParallelStyle", "PrepareModuleInput", "PrepareModuleInputOutput",
    "PrepareModuleOutput", "RowwiseParallel", "SequenceParallel", "parallelize_module",
]  # fmt: skip


class Copied(Function):
    """A whole tensor for every rank; its gradient is the sum of the ranks'."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        g = g.clone()
        all_reduce(g, group=ctx.group)
        return g, None


class Summed(Function):
    """The sum of the ranks' tensors; its gradient is every rank's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        x = x.clone()
        all_reduce(x, group=group)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g, None


class Joined(Function):
    """The whole from the ranks' parts along a dimension of a given size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup, dim: int, size: int) -> Tensor:
        ctx.group, ctx.dim = group, dim
        shape = list(x.shape)
        shape[dim] = size
        return gathered(x.detach(), shape, dim, group)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        start, end = rows_of(g.shape[ctx.dim], ctx.group.n, ctx.group.me)
        return g.narrow(ctx.dim, start, end - start), None, None, None


class Cut(Function):
    """This rank's part of a whole tensor along a dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup, dim: int) -> Tensor:
        ctx.group, ctx.dim, ctx.shape = group, dim, tuple(x.shape)
        start, end = rows_of(x.shape[dim], group.n, group.me)
        return x.narrow(dim, start, end - start).clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return gathered(g, ctx.shape, ctx.dim, ctx.group), None, None


def local(x: Any, placement: Placement, mesh: DeviceMesh) -> Any:
    """This rank's part of a DTensor in a placement; plain tensors are such parts already."""
    if not isinstance(x, Tensor) or type(x._a) is not Dealt:
        return x
    if not isinstance(x, DTensor):
        x.__class__ = DTensor  # the result of an autograd Function, whose parts are a DTensor's
    return x.redistribute(mesh, [placement]).to_local()


class ParallelStyle:
    """How a module is cut over the ranks of a mesh.

    >>> parallel = dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    >>> plan = {"0": parallel.ColwiseParallel(), "1": parallel.RowwiseParallel()}
    >>> parallel.parallelize_module(net, mesh, plan)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    src_data_rank: int | None = 0  # the rank whose parameters count

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        raise NotImplementedError(f"{type(self).__name__} does not say how to cut a module")


def shard(
    style: ParallelStyle, module: Module, name: str, mesh: DeviceMesh, placement: Placement
) -> None:
    """Have a module hold this rank's part of a parameter."""
    p = module._parameters.get(name)
    if p is not None:
        part = distribute_tensor(p, mesh, [placement], src_data_rank=style.src_data_rank)
        module._parameters[name] = ShardedParameter(part, requires_grad=p.requires_grad)


@contextlib.contextmanager
def parts_of(module: Module) -> Any:
    """Plain tensors of this rank's parts in place of a module's parameters, inside of the block."""
    held = dict(module._parameters)
    for name, p in held.items():
        if isinstance(p, DTensor):
            module._parameters[name] = p.to_local()
    try:
        yield
    finally:
        module._parameters.update(held)


def refuse(style: Any, module: Module) -> None:
    raise NotImplementedError(
        f"{type(style).__name__} cuts Linear and Embedding layers, not {type(module).__name__}"
    )


class ColwiseParallel(ParallelStyle):
    """Each rank has some of the features that a Linear or Embedding gives.

    Args:
        input_layouts: Replicate (a whole input, the default), or Shard(dim) of it.
        output_layouts: Shard(-1), this rank's features (the default), or Replicate.
        use_local_output: outputs are plain tensors; False: DTensors.

    Shoeybi et al., Megatron-LM, 2019.

    >>> parallel = dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    >>> plan = {"0": parallel.ColwiseParallel(), "1": parallel.RowwiseParallel()}
    >>> parallel.parallelize_module(net, mesh, plan)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, *, input_layouts: Placement | None = None, output_layouts: Placement | None = None,
        use_local_output: bool = True,
    ) -> None:  # fmt: skip
        self.input, self.output = input_layouts or Replicate(), output_layouts or Shard(-1)
        self.plain = use_local_output

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        group = mesh.get_group()
        if isinstance(module, Linear):
            features = module.out_features
            shard(self, module, "weight", mesh, Shard(0))
            shard(self, module, "bias", mesh, Shard(0))
        elif isinstance(module, Embedding):
            features = module.embedding_dim
            shard(self, module, "weight", mesh, Shard(1))
        else:
            refuse(self, module)
        inner = module.forward

        def forward(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            x = local(x, self.input, mesh)
            if isinstance(self.input, Shard):
                dim = self.input.dim % x.dim()
                x = Joined.apply(x, group, dim, x.shape[dim] * group.n)
            if x.is_floating_point():
                x = Copied.apply(x, group)
            with parts_of(module):
                y = inner(x, *args, **kwargs)
            shape = (*y.shape[:-1], features)
            if self.output.is_replicate():
                y = Joined.apply(y, group, y.dim() - 1, features)
            return y if self.plain else DTensor.from_local(y, mesh, [self.output], shape=shape)

        module.__dict__["forward"] = forward
        return module


class RowwiseParallel(ParallelStyle):
    """Each rank has some of the features that a Linear takes, or of the words of an Embedding.

    Args:
        input_layouts: Shard(-1), this rank's features (the default), or Replicate.
        output_layouts: Replicate (the whole sum, the default), or Shard(dim) of it.
        use_local_output: outputs are plain tensors; False: DTensors.

    Shoeybi et al., Megatron-LM, 2019.

    >>> parallel = dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    >>> plan = {"0": parallel.ColwiseParallel(), "1": parallel.RowwiseParallel()}
    >>> parallel.parallelize_module(net, mesh, plan)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, *, input_layouts: Placement | None = None, output_layouts: Placement | None = None,
        use_local_output: bool = True,
    ) -> None:  # fmt: skip
        self.input, self.output = input_layouts or Shard(-1), output_layouts or Replicate()
        self.plain = use_local_output

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        group = mesh.get_group()
        if isinstance(module, Linear):
            shard(self, module, "weight", mesh, Shard(1))
            whole = module._parameters.get("bias")
            if whole is not None and self.src_data_rank is not None and not whole.is_meta:
                whole.data.copy_(of_rank(whole.detach(), mesh, self.src_data_rank))

            def product(x: Tensor) -> Tensor:
                x = local(x, self.input, mesh)
                if self.input.is_replicate():
                    x = Cut.apply(x, group, x.dim() - 1)
                return self.placed(
                    Summed.apply(F.linear(x, module.weight.to_local()), group), group
                )

            def forward(x: Tensor) -> Tensor:
                y = product(x)
                bias = module.bias
                if bias is None:
                    return y
                return y + (Copied.apply(bias, group) if self.output.is_shard() else bias)

        elif isinstance(module, Embedding):
            start, end = rows_of(module.num_embeddings, group.n, group.me)
            shard(self, module, "weight", mesh, Shard(0))

            def forward(x: Tensor) -> Tensor:
                here = (x >= start) & (x < end)
                weight = module.weight.to_local()
                if end == start:
                    y = (weight.sum() * 0).expand(*x.shape, module.embedding_dim)
                else:
                    y = F.embedding((x - start).masked_fill(~here, 0), weight)
                    y = y * here.unsqueeze(-1)
                return self.placed(Summed.apply(y, group), group)

        else:
            refuse(self, module)

        def run(x: Tensor) -> Tensor:
            y = forward(x)
            return y if self.plain else DTensor.from_local(y, mesh, [self.output])

        module.__dict__["forward"] = run
        return module

    def placed(self, y: Tensor, group: ProcessGroup) -> Tensor:
        """A whole result as output_layouts asks for it."""
        if isinstance(self.output, Shard):
            return Cut.apply(y, group, self.output.dim % y.dim())
        return y


class SequenceParallel(ParallelStyle):
    """Each rank has some of the steps of a sequence: norms and dropout work on them alone.

    The module's parameters are whole on every rank, and their gradients are added up.

    sequence_dim: the dimension of the steps. use_local_output: plain tensors instead of DTensors.

    >>> parallel = dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> net = parallel.parallelize_module(nn.LayerNorm(4), mesh, parallel.SequenceParallel())
    >>> net(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, *, sequence_dim: int = 1, use_local_output: bool = True) -> None:
        self.sequence_dim = sequence_dim

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        group = mesh.get_group()
        inner = module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            args = tuple([local(x, Shard(self.sequence_dim), mesh) for x in args])
            held = {n: p for n, p in module._parameters.items() if p is not None}
            module._parameters.update({n: Copied.apply(p, group) for n, p in held.items()})
            try:
                return inner(*args, **kwargs)
            finally:
                module._parameters.update(held)

        module.__dict__["forward"] = forward
        return module


def moved(x: Any, now: Placement | None, wanted: Placement | None, group: ProcessGroup) -> Any:
    """A tensor in another placement."""
    if not isinstance(x, Tensor) or now is None or wanted is None or now == wanted:
        return x
    if isinstance(now, Shard):
        dim = now.dim % x.dim()
        x = Joined.apply(x, group, dim, x.shape[dim] * group.n)
    return Cut.apply(x, group, wanted.dim % x.dim()) if isinstance(wanted, Shard) else x


def as_tuple(layouts: Any) -> tuple[Any, ...]:
    """One placement or several, as a tuple."""
    if layouts is None or isinstance(layouts, Placement):
        return (layouts,)
    return tuple(layouts)


class PrepareModuleInput(ParallelStyle):
    """Move the inputs of a module from the placements they have to those it wants.

    input_layouts: the placements of the inputs. desired_input_layouts: the placements wanted.
    input_kwarg_layouts: the same for arguments by name. desired_input_kwarg_layouts: the same for
    arguments by name. use_local_output: plain tensors instead of DTensors.

    Raises TypeError where input_layouts or desired_input_layouts is of the wrong type.

    >>> tensor, parallel = dist.tensor, dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> style = parallel.PrepareModuleInput(
    ...     input_layouts=tensor.Shard(0), desired_input_layouts=tensor.Replicate(),
    ...     use_local_output=True,
    ... )
    >>> parallel.parallelize_module(nn.Linear(2, 1), mesh, style)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, *, input_layouts: Any = None, desired_input_layouts: Any = None,
        input_kwarg_layouts: dict[str, Placement] | None = None,
        desired_input_kwarg_layouts: dict[str, Placement] | None = None,
        use_local_output: bool = False,
    ) -> None:  # fmt: skip
        self.now, self.wanted = as_tuple(input_layouts), as_tuple(desired_input_layouts)
        self.now_by_name = input_kwarg_layouts or {}
        self.wanted_by_name = desired_input_kwarg_layouts or {}
        self.plain = use_local_output

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        group = mesh.get_group()

        def before(module: Module, args: Any, kwargs: Any) -> Any:
            pairs = [*zip(self.now, self.wanted), *[(None, None)] * len(args)]
            by_name = lambda k: (self.now_by_name.get(k), self.wanted_by_name.get(k))
            return (
                tuple([given(x, *pair) for x, pair in zip(args, pairs)]),
                {k: given(x, *by_name(k)) for k, x in kwargs.items()},
            )

        def given(x: Any, now: Placement | None, wanted: Placement | None) -> Any:
            if not isinstance(x, Tensor) or now is None or wanted is None:
                return x
            y = moved(local(x, now, mesh), now, wanted, group)
            return y if self.plain else DTensor.from_local(y, mesh, [wanted])

        module.register_forward_pre_hook(before, with_kwargs=True)
        return module


class PrepareModuleOutput(ParallelStyle):
    """Move the outputs of a module from the placements they have to those that are wanted.

    output_layouts: the placements of the outputs. desired_output_layouts: the placements wanted.
    use_local_output: plain tensors instead of DTensors.

    Raises TypeError where output_layouts or desired_output_layouts is of the wrong type.

    >>> tensor, parallel = dist.tensor, dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> style = parallel.PrepareModuleOutput(
    ...     output_layouts=tensor.Replicate(), desired_output_layouts=tensor.Shard(0)
    ... )
    >>> parallel.parallelize_module(nn.Linear(2, 1), mesh, style)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, *, output_layouts: Any, desired_output_layouts: Any, use_local_output: bool = True
    ) -> None:
        self.now, self.wanted = as_tuple(output_layouts), as_tuple(desired_output_layouts)

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        group = mesh.get_group()

        def after(module: Module, args: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                return tuple(map(given, output, self.now, self.wanted))
            return given(output, self.now[0], self.wanted[0])

        def given(x: Any, now: Placement | None, wanted: Placement | None) -> Any:
            return moved(x if now is None else local(x, now, mesh), now, wanted, group)

        module.register_forward_hook(after)
        return module


class PrepareModuleInputOutput(ParallelStyle):
    """Move the inputs and the outputs of a module from the placements they have to those wanted.

    input_layouts: the placements of the inputs. desired_input_layouts: the placements wanted.
    input_kwarg_layouts: the same for arguments by name. desired_input_kwarg_layouts: the same for
    arguments by name. use_local_input: plain tensors as inputs instead of DTensors.
    output_layouts: the placements of the outputs. desired_output_layouts: the placements wanted.
    use_local_output: plain tensors as outputs instead of DTensors.

    Raises TypeError where a layout is of the wrong type.

    >>> tensor, parallel = dist.tensor, dist.tensor.parallel
    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> style = parallel.PrepareModuleInputOutput(
    ...     input_layouts=tensor.Shard(0), desired_input_layouts=tensor.Replicate(),
    ...     use_local_input=True, output_layouts=tensor.Replicate(),
    ...     desired_output_layouts=tensor.Shard(0),
    ... )
    >>> parallel.parallelize_module(nn.Linear(2, 1), mesh, style)(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self, *, input_layouts: Any = None, desired_input_layouts: Any = None,
        input_kwarg_layouts: dict[str, Placement] | None = None,
        desired_input_kwarg_layouts: dict[str, Placement] | None = None,
        use_local_input: bool = False, output_layouts: Any, desired_output_layouts: Any,
        use_local_output: bool = True,
    ) -> None:  # fmt: skip
        self.prepare_module_input = PrepareModuleInput(
            input_layouts=input_layouts, desired_input_layouts=desired_input_layouts,
            input_kwarg_layouts=input_kwarg_layouts,
            desired_input_kwarg_layouts=desired_input_kwarg_layouts,
            use_local_output=use_local_input,
        )  # fmt: skip
        self.prepare_module_output = PrepareModuleOutput(
            output_layouts=output_layouts, desired_output_layouts=desired_output_layouts,
            use_local_output=use_local_output,
        )  # fmt: skip

    def _apply(self, module: Module, mesh: DeviceMesh) -> Module:
        self.prepare_module_input._apply(module, mesh)
        return self.prepare_module_output._apply(module, mesh)


@clear_errors
def parallelize_module(
    module: Module, device_mesh: DeviceMesh | None = None, parallelize_plan: Any = None,
    *, src_data_rank: int | None = 0,
) -> Module:  # fmt: skip
    """Cut a module, or modules inside of it, over the ranks of a mesh, in place.

    Args:
        module: the module.
        device_mesh: the ranks, in one dimension.
        parallelize_plan: a style, or a dict of styles by names of modules inside, where `*` stands
            for any one part of a name.
        src_data_rank: the rank whose parameters count; None if all have the same.

    Raises:
        ValueError: a mesh of several dimensions. RuntimeError: a name that fits no module.
        NotImplementedError: a layer that the style cannot cut.

    Raises TypeError where module, device_mesh or parallelize_plan is of the wrong type.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> mesh = dist.init_device_mesh("cpu", (1,))
    >>> from wengert.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel
    >>> from wengert.distributed.tensor.parallel import parallelize_module
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> plan = {"0": ColwiseParallel(), "2": RowwiseParallel()}
    >>> parallelize_module(net, mesh, plan)(torch.ones(1, 4)).shape
    torch.Size([1, 2])
    >>> dist.destroy_process_group()
    """
    from ..dtensor import whole_world

    mesh = device_mesh if device_mesh is not None else whole_world()
    if mesh.ndim != 1:
        raise ValueError(
            f"parallelize_module: the mesh has {mesh.ndim} dimensions: give one of them, mesh['tp']"
        )
    if parallelize_plan is None:
        return module
    if isinstance(parallelize_plan, ParallelStyle):
        parallelize_plan.src_data_rank = src_data_rank
        return parallelize_plan._apply(module, mesh)
    for pattern, style in parallelize_plan.items():
        found = [
            m
            for name, m in module.named_modules()
            if name.count(".") == pattern.count(".") and fnmatch.fnmatchcase(name, pattern)
        ]
        if not found:
            raise RuntimeError(f"parallelize_module: no module has the name {pattern!r}")
        style.src_data_rank = src_data_rank
        for m in found:
            style._apply(m, mesh)
    return module
