"""torch.serialization: re-exports."""

from typing import Any as _Any

from .base.absent import absent as _absent
from .io import (
    LoadEndianness,
    add_safe_globals,
    clear_safe_globals,
    default_restore_location,
    get_default_load_endianness,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    load,
    location_tag,
    safe_globals,
    save,
    set_default_load_endianness,
    skip_data,
)
from .io.legacy import MAGIC as MAGIC_NUMBER
from .io.legacy import VERSION as PROTOCOL_VERSION

MAP_LOCATION = _Any  # in annotations: a device, a string, a dict or a function

__all__ = [
    "MAGIC_NUMBER", "MAP_LOCATION", "PROTOCOL_VERSION",
    "LoadEndianness", "add_safe_globals", "clear_safe_globals", "default_restore_location",
    "get_default_load_endianness", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load",
    "location_tag", "safe_globals", "save", "set_default_load_endianness", "skip_data",
]  # fmt: skip

__getattr__ = _absent("torch.serialization")
