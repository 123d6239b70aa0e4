"""Tensors copied, cut and added up between devices of one process (torch.cuda.comm, and the
collectives of torch.cuda.nccl).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.tensor import Tensor
from . import functions as T

__all__ = [
    "broadcast",
    "broadcast_coalesced",
    "gather",
    "nccl_all_gather",
    "nccl_all_reduce",
    "nccl_broadcast",
    "nccl_reduce",
    "nccl_reduce_scatter",
    "reduce_add",
    "reduce_add_coalesced",
    "scatter",
]


def _devices(devices: Any) -> list[Any]:
    return [f"cuda:{d}" if isinstance(d, int) else d for d in devices]


def _destination(where: Any) -> Any:
    """One device: by default the current one, -1 for the CPU."""
    if where is None:
        return "cuda"
    return "cpu" if where == -1 else _devices([where])[0]


def broadcast(tensor: Tensor, devices: Any = None, *, out: Any = None) -> tuple[Tensor, ...]:
    """Copies of a tensor on devices, or in the tensors of out.

    The tensor has any shape. Raises RuntimeError where there is no such device.
    """
    if (devices is None) == (out is None):
        raise RuntimeError(
            f"Exactly one of 'devices' and 'out' must be specified, but got devices={devices} and "
            f"out={out}"
        )
    if out is not None:
        return tuple([t.copy_(tensor) for t in out])
    return tuple([tensor.to(d) for d in _devices(devices)])


def broadcast_coalesced(
    tensors: Sequence[Tensor], devices: Any, buffer_size: int = 10485760
) -> list[tuple[Tensor, ...]]:
    """Copies of several tensors, by device.

    devices: the devices. buffer_size: accepted.

    Tensors have any shape. Raises RuntimeError where there is no such device.
    """
    return [tuple([t.to(d) for t in tensors]) for d in _devices(devices)]


def reduce_add(inputs: Sequence[Tensor], destination: Any = None) -> Tensor:
    """The sum of tensors of one shape, on one device (default: the current one).

    inputs: one for each device. destination: the device of the result.

    Raises RuntimeError where there is no such device.
    """
    where = _destination(destination)
    total = inputs[0].to(where, copy=True)
    for t in inputs[1:]:
        total += t.to(where)
    return total


def reduce_add_coalesced(
    inputs: Sequence[Sequence[Tensor]], destination: Any = None, buffer_size: int = 10485760
) -> tuple[Tensor, ...]:
    """reduce_add of the first tensors, the second ones, and so on.

    inputs: one for each device. destination: the device of the result. buffer_size: accepted.

    Tensors of one sum have one shape: any shape. Raises RuntimeError where there is no such device.
    """
    return tuple([reduce_add(row, destination) for row in zip(*inputs)])


def scatter(
    tensor: Tensor, devices: Any = None, chunk_sizes: Any = None, dim: int = 0, streams: Any = None,
    *, out: Any = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Parts of a tensor along dim, on devices or in the tensors of out.

    chunk_sizes: the sizes of the parts; None: equal ones. streams: accepted.

    Tensors have any shape with dim. Raises RuntimeError where there is no such device.
    """
    if out is not None:
        parts = tensor.split([t.size(dim) for t in out], dim)
        return tuple([t.copy_(part) for t, part in zip(out, parts)])
    where = _devices(devices)
    parts = tensor.chunk(len(where), dim) if chunk_sizes is None else tensor.split(chunk_sizes, dim)
    return tuple([part.to(d) for part, d in zip(parts, where)])


def gather(
    tensors: Sequence[Tensor], dim: int = 0, destination: Any = None, *, out: Any = None
) -> Tensor:
    """Tensors of several devices side by side along dim, on one device (default: the current).

    tensors: one for each device. destination: the device of the result. out: the tensors to write
    into.

    Tensors have any shape with dim. Raises RuntimeError where there is no such device.
    """
    if out is not None:
        return out.copy_(T.cat([t.to(out.device) for t in tensors], dim))
    where = _destination(destination)
    return T.cat([t.to(where) for t in tensors], dim)


# ---- torch.cuda.nccl: the same between the devices of one process, by copies

# NCCL's numbers of operations
_OPS = {0: T.add, 1: T.mul, 2: T.maximum, 3: T.minimum}


