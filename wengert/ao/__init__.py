"""torch.ao: pruning; of quantization only what code asks for."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from ..base.absent import not_yet as _not_yet


def __getattr__(name: str) -> _Any:
    if name in ("pruning", "quantization"):
        return _import_module(f".{name}", __name__)
    raise _not_yet("torch.ao", name)
