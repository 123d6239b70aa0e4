"""torch.load: PyTorch's files into tensors and Python data.

With weights_only=True (the default) nothing of the file is run: see `restricted.py`, `safe.py`.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.devices import device
from ..base.errors import NoDeviceError
from ..engine.error_context import clear_errors
from ..engine.tensor import wrap
from ..ops.creation.storage import TypedStorage
from . import names
from .archive import ArchiveReader, check_seekable, kind_of, opened
from .legacy import LegacyArchive
from .options import PACKAGES, config, restored, tagged
from .rebuild import Stored
from .restricted import Machine
from .skipping import skipping

__all__ = [
    "LoadEndianness", "default_restore_location", "get_unsafe_globals_in_checkpoint", "load",
    "location_tag", "validate_cuda_device",
]  # fmt: skip

_LEGACY = (
    "{what} is in the format of PyTorch before 0.2, which wengert does not read. Open it with "
    "PyTorch and write it again: torch.save(torch.load(old, weights_only=False), new)"
)


class LoadEndianness(Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order of files that do not say theirs; None is little.

    >>> torch.serialization.get_default_load_endianness() is None
    True
    """
    found: LoadEndianness | None = config.load.endianness
    return found


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Choose the byte order of files that do not say theirs; TypeError for other types.

    endianness: a LoadEndianness.

    >>> torch.serialization.set_default_load_endianness(LoadEndianness.LITTLE)
    >>> torch.serialization.get_default_load_endianness().name
    'LITTLE'
    >>> torch.serialization.set_default_load_endianness(None)
    """
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    config.load.endianness = endianness


def placed_by(map_location: Any) -> Callable[[Stored, str], Any]:
    """map_location in any of its forms as a function (storage, location in the file) -> storage."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda s, where: default_restore_location(s, str(map_location.get(where, where)))
    if isinstance(map_location, (str, device, int)):
        target = device(map_location)
        _check_there(target, False)
        return lambda s, where: s.to(device=target)
    if callable(map_location):

        def custom(s: Stored, where: str) -> Any:
            result = map_location(s, where)
            return default_restore_location(s, where) if result is None else result

        return custom
    raise TypeError(
        "load(): map_location should be a device, a string, a dict or a function, not "
        f"{type(map_location).__name__}"
    )