def _collection(inputs: Any) -> list[Tensor]:
    if isinstance(inputs, Tensor) or not isinstance(inputs, (list, tuple)) or not inputs:
        raise TypeError("Inputs should be a collection of tensors, one for each device")
    first = inputs[0]
    if any([t.shape != first.shape or t.dtype != first.dtype for t in inputs]):
        raise ValueError("torch.cuda.nccl: all tensors must have one shape and one dtype")
    return list(inputs)


def _joined(inputs: list[Tensor], op: int, where: Any) -> Tensor:
    if op not in _OPS:
        raise ValueError(
            f"torch.cuda.nccl: op must be 0 (sum), 1 (product), 2 (max), 3 (min): {op}"
        )
    total = inputs[0].detach().to(where)
    for t in inputs[1:]:
        total = _OPS[op](total, t.detach().to(where))
    return total


def _sizes(what: str, tensors: Sequence[Tensor], count: int, numel: int) -> None:
    if len(tensors) != count or any([t.numel() != numel for t in tensors]):
        raise ValueError(
            f"torch.cuda.nccl.{what}: outputs must be {count} tensors of {numel} elements each"
        )


def nccl_all_reduce(
    inputs: Any, outputs: Any = None, op: int = 0, streams: Any = None, comms: Any = None
) -> None:
    """Give each tensor, or each of outputs, the sum (or op) of all.

    inputs: one for each device. outputs: None: inputs are changed in place. op: 0 to 3: sum,
    product, max, min. streams: accepted. comms: accepted.
    """
    tensors = _collection(inputs)
    outputs = tensors if outputs is None else outputs
    _sizes("all_reduce", outputs, len(tensors), tensors[0].numel())
    total = _joined(tensors, op, tensors[0].device)
    for t in outputs:
        t.detach().copy_(total)


def nccl_reduce(
    inputs: Any, output: Any = None, root: int = 0, op: int = 0, streams: Any = None,
    comms: Any = None, *, outputs: Any = None,
) -> None:  # fmt: skip
    """Give one tensor the sum (or op) of all.

    inputs: one for each device. output: None: the root's input. root: the number of the tensor
    that gets it. op: 0 to 3: sum, product, max, min. streams: accepted. comms: accepted. outputs:
    an older name of output.
    """
    tensors = _collection(inputs)
    if output is not None and outputs is not None:
        raise ValueError("'output' and 'outputs' can not be both specified")
    if outputs is not None:
        output = outputs[root]
    elif output is None:
        output = tensors[root]
    elif isinstance(output, (list, tuple)):
        output = output[root]
    _sizes("reduce", [output], 1, tensors[0].numel())
    output.detach().copy_(_joined(tensors, op, output.device))


def nccl_broadcast(inputs: Any, root: int = 0, streams: Any = None, comms: Any = None) -> None:
    """Give each tensor the values of one of them.

    inputs: one for each device. root: the number of the one. streams: accepted. comms: accepted.
    """
    tensors = _collection(inputs)
    for t in tensors:
        if t is not tensors[root]:
            t.detach().copy_(tensors[root].detach())


def nccl_all_gather(inputs: Any, outputs: Any, streams: Any = None, comms: Any = None) -> None:
    """Give each of outputs all inputs, one after the other.

    inputs: one for each device. outputs: as many, each as large as all inputs together. streams:
    accepted. comms: accepted.
    """
    tensors = _collection(inputs)
    _sizes("all_gather", outputs, len(tensors), len(tensors) * tensors[0].numel())
    for t in outputs:
        every = T.cat([x.detach().to(t.device).reshape(-1) for x in tensors])
        t.detach().copy_(every.reshape(t.shape))


def nccl_reduce_scatter(
    inputs: Any, outputs: Any, op: int = 0, streams: Any = None, comms: Any = None
) -> None:
    """Give each of outputs its part of the sum (or op) of all inputs.

    inputs: one for each device. outputs: as many, together as large as one input. op: 0 to 3: sum,
    product, max, min. streams: accepted. comms: accepted.
    """
    tensors = _collection(inputs)
    _sizes("reduce_scatter", outputs, len(tensors), tensors[0].numel() // len(tensors))
    total = _joined(tensors, op, tensors[0].device).reshape(-1)
    for t, part in zip(outputs, total.chunk(len(tensors))):
        t.detach().copy_(part.to(t.device).reshape(t.shape))
