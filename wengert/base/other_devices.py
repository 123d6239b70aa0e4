"""Devices of other vendors: there are none, and what needs one says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .absent import ADVICE, catalogue, not_yet
from .aliases import alias
from .errors import NoDeviceError


def device_count() -> int:
    """How many there are: none.

    >>> torch.mps.device_count()
    0
    """
    return 0


def is_available() -> bool:
    """Whether there is one: no."""
    return False


def manual_seed(seed: int) -> None:
    """Accepted; there is no generator to seed."""


is_initialized = alias(is_available, "is_initialized")
manual_seed_all = alias(manual_seed, "manual_seed_all")


def empty_cache() -> None:
    """Accepted; there is no memory to give back."""


def memory(device: Any = None) -> int:
    """0: there is no memory, and nothing to reset."""
    return 0


def needs_device(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of torch.xpu and its kin: PyTorch's functions raise NoDeviceError."""

    def __getattr__(name: str) -> Any:
        if catalogue().get(module, {}).get(name) != "function":
            raise not_yet(module, name)

        if name.endswith(("_allocated", "_reserved")) or name.startswith("reset_"):
            return memory

        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise NoDeviceError(f"{module}.{name}(): {ADVICE[module]}")

        refuse.__name__ = refuse.__qualname__ = name
        refuse.__doc__ = f"{name}(): there is no such device, so it raises an error."
        return refuse

    return __getattr__
