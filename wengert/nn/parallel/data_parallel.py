"""DataParallel: the batch split over devices, a replica of the module on each, outputs joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from ...api import functions as T
from ...arrays.cuda import device_count
from ...base.devices import device as Device
from ...base.modes import state
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ..module import Module

M = TypeVar("M", bound=Module)

__all__ = ["DataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter"]


def _device(where: Any) -> Device:
    return Device("cuda", where) if isinstance(where, int) else Device(where)


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> Any:
    """Tensors in inputs split along dim over devices; other objects go to each.

    target_gpus: numbers of CUDA devices, or devices.

    Tensors have any shape with the batch along dim. Raises TypeError where target_gpus is of the
    wrong type; RuntimeError where target_gpus is empty.

    >>> [x.shape for x in nn.parallel.scatter(torch.ones(4, 2), ["cpu", "cpu"])]
    [torch.Size([2, 2]), torch.Size([2, 2])]
    """
    devices = [_device(d) for d in target_gpus]

    def spread(x: Any) -> list[Any]:
        if isinstance(x, Tensor):
            parts = x.chunk(len(devices), dim)
            return [p.to(d) for p, d in zip(parts, devices)]
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return [type(x)(*parts) for parts in zip(*map(spread, x))]
        if isinstance(x, (tuple, list)) and x:
            return [type(x)(parts) for parts in zip(*map(spread, x))]
        if isinstance(x, Mapping) and x:
            return [dict(zip(x, parts)) for parts in zip(*map(spread, x.values()))]
        return [x for _ in devices]

    return tuple(spread(inputs)) if isinstance(inputs, Tensor) else spread(inputs)


def scatter_kwargs(
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    target_gpus: Sequence[Any],
    dim: int = 0,
) -> tuple[tuple[Any, ...], tuple[dict[str, Any], ...]]:
    """(arguments, keyword arguments) for each device: of both as many, empty where there are none.

    inputs: the arguments. kwargs: the keyword arguments. target_gpus: numbers of CUDA devices, or
    devices. dim: along which tensors are split.

    Tensors have any shape with the batch along dim. Raises TypeError where target_gpus is of the
    wrong type; RuntimeError where target_gpus is empty.

    >>> inputs, kwargs = scatter_kwargs((torch.ones(4, 2),), {}, ["cpu", "cpu"])
    >>> inputs[0][0].shape, kwargs
    (torch.Size([2, 2]), ({}, {}))
    """
    rows = scatter(inputs, target_gpus, dim) if inputs else []
    options = scatter(kwargs, target_gpus, dim) if kwargs else []
    n = max(len(rows), len(options))
    rows = (*rows, *[()] * (n - len(rows)))
    return rows, (*options, *({} for _ in range(n - len(options))))


def gather(outputs: Sequence[Any], target_device: Any, dim: int = 0) -> Any:
    """Outputs of several devices joined along dim on one.

    outputs: of the devices. target_device: where they are joined.

    Tensors have any shape with the batch along dim. Raises TypeError where outputs is of the wrong
    type; IndexError where outputs is empty; RuntimeError where target_device is unknown or
    target_device is of the wrong type.

    >>> nn.parallel.gather([torch.ones(2), torch.zeros(1)], "cpu")
    tensor([1., 1., 0.])
    """
    first = outputs[0]
    where = Device("cpu") if target_device == -1 else _device(target_device)
    if isinstance(first, Tensor):
        parts = [o.to(where) for o in outputs]
        return T.stack(parts) if first.dim() == 0 else T.cat(parts, dim)
    if first is None:
        return None
    if isinstance(first, Mapping):
        return type(first)({k: gather([o[k] for o in outputs], where, dim) for k in first})  # type: ignore
    joined = [gather(parts, where, dim) for parts in zip(*outputs)]
    return type(first)(*joined) if hasattr(first, "_fields") else type(first)(joined)


@clear_errors
def replicate(network: Module, devices: Sequence[Any], detach: bool = False) -> list[Module]:
    """Copies of the module on devices; gradients of the copies reach the original.

    network: a Module. detach: whether copies are constants.

    Raises TypeError where devices is of the wrong type.

    >>> len(torch.nn.parallel.replicate(nn.Linear(2, 1), ["cpu"]))
    1
    """

    def copy(module: Module, where: Device) -> Module:
        replica = module._replicate_for_data_parallel()
        for name, p in module._parameters.items():
            moved = None if p is None else (p.detach() if detach else p).to(where)
            object.__setattr__(replica, name, moved)
        replica._buffers = {
            k: None if b is None else b.to(where) for k, b in replica._buffers.items()
        }
        replica._modules = {
            k: None if m is None else copy(m, where) for k, m in module._modules.items()
        }
        return replica

    return [copy(network, _device(d)) for d in devices]


def get_a_var(obj: Any) -> Tensor | None:
    """The first tensor in a nest of lists, tuples and dictionaries; None where there is none."""
    if isinstance(obj, Tensor):
        return obj
    inside = obj.items() if isinstance(obj, Mapping) else obj
    if isinstance(obj, (list, tuple, Mapping)):
        return next((t for t in map(get_a_var, inside) if t is not None), None)
    return None


def parallel_apply(
    modules: Sequence[Any], inputs: Sequence[Any], kwargs_tup: Any = None, devices: Any = None
) -> list[Any]:
    """Each module on its inputs. Launches on a GPU return at once, so the devices overlap.

    modules: one for each input. kwargs_tup: arguments by name, for each.

    Tensors have any shape that the modules take. Raises TypeError where modules or inputs is of the
    wrong type.

    >>> net = nn.Linear(2, 1)
    >>> torch.nn.parallel.parallel_apply([net], [(torch.ones(4, 2),)])[0].shape
    torch.Size([4, 1])
    """
    kwargs_tup = [{}] * len(modules) if kwargs_tup is None else kwargs_tup
    rows = [x if isinstance(x, (list, tuple)) else (x,) for x in inputs]
    return [m(*x, **k) for m, x, k in zip(modules, rows, kwargs_tup)]


def data_parallel(
    module: Module, inputs: Any, device_ids: Sequence[Any] | None = None,
    output_device: Any = None, dim: int = 0, module_kwargs: Any = None,
) -> Any:  # fmt: skip
    """module(*inputs) with the batch split over devices; on one device, just the call.

    device_ids: numbers of CUDA devices, or devices. output_device: where the results are
    joined; None: the first device. dim: of the batch. module_kwargs: arguments by name.

    Tensors have any shape with the batch along dim. Raises TypeError where module, inputs or
    device_ids is of the wrong type; RuntimeError where inputs has a shape that does not fit or
    inputs holds integers, booleans or complex numbers.

    >>> torch.nn.parallel.data_parallel(nn.Linear(2, 1), torch.ones(4, 2), ["cpu"]).shape
    torch.Size([4, 1])
    """
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    kwargs = module_kwargs or {}
    if device_ids is None or len(device_ids) < 2:
        return module(*inputs, **kwargs)
    rows = scatter(inputs, device_ids, dim)
    options = scatter(kwargs, device_ids, dim) if kwargs else [{}] * len(rows)
    replicas = replicate(module, list(device_ids)[: len(rows)])
    outputs = parallel_apply(replicas, rows, options)
    return gather(outputs, device_ids[0] if output_device is None else output_device, dim)


class DataParallel(Module, Generic[M]):
    """Splits the batch over devices, runs a replica of the module on each, and joins the outputs.

    module: wrapped, as `.module`; on device_ids[0]. device_ids: numbers of CUDA devices, or
    devices; all CUDA devices by default; where there is none the module is simply called.
    output_device: of the outputs, device_ids[0] by default.

    RuntimeError, in a forward pass, if parameters or buffers are elsewhere.

    dim: the dimension that it works along. Tensors in it have any shape; the first dim is the
    batch.

    >>> nn.DataParallel(nn.Linear(2, 3))(torch.ones(4, 2)).shape
    torch.Size([4, 3])
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None,
        dim: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.module = module
        count = device_count()
        if device_ids is None:
            device_ids = range(count)
        devices = [_device(d) for d in device_ids]
        if not count:  # the module runs where it is, as in PyTorch
            devices = [d for d in devices if d.type != "cuda"]
        self.device_ids = [d.index if d.type == "cuda" else d for d in devices]
        first = devices[0] if devices else None
        self.output_device = self.device_ids[0] if output_device is None and devices else (
            output_device
        )  # fmt: skip
        self.dim, self.src_device_obj = dim, first
        if len(devices) == 1:
            module.to(first)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        for t in [*self.module.parameters(), *self.module.buffers()]:
            if t.device != self.src_device_obj:
                raise RuntimeError(
                    "module must have its parameters and buffers on device "
                    f"{self.src_device_obj} (device_ids[0]) but found one of them on device: "
                    f"{t.device}: write module.to({str(self.src_device_obj)!r})"
                )
        rows, options = self.scatter(inputs, kwargs, self.device_ids)
        if len(rows) == 1:
            return self.module(*rows[0], **options[0])
        replicas = self.replicate(self.module, self.device_ids[: len(rows)])
        return self.gather(self.parallel_apply(replicas, rows, options), self.output_device)

    @clear_errors
    def replicate(self, module: Module, device_ids: Sequence[Any]) -> list[Module]:
        """The module on each device.

        Raises TypeError where device_ids is of the wrong type.

        >>> m = nn.DataParallel(nn.Linear(2, 1))
        >>> len(m.replicate(m.module, ["cpu"]))
        1
        """
        return replicate(module, device_ids, not state.grad)

    def scatter(self, inputs: Any, kwargs: Any, device_ids: Sequence[Any]) -> Any:
        """(arguments, keyword arguments) for each device that gets a part of the batch.

        inputs: the arguments, or a tuple of them for each device. kwargs: the keyword arguments, or
        a dict for each device.

        Raises TypeError where device_ids is of the wrong type; RuntimeError where device_ids is
        empty.

        >>> m = nn.DataParallel(nn.Linear(2, 1))
        >>> inputs, kwargs = m.scatter((torch.ones(4, 2),), {}, ["cpu", "cpu"])
        >>> inputs[0][0].shape
        torch.Size([2, 2])
        """
        rows, options = scatter_kwargs(inputs, kwargs, device_ids, self.dim)
        n = max(len(rows), 1)
        return [*rows, *[()] * (n - len(rows))], [*options, *[{} for _ in range(n - len(rows))]]

    def parallel_apply(
        self, replicas: Sequence[Any], inputs: Sequence[Any], kwargs: Any
    ) -> list[Any]:
        """The outputs of the replicas.

        inputs: the arguments, or a tuple of them for each device. kwargs: the keyword arguments, or
        a dict for each device.

        Raises TypeError where replicas, inputs or kwargs is of the wrong type.

        >>> m = nn.DataParallel(nn.Linear(2, 1))
        >>> m.parallel_apply([m.module], [(torch.ones(4, 2),)], [{}])[0].shape
        torch.Size([4, 1])
        """
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs: Sequence[Any], output_device: Any) -> Any:
        """The outputs, joined on one device.

        output_device: where the results are joined; None: the first device.

        Raises TypeError where outputs is of the wrong type; IndexError where outputs is empty;
        RuntimeError where output_device is unknown or output_device is of the wrong type.

        >>> m = nn.DataParallel(nn.Linear(2, 1))
        >>> m.gather([torch.ones(2), torch.zeros(2)], "cpu")
        tensor([1., 1., 0., 0.])
        """
        return gather(outputs, output_device, self.dim)
