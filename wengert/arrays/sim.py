"""The simulated devices sim:0, sim:1: NumPy behind a strict wrapper, so that device rules are
tested without a GPU.

As CuPy's, their arrays have one type and know their device, and Python's operators work on the
current device only. What CuPy would do silently in the wrong place is an error here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..base.devices import device
from .lookup import NS, PER_DEVICE
from .strict_array import Wrapped, WrappedNamespace, operators

COUNT = 2


class SimArray(Wrapped):
    """An array of one of the simulated devices."""

    __slots__ = ()

    def check_current(self) -> None:
        if self.index != _current.index:
            raise RuntimeError(
                f"an operator on an array of sim:{self.index} while sim:{_current.index} is the "
                "current device: work within namespace.current()"
            )


class _Current(threading.local):
    index = 0


_current = _Current()


class SimNamespace(WrappedNamespace):
    """The vocabulary on one simulated device; without an index, on operands of any of them."""

    def made(self, value: Any) -> SimArray:
        """A new array of this device."""
        if self.__dict__["index"] is None:
            raise RuntimeError(
                "an array of no device: find the namespace by an array's type and device"
            )
        return super().made(value)

    def of(self, a: Any) -> SimNamespace:
        """The namespace of the device that a is on."""
        return NAMESPACES[a.index]

    @contextmanager
    def current(self) -> Iterator[None]:
        """A context in which this is the current device."""
        before, _current.index = _current.index, self.__dict__["index"]
        try:
            yield
        finally:
            _current.index = before

    @staticmethod
    def device_of(a: Any) -> device:
        return device("sim", a.index)


operators(SimArray)
PER_DEVICE.add(SimArray)
NS[SimArray] = SimNamespace("sim", SimArray, None)
NAMESPACES = [SimNamespace(f"sim:{i}", SimArray, i) for i in range(COUNT)]


def on_device(d: device) -> SimNamespace:
    """The namespace that makes arrays on a simulated device."""
    i = d.index or 0
    if i >= COUNT:
        raise RuntimeError(
            f"invalid device ordinal: there is no {d}; the simulated devices are sim:0 to "
            f"sim:{COUNT - 1}"
        )
    return NAMESPACES[i]
