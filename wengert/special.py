"""torch.special: re-exports of the special functions, which `ops/special.py` and
`ops/special_more.py` define.
"""

from __future__ import annotations

from typing import Any

from .engine.op import FUNCTIONS
from .tensor.functions import resolve


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("special", name)
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS["special"])
