"""Tensors copied, cut and added up between devices (torch.cuda.comm)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.tensor import Tensor
from . import functions as T

__all__ = [
    "broadcast",
    "broadcast_coalesced",
    "gather",
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
    """Copies of a tensor on devices, or in the tensors of out."""
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
    """
    return [tuple([t.to(d) for t in tensors]) for d in _devices(devices)]


def reduce_add(inputs: Sequence[Tensor], destination: Any = None) -> Tensor:
    """The sum of tensors of one shape, on one device (default: the current one).

    inputs: one for each device. destination: the device of the result.
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
    """
    return tuple([reduce_add(row, destination) for row in zip(*inputs)])


def scatter(
    tensor: Tensor, devices: Any = None, chunk_sizes: Any = None, dim: int = 0, streams: Any = None,
    *, out: Any = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Parts of a tensor along dim, on devices or in the tensors of out.

    chunk_sizes: the sizes of the parts; None: equal ones. streams: accepted.
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
    """
    if out is not None:
        return out.copy_(T.cat([t.to(out.device) for t in tensors], dim))
    where = _destination(destination)
    return T.cat([t.to(where) for t in tensors], dim)
