"""The simulated devices sim:0, sim:1: NumPy behind a strict wrapper, so that device rules are tested without a GPU."""

from __future__ import annotations

from typing import Any

from ..base.devices import device
from .lookup import NS
from .wrapped import Wrapped, WrappedNamespace, operators

COUNT = 2


class SimArray(Wrapped):
    """An array on a simulated device."""

    __slots__ = ()


operators(SimArray)


class SimNamespace(WrappedNamespace):
    """The vocabulary on one simulated device."""

    @staticmethod
    def device_of(a: Any) -> device:
        return device("sim", a.index)


NAMESPACES = [SimNamespace(f"sim:{i}", SimArray, i) for i in range(COUNT)]
NS[SimArray] = NAMESPACES[0]


def on_device(d: device) -> SimNamespace:
    """The namespace that makes arrays on a simulated device."""
    i = d.index or 0
    if i >= COUNT:
        raise RuntimeError(f"invalid device ordinal: there is no {d}; the simulated devices are sim:0 to sim:{COUNT - 1}")
    return NAMESPACES[i]
