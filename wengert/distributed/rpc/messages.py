"""What travels between the processes of rpc: Python objects as pickles, with two exceptions.

Tensors that need a gradient, within a context of distributed autograd, leave their graph behind and
are leaves where they arrive: both sides note which. References to values (RRef) are counted by the
owner of the value: a sender keeps its own until the receiver has said that it has one.
"""

from __future__ import annotations

import io
import pickle
import threading
from typing import Any

from ...engine.tensor import Tensor

__all__ = ["Packed", "unpack"]


class _Pickler(pickle.Pickler):
    """Notes tensors that need a gradient, and references."""

    def __init__(self, file: Any, following: bool) -> None:
        super().__init__(file, protocol=5)
        self.following = following
        self.tensors: list[Tensor] = []
        self.references: list[Any] = []

    def reducer_override(self, value: Any) -> Any:
        if hasattr(value, "_counted_by_owner"):
            self.references.append(value)
            return value._counted_by_owner()
        if isinstance(value, Tensor) and value.device.type not in ("cpu", "meta"):
            raise RuntimeError(
                f"rpc sends CPU tensors, not one on {value.device}: write .cpu() before it is sent "
                "and .to(device) where it arrives"
            )
        if type(value) is Tensor and value.requires_grad:
            if not self.following:
                return _trained, (value.detach(),)
            self.tensors.append(value)
            return _followed, (value.detach(),)
        return NotImplemented


class Packed:
    """A message's bytes, with what its sender keeps: tensors whose gradients are to find their way
    back (if following), and references.
    """

    def __init__(self, value: Any, following: bool = False) -> None:
        file = io.BytesIO()
        pickler = _Pickler(file, following)
        try:
            pickler.dump(value)
        except (pickle.PicklingError, AttributeError, TypeError) as e:
            raise RuntimeError(
                f"rpc cannot send this: {e}. Functions and classes are sent by their names, which "
                "all processes must be able to import"
            ) from e
        self.bytes, self.tensors = file.getvalue(), pickler.tensors
        self.references = pickler.references


class _Reading(threading.local):
    """The leaves and references of the message that this thread reads."""

    leaves: tuple[list[Tensor], list[Any]] = ([], [])


reading = _Reading()


def _trained(value: Tensor) -> Tensor:
    return value.requires_grad_()


def _followed(value: Tensor) -> Tensor:
    reading.leaves[0].append(value.requires_grad_())
    return value


def unpack(data: bytes | memoryview) -> tuple[Any, list[Tensor], list[Any]]:
    """(the object, its leaves whose gradients go back, its references)."""
    before, reading.leaves = reading.leaves, ([], [])
    try:
        value = pickle.loads(data)
        return value, *reading.leaves
    finally:
        reading.leaves = before
