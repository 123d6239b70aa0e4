"""The simulated devices sim:0, sim:1: NumPy behind a strict wrapper, so that device rules are
tested without a GPU. `simulated_cuda.py` lends them CUDA's names.

As CuPy's, their arrays have one type and know their device, and Python's operators work on the
current device only. What CuPy would do silently in the wrong place is an error here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ..base.devices import device
from .lookup import NS, PER_DEVICE
from .strict_array import Wrapped, WrappedNamespace, operators

COUNT = 2


class SimArray(Wrapped):
    """An array of one of the simulated devices."""

    __slots__ = ()

    def check_current(self) -> None:
        ns = NS[type(self)]
        if self.index != ns.here.index:
            raise RuntimeError(
                f"an operator on an array of {ns.kind}:{self.index} while {ns.kind}:"
                f"{ns.here.index} is the current device: work within namespace.current()"
            )


class Current(threading.local):
    """The number of the current device of a thread."""

    index = 0


class SimNamespace(WrappedNamespace):
    """The vocabulary on one simulated device; without an index, on operands of any of them."""

    kind = "sim"  # of device
    here: ClassVar[Current] = Current()
    every: ClassVar[list[SimNamespace]] = []  # one for each device

    def made(self, value: Any) -> SimArray:
        """A new array of this device."""
        if self.__dict__["index"] is None:
            raise RuntimeError(
                "an array of no device: find the namespace by an array's type and device"
            )
        return super().made(value)

    def of(self, a: Any) -> SimNamespace:
        """The namespace of the device that a is on."""
        return self.every[a.index]

    @contextmanager
    def current(self) -> Iterator[None]:
        """A context in which this is the current device."""
        before, self.here.index = self.here.index, self.__dict__["index"]
        try:
            yield
        finally:
            self.here.index = before

    def device_of(self, a: Any) -> device:
        return device(self.kind, a.index)


def install(cls: type[SimNamespace], array: type[SimArray], count: int) -> None:
    """Make `count` devices of a kind."""
    operators(array)
    PER_DEVICE.add(array)
    NS[array] = cls(cls.kind, array, None)
    cls.every[:] = [cls(f"{cls.kind}:{i}", array, i) for i in range(count)]


install(SimNamespace, SimArray, COUNT)
NAMESPACES = SimNamespace.every


def on_device(d: device) -> SimNamespace:
    """The namespace that makes arrays on a simulated device."""
    i = SimNamespace.here.index if d.index is None else d.index
    if i >= COUNT:
        raise RuntimeError(
            f"invalid device ordinal: there is no {d}; the simulated devices are sim:0 to "
            f"sim:{COUNT - 1}"
        )
    return NAMESPACES[i]
