"""PyTorch's files. `save` and `load`, and which classes a file may name."""

from .reading import (
    LoadEndianness,
    default_restore_location,
    get_default_load_endianness,
    get_unsafe_globals_in_checkpoint,
    load,
    location_tag,
    set_default_load_endianness,
)
from .safe import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .skipping import skip_data
from .writing import save

__all__ = [
    "LoadEndianness", "add_safe_globals", "clear_safe_globals", "default_restore_location",
    "get_default_load_endianness", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load",
    "location_tag", "safe_globals", "save", "set_default_load_endianness", "skip_data",
]  # fmt: skip
