"""torch.nn.parallel._functions: the steps of DataParallel, as libraries with batches of their own
call them. They are written in functions that have gradients, so that there is nothing to define.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...base.devices import device as Device
from ...engine.tensor import Tensor
from .data_parallel import _device, gather

__all__ = ["Broadcast", "Gather", "ReduceAddCoalesced", "Scatter"]


class Scatter:
    """A tensor split along a dimension, a part on each device."""

    @staticmethod
    def apply(
        target_gpus: Sequence[Any], chunk_sizes: Sequence[int] | None, dim: int, input: Tensor
    ) -> tuple[Tensor, ...]:
        """The parts. chunk_sizes: along dim; None: equal ones."""
        devices = [_device(d) for d in target_gpus]
        parts = (
            T.chunk(input, len(devices), dim) if chunk_sizes is None
            else T.split(input, list(chunk_sizes), dim)
        )  # fmt: skip
        return tuple([part.to(d) for part, d in zip(parts, devices)])


class Gather:
    """Tensors of several devices joined along a dimension on one."""

    @staticmethod
    def apply(target_device: Any, dim: int, *inputs: Tensor) -> Tensor:
        """The joint tensor. AssertionError for tensors on the CPU."""
        if any(x.device.type == "cpu" for x in inputs):
            raise AssertionError("Gather function not implemented for CPU tensors")
        return gather(inputs, target_device, dim)


class Broadcast:
    """Copies of tensors on several devices."""

    @staticmethod
    def apply(target_gpus: Sequence[Any], *inputs: Tensor) -> tuple[Tensor, ...]:
        """All inputs on the first device, then on the next. AssertionError for those on the CPU."""
        if any(x.device.type == "cpu" for x in inputs):
            raise AssertionError("Broadcast function not implemented for CPU tensors")
        return tuple([x.to(_device(d)) for d in target_gpus for x in inputs])


class ReduceAddCoalesced:
    """Sums, on one device, of what several have."""

    @staticmethod
    def apply(destination: Any, num_inputs: int, *grads: Tensor) -> tuple[Tensor, ...]:
        """num_inputs sums; grads: those of the first device, then those of the next."""
        at = _device(destination)
        return tuple([
            functools.reduce(T.add, [x.to(at) for x in grads[i::num_inputs]])
            for i in range(num_inputs)
        ])  # fmt: skip


def _get_stream(device: Any) -> None:
    """None: copies are made where they are asked for."""
    Device(device)
