"""torch.serialization: re-exports."""

from os import PathLike as _PathLike
from typing import IO as _IO
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
from .io.archive import is_zipfile as _is_zipfile
from .io.legacy import MAGIC as MAGIC_NUMBER
from .io.legacy import VERSION as PROTOCOL_VERSION
from .io.names import StorageType
from .io.options import (
    SourceChangeWarning,
    get_crc32_options,
    get_default_mmap_options,
    normalize_storage_type,
    register_package,
    set_crc32_options,
    set_default_mmap_options,
)
from .io.reading import validate_cuda_device
from .ops.creation.storage import TypedStorage as _TypedStorage
from .ops.creation.storage import UntypedStorage as _UntypedStorage

MAP_LOCATION = _Any  # in annotations: a device, a string, a dict or a function
FILE_LIKE = str | _PathLike[str] | _IO[bytes]
STORAGE = _TypedStorage | _UntypedStorage
LONG_SIZE, INT_SIZE, SHORT_SIZE = 4, 4, 2  # what the format of old said of the machine
STORAGE_KEY_SEPARATOR = ","

__all__ = [
    "FILE_LIKE", "INT_SIZE", "LONG_SIZE", "MAGIC_NUMBER", "MAP_LOCATION", "PROTOCOL_VERSION",
    "SHORT_SIZE", "STORAGE", "STORAGE_KEY_SEPARATOR", "LoadEndianness", "SourceChangeWarning",
    "StorageType", "_is_zipfile", "add_safe_globals", "clear_safe_globals",
    "default_restore_location", "get_crc32_options", "get_default_load_endianness",
    "get_default_mmap_options", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load",
    "location_tag", "normalize_storage_type", "register_package", "safe_globals", "save",
    "set_crc32_options", "set_default_load_endianness", "set_default_mmap_options", "skip_data",
    "validate_cuda_device",
]  # fmt: skip

__getattr__ = _absent("torch.serialization")
