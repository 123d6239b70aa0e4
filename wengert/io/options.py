"""torch.serialization's switches: checksums, mapped memory, packages that know further devices."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Any

from ..base.settings import Settings
from ..ops.creation.storage import UntypedStorage

__all__ = [
    "SourceChangeWarning", "get_crc32_options", "get_default_mmap_options",
    "normalize_storage_type", "register_package", "set_crc32_options", "set_default_mmap_options",
]  # fmt: skip

Tagger = Callable[[Any], Any]
Deserializer = Callable[[Any, str], Any]
PACKAGES: list[tuple[int, Tagger, Deserializer]] = []  # the lowest priority first
OURS = 10  # the priority of what is there without packages
PRIVATE = getattr(mmap, "MAP_PRIVATE", 2)
SHARED = getattr(mmap, "MAP_SHARED", 1)

# torch.utils.serialization.config
config = Settings(
    "torch.utils.serialization.config",
    save=Settings(
        "save", compute_crc32=True, use_pinned_memory_for_d2h=False, storage_alignment=64
    ),
    load=Settings(
        "load", mmap=False, endianness=None, mmap_flags=PRIVATE, calculate_storage_offsets=False
    ),
)


class SourceChangeWarning(Warning):
    """Of files that hold a class whose source has changed since; files here hold no sources."""

    __module__ = "torch.serialization"


def get_crc32_options() -> bool:
    """Whether torch.save writes checksums.

    >>> torch.serialization.get_crc32_options()
    True
    """
    return bool(config.save.compute_crc32)


def set_crc32_options(compute_crc32: bool) -> None:
    """Say whether torch.save is to write checksums; they are always written, which costs little.

    compute_crc32: what get_crc32_options gives from then on.

    >>> torch.serialization.set_crc32_options(True)
    """
    config.save.compute_crc32 = compute_crc32


def get_default_mmap_options() -> int:
    """How torch.load(mmap=True) maps files: mmap.MAP_PRIVATE or mmap.MAP_SHARED.

    >>> torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    True
    """
    return int(config.load.mmap_flags)


class set_default_mmap_options:
    """Say how torch.load(mmap=True) maps files, from then on or for a block. Files are mapped
    privately whatever is said: no change of a tensor reaches one.

    flags: mmap.MAP_PRIVATE or mmap.MAP_SHARED; ValueError for others.

    >>> with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
    ...     torch.serialization.get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags: int) -> None:
        if not isinstance(flags, int) or flags not in (PRIVATE, SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE"
                f" or mmap.MAP_SHARED, but got {flags}"
            )
        self.before, config.load.mmap_flags = config.load.mmap_flags, flags

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: Any) -> None:
        config.load.mmap_flags = self.before


def normalize_storage_type(storage_type: Any) -> Any:
    """The class of torch that a storage's class is.

    storage_type: a class of storages. AttributeError where torch has none of its name.

    >>> torch.serialization.normalize_storage_type(torch.FloatStorage)
    <class 'torch.FloatStorage'>
    """
    from ..declare.registry import FUNCTIONS

    found = FUNCTIONS[""].get(storage_type.__name__)
    if found is None:
        raise AttributeError(f"module 'torch' has no attribute '{storage_type.__name__}'")
    return found


def register_package(priority: int, tagger: Tagger, deserializer: Deserializer) -> None:
    """Let files know further devices.

    priority: the lowest is asked first; below 10: before the devices that there are.
    tagger: gives the name that a file is to give to the place of a storage, or None.
    deserializer: gives the storage where a name in a file says, or None.

    Raises TypeError where priority is of the wrong type, or a function cannot be called.

    >>> torch.serialization.register_package(30, lambda storage: None, lambda storage, name: None)
    """
    if not isinstance(priority, int):
        raise TypeError(f"register_package(): priority must be an int, not {priority!r}")
    for f in (tagger, deserializer):
        if not callable(f):
            raise TypeError(f"register_package(): a function is needed, not {f!r}")
    PACKAGES.append((priority, tagger, deserializer))
    PACKAGES.sort(key=lambda p: p[0])


def tagged(memory: Any) -> Any:
    """What packages call the place of a tensor's memory, or None."""
    for priority, tagger, _ in PACKAGES:
        tag = tagger(UntypedStorage(_memory=memory)) if priority < OURS else None
        if tag is not None:
            return tag
    return None


def restored(storage: Any, location: str, early: bool) -> Any:
    """The storage where a package puts it, or None. early: only packages that are asked first."""
    for priority, _, deserializer in PACKAGES:
        found = deserializer(storage, location) if (priority < OURS) is early else None
        if found is not None:
            return found
    return None
