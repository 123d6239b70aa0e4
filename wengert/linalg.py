"""torch.linalg: linear algebra, resolved by name at first use. There is no logic here."""

from __future__ import annotations

from typing import Any

from .api.functions import resolve
from .base.errors import LinAlgError
from .engine.registry import FUNCTIONS

__all__ = ["LinAlgError"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("linalg", name)
    return f


def __dir__() -> list[str]:
    return sorted({"LinAlgError", *FUNCTIONS["linalg"]})
