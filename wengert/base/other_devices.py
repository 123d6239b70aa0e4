"""Devices of other vendors: there are none, and what needs one says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .absent import ADVICE


def device_count() -> int:
    """How many there are: none."""
    return 0


def manual_seed(seed: int) -> None:
    """Accepted; there is no generator to seed."""


def empty_cache() -> None:
    """Accepted; there is no memory to give back."""


def refuse(kind: str) -> Callable[..., Any]:
    """A function that needs such a device: raises RuntimeError."""

    def synchronize(device: Any = None) -> None:
        """Not available: raises RuntimeError."""
        raise RuntimeError(f"torch.{kind}: {ADVICE[f'torch.{kind}']}")

    return synchronize
