"""torch.cpu: re-exports; torch.cpu.amp is imported when it is first used."""

import importlib as _importlib
from typing import Any as _Any

from ..api.cpu_api import (
    Event,
    Stream,
    StreamContext,
    current_device,
    current_stream,
    device_count,
    is_available,
    is_initialized,
    set_device,
    stream,
    synchronize,
)


def __getattr__(name: str) -> _Any:
    if name == "amp":
        return _importlib.import_module(f"{__name__}.amp")
    raise AttributeError(f"module 'torch.cpu' has no attribute {name!r}")
