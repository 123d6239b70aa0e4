"""torch.masked: re-exports of the masked operations, which `ops/reduce/masked.py` defines."""

from __future__ import annotations

from typing import Any

from ..api.functions import resolve
from ..engine.registry import FUNCTIONS
from ..ops.reduce.masked import output_mask as _output_mask


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("masked", name)
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS["masked"])
