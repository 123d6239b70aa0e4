"""Packages that only some parts need: which extra brings them is said where one is missing."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, what: str, extra: str) -> Any:
    """A module of an optional package; ModuleNotFoundError with the extra that has it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{what}: pip install 'wengert[{extra}]'", name=module.partition(".")[0]
        ) from None