def _check_there(d: device, saved: bool = True) -> None:
    """RuntimeError for a CUDA device that is not there, and for a CPU by number. saved: the file
    names it; where somebody has asked for it, and there is none at all, what moves storages says
    what is missing.
    """
    if d.type == "cpu" and d.index is not None:
        raise RuntimeError(
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged with"
            f" {d})"
        )
    if d.type == "cuda":
        from importlib import import_module

        cuda = import_module(f"{__package__.partition('.')[0]}.cuda")
        if not cuda.is_available():
            if not saved:
                return
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() "
                "is False. If you are running on a CPU-only machine, please use torch.load with "
                "map_location=torch.device('cpu') to map your storages to the CPU."
            )
        count = cuda.device_count()
        if (d.index or 0) >= count:
            raise RuntimeError(
                f"Attempting to deserialize object on CUDA device {d.index} but "
                f"torch.cuda.device_count() is {count}. Please use torch.load with map_location to "
                "map your storages to an existing device."
            )


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage where it was when it was saved, which is what functions for `map_location` call.

    storage: a storage. location: as the file names it. RuntimeError where there is no such device.

    Raises TypeError where location is of the wrong type.

    >>> stored = torch.ones(2).untyped_storage()
    >>> torch.serialization.default_restore_location(stored, "cpu") is stored
    True
    """
    if PACKAGES:
        found = restored(storage, location, True)
        if found is None and location not in ("cpu", ""):
            found = restored(storage, location, False)
        if found is not None:
            return found
    if location in ("cpu", ""):
        return storage
    d = device(location)
    _check_there(d)
    return storage.to(device=d)


def validate_cuda_device(location: str) -> int:
    """The index of a CUDA device by its name.

    location: such as "cuda:0". RuntimeError where there is no such device, TypeError where it is of
    the wrong type.

    >>> torch.serialization.validate_cuda_device("cuda:0")  # doctest: +SKIP
    0
    """
    return default_restore_location(Stored(np.zeros(0), None), location).device.index or 0


def location_tag(storage: Any) -> str:
    """The name that a file gives to the device of a storage.

    storage: a storage.

    Raises AttributeError for what is no storage.

    >>> torch.serialization.location_tag(torch.ones(2).untyped_storage())
    'cpu'
    """
    return (PACKAGES and tagged(storage.memory)) or str(storage.device)


class Storages:
    """The storages of an archive, each read when it is first named."""

    def __init__(self, archive: ArchiveReader | LegacyArchive, map_location: Any) -> None:
        self.archive, self.place = archive, placed_by(map_location)
        self.all: dict[str, Stored] = {}
        if "byteorder" in archive:
            order = archive.read("byteorder").decode("ascii", "replace").strip()
            if order not in ("little", "big"):
                raise RuntimeError(f"Unknown endianness type: {order}: the file is damaged")
        else:
            chosen = config.load.endianness or LoadEndianness.LITTLE
            order = sys.byteorder if chosen is LoadEndianness.NATIVE else chosen.name.lower()
        self.swap = order != sys.byteorder

    def __call__(self, persistent_id: Any) -> Stored:
        try:
            if persistent_id[0] == "module":  # a class, in the old format: its source comes along
                return persistent_id[1]
            tag, kind, key, location, count, *_ = persistent_id
        except (TypeError, ValueError):
            tag = kind = key = location = count = None
        if (
            tag != "storage"
            or not isinstance(kind, names.StorageType)
            or not isinstance(key, str)
            or type(count) is not int
        ):
            raise pickle.UnpicklingError(f"the file refers to something unknown: {persistent_id}")
        if key not in self.all:
            size, step = self.archive.size(f"data/{key}"), (kind.dtype or dtypes.uint8).itemsize
            if count * step != size:
                raise RuntimeError(
                    f"{self.archive} is damaged: storage {key} has {count} elements of {step} bytes"
                    f" in a record of {size} bytes"
                )
            self.all[key] = self.place(self.read(key, kind.dtype), str(location))
        return self.all[key]

    def read(self, key: str, dtype: dtypes.dtype | None) -> Stored:
        kind = (dtype or dtypes.uint8).np
        if skipping():
            return Stored(np.zeros(self.archive.size(f"data/{key}") // kind.itemsize, kind), dtype)
        a: np.ndarray = self.archive.array(f"data/{key}", kind)
        if self.swap and a.itemsize > 1:
            unit = a.itemsize // 2 if dtype is not None and dtype.is_complex else a.itemsize
            a = a.view(f"u{unit}").byteswap().view(a.dtype)
        return Stored(a, dtype)


def unpickler(base: Any, storages: Callable[[Any], Any]) -> Any:
    """An unpickler class that finds wengert's classes under PyTorch's names."""

    class Unpickler(base):
        def find_class(self, module: str, name: str) -> Any:
            found = names.find(module, name)
            return super().find_class(module, name) if found is None else found

        def persistent_load(self, pid: Any) -> Any:
            return storages(pid)

    return Unpickler


def _choose(weights_only: bool | None, pickle_module: Any) -> bool:
    """weights_only after the environment has had its say."""

    def on(name: str) -> bool:
        return os.environ.get(name, "0").lower() in ("1", "y", "yes", "true")

    force, never = on("TORCH_FORCE_WEIGHTS_ONLY_LOAD"), on("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if force and never:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    if weights_only is None:
        weights_only = pickle_module is None and not never
    return True if force else weights_only


@clear_errors
def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *,
    weights_only: bool | None = None, mmap: bool | None = None, **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Read what torch.save, here or in PyTorch, has written.

    Args:
        f: a path, or a file opened for reading bytes.
        map_location: where tensors go: a device for all, a dict from places in the file to devices,
            or a function (storage, place in the file) that returns the storage where it is to be.
        weights_only: True (the default) builds tensors and plain data and runs nothing of the file;
            False unpickles anything, which can run any code: only for files that you trust.
        mmap: map the file into memory instead of reading it; changes stay private. Needs a path.

    Raises pickle.UnpicklingError for what weights_only does not allow, RuntimeError for damaged
    files and for devices that there are not, EOFError for empty files; AttributeError where f is of
    the wrong type; FileNotFoundError where f is unknown.

    pickle_module: accepted.

    >>> torch.save({"weight": torch.ones(2)}, "model.pt")
    >>> torch.load("model.pt")
    {'weight': tensor([1., 1.])}
    """
    weights_only = _choose(weights_only, pickle_module)
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file path in order to use the mmap argument")
    if unknown := pickle_load_args.keys() - {"encoding", "errors", "fix_imports", "buffers"}:
        raise TypeError(f"load() got an unexpected keyword argument '{sorted(unknown)[0]}'")
    file, ours = opened(f, "rb")
    try:
        check_seekable(file)
        what = str(f) if ours else "the file"
        kind = kind_of(file)
        if kind != "zip":
            if kind != "legacy" or mmap:
                raise _foreign(kind, what, weights_only, mmap)
            old = LegacyArchive(file, what if ours else None)
            return _unpickled(old, map_location, pickle_module, weights_only, pickle_load_args)
        if not ours and file.tell():
            file = io.BytesIO(file.read())
        archive = ArchiveReader(file, what if ours else None, bool(mmap))
        if "constants.pkl" in archive:
            raise RuntimeError(
                f"{what} is a TorchScript archive (torch.jit.save), which holds a compiled "
                "program: save the module's state_dict instead"
            )
        try:
            return _unpickled(archive, map_location, pickle_module, weights_only, pickle_load_args)
        finally:
            archive.close()
    finally:
        if ours:
            file.close()


