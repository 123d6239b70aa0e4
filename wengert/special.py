"""torch.special: re-exports of the special functions, which `ops/math/special.py` and
`ops/math/orthogonal_polynomials.py` define.
"""

from __future__ import annotations

from typing import Any

from .api.functions import resolve
from .engine.registry import FUNCTIONS


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("special", name)
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS["special"])
