"""torch.fft: Fourier transforms, resolved by name at first use. There is no logic here."""

from __future__ import annotations

from typing import Any

from .api.functions import resolve
from .engine.registry import FUNCTIONS


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("fft", name)
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS["fft"])