def _unpickled(
    archive: ArchiveReader | LegacyArchive,
    map_location: Any,
    pickle_module: Any,
    weights_only: bool,
    options: Any,
) -> Any:
    data = archive.read("data.pkl")
    storages = Storages(archive, map_location)
    if weights_only:
        try:
            return _opened(Machine(data, storages, options.get("encoding", "utf-8")).run())
        except pickle.UnpicklingError as e:
            raise _refused(str(e), str(archive)) from None
        except NoDeviceError:  # which is an AssertionError, too
            raise
        except NONSENSE as e:
            raise pickle.UnpicklingError(
                f"Weights only load failed: {archive} is damaged: {type(e).__name__}: {e}"
            ) from e
    module = pickle_module or pickle
    options.setdefault("encoding", "utf-8")
    try:
        return _opened(unpickler(module.Unpickler, storages)(io.BytesIO(data), **options).load())
    except (UnicodeError, OverflowError, IndexError, KeyError, struct.error) as e:
        raise pickle.UnpicklingError(f"{archive} is damaged: {type(e).__name__}: {e}") from e
    except (
        TypeError
    ) as e:  # of the unpickler itself, such as a list for a key; not of a class's own
        if e.__traceback__ is not None and e.__traceback__.tb_next is None:
            raise pickle.UnpicklingError(f"{archive} is damaged: {e}") from e
        raise


def _opened(result: Any) -> Any:
    """What users get: a storage that was saved by itself is one of theirs."""
    return TypedStorage(_memory=wrap(result.array)) if isinstance(result, Stored) else result


# what instructions make of values that no file of ours has
NONSENSE = (
    AttributeError, TypeError, ValueError, OverflowError, LookupError, AssertionError, EOFError,
    RecursionError, MemoryError, struct.error,
)  # fmt: skip


def _refused(reason: str, what: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(
        f"Weights only load failed: {what} holds more than tensors and plain data.\n  {reason}\n"
        "torch.load(..., weights_only=False) reads anything, but runs what the file says: use it "
        "only if you trust where the file comes from."
    )


def _foreign(kind: str, what: str, weights_only: bool, mmap: bool | None) -> Exception:
    """The error for something that is not an archive."""
    if kind == "empty":
        return EOFError(f"Ran out of input: {what} is empty")
    if mmap:
        return RuntimeError(
            "mmap can only be used with files saved with `torch.save(..., "
            f"_use_new_zipfile_serialization=True)`, which {what} is not"
        )
    if kind == "tar":
        return pickle.UnpicklingError(_LEGACY.format(what=what))
    hint = (
        "a bare pickle: read it with pickle.load" if kind == "pickle" else "no file of torch.save"
    )
    if weights_only:
        return pickle.UnpicklingError(f"Weights only load failed: {what} is {hint}")
    return pickle.UnpicklingError(f"invalid load key: {what} is {hint}")


@clear_errors
def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that weights_only=True would not allow.

    f: a path or an open file.

    Raises FileNotFoundError where there is none; AttributeError where f is of the wrong type.

    >>> torch.save({"weight": torch.ones(2)}, "model.pt")
    >>> get_unsafe_globals_in_checkpoint("model.pt")
    []
    """
    import pickletools

    from . import safe

    file, ours = opened(f, "rb")
    try:
        if kind_of(file) != "zip":
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        archive = ArchiveReader(file, None)
        data = archive.read("data.pkl")
        archive.close()
    finally:
        if ours:
            file.close()
    found, texts = [], []
    for op, argument, _ in pickletools.genops(data):
        if "UNICODE" in op.name:
            texts.append(str(argument))
        elif op.name == "GLOBAL":
            found.append(str(argument).replace(" ", "."))
        elif op.name == "STACK_GLOBAL":
            found.append(".".join(texts[-2:]))
    known = {*safe.ALLOWED, *safe.added_names()}
    return [n for n in dict.fromkeys(found) if n not in known]
