"""torch.signal.windows: re-exports of the windows, which `ops/signal/windows.py` defines."""

from __future__ import annotations

from typing import Any

from ..api.functions import resolve
from ..engine.registry import FUNCTIONS


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("signal.windows", name)
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS["signal.windows"])
