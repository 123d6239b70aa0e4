"""The meta device: arrays with a shape and a dtype and no elements (one zero stands for all of
them).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.devices import device
from .lookup import NS
from .strict_array import Wrapped, WrappedNamespace, operators


class MetaArray(Wrapped):
    """A shape and a dtype."""

    __slots__ = ()

    @property
    def strides(self) -> tuple[int, ...]:
        """Those of an ordinary array: the one zero underneath is nobody's business."""
        out, step = [], self.dtype.itemsize
        for n in reversed(self.shape):
            out.append(step)
            step *= max(n, 1)
        return tuple(reversed(out))

    @property
    def flags(self) -> Any:
        """Those of an ordinary array, too: its elements lie in order."""
        return IN_ORDER

    def item(self) -> Any:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors: they have no elements")

    tolist = max = min = nonzero = item


operators(MetaArray)
IN_ORDER = np.zeros(()).flags
DEVICE = device("meta")


class MetaNamespace(WrappedNamespace):
    """The vocabulary over shapes: every word runs on a broadcast zero."""

    has = frozenset(()).__contains__

    @staticmethod
    def device_of(a: Any) -> device:
        return DEVICE

    def wrap(self, out: Any, index: int, sources: Any) -> Any:
        if not isinstance(out, (np.ndarray, np.generic)):
            return out
        w = super().wrap(out, index, sources)
        w.value = hollow(w.value.shape, w.value.dtype)
        return w

    def from_host(self, a: np.ndarray) -> Any:
        return MetaArray(hollow(a.shape, a.dtype))

    def to_host(self, a: Wrapped) -> np.ndarray:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")

    def copy_into(self, x: Wrapped, value: Any) -> None:
        """Nothing to overwrite."""

    def zeros(self, shape: Any, dtype: Any = None) -> Any:
        return MetaArray(hollow(tuple(shape), np.dtype(getattr(dtype, "np", dtype) or np.float32)))

    ones = empty = zeros

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        return self.zeros(shape, dtype)


def hollow(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of any shape in the memory of one element."""
    return np.lib.stride_tricks.as_strided(np.zeros((), dtype), shape, (0,) * len(shape))


def on_device(d: device) -> MetaNamespace:
    """The namespace that makes arrays without elements."""
    return NAMESPACE


NAMESPACE = MetaNamespace("meta", MetaArray)
NS[MetaArray] = NAMESPACE
