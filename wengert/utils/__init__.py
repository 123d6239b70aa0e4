"""torch.utils: re-exports; its parts are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

from ..base.absent import not_yet as _not_yet


def __getattr__(name: str) -> Any:
    if name == "swap_tensors":
        from ..api.exchange import swap_tensors

        return swap_tensors
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise _not_yet("torch.utils", name) from None
