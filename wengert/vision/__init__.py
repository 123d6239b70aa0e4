"""What scripts import as torchvision: images and what is done with them. Re-exports only."""

from __future__ import annotations

import importlib as _importlib
from typing import Any as _Any

from .version import __version__

_LAZY = ("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils")


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torchvision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
