"""The simulated devices sim:0, sim:1: NumPy behind a strict wrapper, so that device rules are
tested without a GPU.
"""

from __future__ import annotations

from typing import Any

from ..base.devices import device
from .lookup import NS
from .strict_array import Wrapped, WrappedNamespace, operators

COUNT = 2


class SimNamespace(WrappedNamespace):
    """The vocabulary on one simulated device."""

    @staticmethod
    def device_of(a: Any) -> device:
        return device("sim", a.index)


def make(index: int) -> SimNamespace:
    """A device: a type of arrays of its own, so that an array's type tells where it lives."""
    cls = type(f"SimArray{index}", (Wrapped,), {"__slots__": (), "__module__": __name__})
    operators(cls)
    NS[cls] = ns = SimNamespace(f"sim:{index}", cls, index)
    return ns


NAMESPACES = [make(i) for i in range(COUNT)]


def on_device(d: device) -> SimNamespace:
    """The namespace that makes arrays on a simulated device."""
    i = d.index or 0
    if i >= COUNT:
        raise RuntimeError(
            f"invalid device ordinal: there is no {d}; the simulated devices are sim:0 to "
            f"sim:{COUNT - 1}"
        )
    return NAMESPACES[i]
