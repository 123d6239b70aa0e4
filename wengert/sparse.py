"""torch.sparse: re-exports of the functions on sparse tensors, which `ops/sparse_more.py`
defines.
"""

from __future__ import annotations

from typing import Any

from .engine.op import FUNCTIONS
from .tensor.functions import resolve


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    f = globals()[name] = resolve("sparse", name)
    return f


def __dir__() -> list[str]:
    return sorted(FUNCTIONS["sparse"])
