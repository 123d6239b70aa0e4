"""torch.serialization: re-exports."""

from typing import Any as _Any

from .base.absent import absent as _absent
from .io import (
    LoadEndianness,
    add_safe_globals,
    clear_safe_globals,
    get_default_load_endianness,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    load,
    safe_globals,
    save,
    set_default_load_endianness,
    skip_data,
)

MAP_LOCATION = _Any  # in annotations: a device, a string, a dict or a function

__all__ = [
    "MAP_LOCATION",
    "LoadEndianness", "add_safe_globals", "clear_safe_globals", "get_default_load_endianness",
    "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load", "safe_globals", "save",
    "set_default_load_endianness", "skip_data",
]  # fmt: skip

__getattr__ = _absent("torch.serialization")
