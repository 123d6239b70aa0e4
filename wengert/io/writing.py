"""torch.save: Python data with tensors into one file that PyTorch can open.

The container is in `archive.py`, the names of classes in `names.py`.
"""

from __future__ import annotations

import glob
import io
import os
import pickle
import secrets
import stat
import sys
import zlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from ..api.interop import host
from ..arrays.lookup import INTERPRETER, RANK
from ..base.advice import advise
from ..base.devices import device
from ..base.formats import layout, sparse_bsr, sparse_coo, sparse_csr, strided
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor, wrap
from ..nn.parameter import Parameter, is_lazy
from ..ops.creation.storage import TypedStorage, UntypedStorage
from . import legacy, rebuild
from .archive import ArchiveWriter
from .names import STORAGES, StorageType, public_name
from .options import PACKAGES, tagged
from .skipping import skipping

__all__ = ["save"]


class _Storage:
    """A storage on its way out, and what files call it."""

    def __init__(self, key: str, memory: np.ndarray, dtype: Any, location: str) -> None:
        self.key, self.memory, self.dtype, self.location = key, memory, dtype, location

    def persistent_id(self) -> tuple[Any, ...]:
        kind = STORAGES[self.dtype]
        n = self.memory.nbytes
        count = n if kind.dtype is None else n // self.dtype.itemsize
        return "storage", kind, self.key, self.location, count


def _row(whole: np.ndarray) -> np.ndarray:
    """The bytes of a contiguous array, in the order of memory."""
    return whole.reshape(-1, order="A" if not whole.flags.c_contiguous else "C").view(np.uint8)


class _Storages:
    """The storages met so far; tensors that share memory get the same one."""

    def __init__(self, view: tuple[Any, ...] = ()) -> None:
        self.view = view  # which part of another storage each is, in the old format: none
        self.all: list[_Storage] = []
        self.by_memory: dict[int, _Storage] = {}
        self.alive: list[Any] = []  # an id may not be reused while we write

    def of(self, t: Tensor) -> tuple[_Storage, int, tuple[int, ...]]:
        """(storage, offset, strides in elements) of a tensor."""
        a, dtype, location = t._a, t.dtype, _location(t)
        if type(a) is not np.ndarray:
            a = np.ascontiguousarray(host(a)).reshape(a.shape)
        whole = a.base if type(a.base) is np.ndarray else a
        while type(whole.base) is np.ndarray:
            whole = whole.base
        step = a.itemsize
        start = _address(a) - _address(whole)
        odd = not (whole.flags.c_contiguous or whole.flags.f_contiguous) or start % step
        if odd or any(s % step for s in a.strides) or whole.nbytes % step:
            a = whole = a.copy()
            start = 0
        elif not a.size:
            start = 0
        strides = tuple([s // step for s in a.strides])
        found = self.by_memory.get(id(whole))
        if found is None:
            found = _Storage(str(len(self.all)), _row(whole), dtype, location)
            self.all.append(found)
            self.by_memory[id(whole)] = found
            self.alive.append(whole)
        elif found.dtype is not dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types: {found.dtype} and {dtype}. Save a .clone() of one of them."
            )
        return found, start // step, strides

    def whole(self, storage: Any) -> _Storage:
        """The storage of one that is saved by itself."""
        typed = isinstance(storage, TypedStorage)
        return self.of(storage.memory.detach() if typed else storage.bytes_())[0]


def _address(a: np.ndarray) -> int:
    return int(a.__array_interface__["data"][0])


def _location(t: Tensor) -> str:
    d = t.device
    tag = tagged(wrap(t._a)) if PACKAGES else None
    return tag or (d.type if d.type == "cpu" else f"{d.type}:{d.index or 0}")


def pickler(base: Any, storages: _Storages) -> Any:
    """A pickler class that writes tensors as PyTorch does, and our classes under its names."""
    if not hasattr(base, "save_global"):
        raise TypeError(
            f"save(): {base.__module__}.{base.__name__} cannot be told how classes are called: use "
            "a pickle module whose Pickler is written in Python (pickle, dill)"
        )

    class Pickler(base):
        def persistent_id(self, obj: Any) -> Any:
            if isinstance(obj, (TypedStorage, UntypedStorage)):
                obj = storages.whole(obj)
            if type(obj) is not _Storage:
                return None
            return (*obj.persistent_id(), *storages.view)

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, Tensor):
                return reduced(obj, storages)
            if type(obj) is layout:
                return rebuild._get_layout, (f"torch.{obj.name}",)
            if type(obj) is device:
                return device, (obj.type,) if obj.index is None else (obj.type, obj.index)
            return obj.name if type(obj) is StorageType else NotImplemented

        def save_global(self, obj: Any, name: str | None = None) -> None:
            found = public_name(obj, name)
            if found is None:
                return super().save_global(obj, name)
            if self.proto >= 4:
                self.save(found[0])
                self.save(found[1])
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{found[0]}\n{found[1]}\n".encode())
            self.memoize(obj)
            return None

    Pickler.dispatch = {**base.dispatch, FunctionType: Pickler.save_global}
    return Pickler


def reduced(t: Tensor, storages: _Storages) -> Any:
    """How a tensor is written: a function of PyTorch's that makes it again, and its arguments."""
    if is_lazy(t):
        return t.__reduce_ex__(2)
    if hasattr(t._a, "facts"):
        facts = (type(t), *t._a.facts(t))
        return rebuild._rebuild_from_type_v2, (
            rebuild._rebuild_wrapper_subclass, type(t), facts, t.__dict__
        )  # fmt: skip
    if RANK.get(type(t._a)) == INTERPRETER:
        raise RuntimeError("save(): a tensor inside a function transform has no values to save")
    if t._n is not None and t._n.hooks and t.is_leaf:
        advise(
            "save(): the backward hooks of a tensor are not saved: register them again after load"
        )
    hooks: Any = OrderedDict()
    if isinstance(t, Parameter):
        data: Any = t.data
        if t.__dict__:
            args: Any = (data, t.requires_grad, hooks, t.__dict__)
            return rebuild._rebuild_parameter_with_state, args
        return rebuild._rebuild_parameter, (data, t.requires_grad, hooks)
    if t.layout is not strided:
        return rebuild._rebuild_sparse_tensor, (t.layout, sparse_parts(t))
    shape = tuple(t.shape)
    if t.device.type == "meta":
        strides = tuple(t.stride())
        f, args = (
            rebuild._rebuild_meta_tensor_no_storage,
            (t.dtype, shape, strides, t.requires_grad),
        )
    else:
        storage, offset, strides = storages.of(t)
        f, args = (
            rebuild._rebuild_tensor_v2,
            (storage, offset, shape, strides, t.requires_grad, hooks),
        )
        if STORAGES[t.dtype].dtype is None:
            f, args = rebuild._rebuild_tensor_v3, (*args, t.dtype)
    if type(t) is not Tensor or t.__dict__:
        return rebuild._rebuild_from_type_v2, (f, type(t), args, t.__dict__)
    return f, args


def sparse_parts(t: Any) -> tuple[Any, ...]:
    """The tensors that a sparse tensor consists of, and its size."""
    t = t.detach()
    if t.layout is sparse_coo:
        return t._indices(), t._values(), t.size(), t.is_coalesced()
    if t.layout in (sparse_csr, sparse_bsr):
        return t.crow_indices(), t.col_indices(), t.values(), t.size()
    return t.ccol_indices(), t.row_indices(), t.values(), t.size()


@clear_errors
def save(
    obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Write Python data with tensors, modules and optimizer states to a file, as PyTorch does.

    Args:
        obj: whatever can be pickled; tensors that share memory go on sharing it when loaded.
        f: a path, or a file opened for writing bytes. A file that exists is replaced only when the
            new one is complete.
        pickle_module, pickle_protocol: who writes what is not a tensor, and how.
        _use_new_zipfile_serialization: False writes the format of PyTorch before 1.6.

    Raises RuntimeError if the folder does not exist; AttributeError where f is of the wrong type.

    >>> model = torch.nn.Linear(2, 1)
    >>> torch.save(model.state_dict(), "model.pt")
    """
    storages = _Storages(() if _use_new_zipfile_serialization else (None,))
    text = io.BytesIO()
    base = getattr(pickle_module, "_Pickler", None) or pickle_module.Pickler
    pickler(base, storages)(text, protocol=pickle_protocol).dump(obj)

    def write(file: Any, root: str) -> None:
        if _use_new_zipfile_serialization:
            _write(file, root, text, storages, _disable_byteorder_record)
        else:
            legacy.write(file, text, storages.all, pickle_protocol)

    if isinstance(f, (str, os.PathLike)):
        _replace(Path(f), partial(write, root=Path(f).stem or "archive"))
    elif hasattr(f, "write"):
        if isinstance(f, (io.BytesIO, io.BufferedWriter, io.BufferedRandom, io.FileIO)):
            write(f, "archive")
        else:  # which may not go back, as compressed ones cannot
            whole = io.BytesIO()
            write(whole, "archive")
            f.write(whole.getbuffer())
    else:
        raise AttributeError(
            "expected 'f' to be a string, path, or a file-like object with a 'write' attribute, "
            f"not {type(f).__name__}"
        )


def _write(file: Any, root: str, text: Any, storages: _Storages, no_byteorder: bool) -> None:
    archive = ArchiveWriter(file, root)
    try:
        archive.add("data.pkl", text.getbuffer())
        archive.add(".format_version", b"1")
        archive.add(".storage_alignment", b"64")
        if not no_byteorder:
            archive.add("byteorder", sys.byteorder.encode())
        for s in storages.all:
            numbers = np.zeros(s.memory.nbytes, np.uint8) if skipping() else s.memory
            archive.add(f"data/{s.key}", numbers)
        archive.add("version", b"3\n")
        # 40 digits that are equal for equal contents
        sums = archive.sums
        a = zlib.crc32(repr(sums).encode())
        b = zlib.crc32(root.encode(), a)
        archive.add(".data/serialization_id", f"{b:020d}{a:020d}".encode())
        archive.close()
    except BaseException:
        archive.abandon()
        raise


def _replace(path: Path, write: Callable[[Any], None]) -> None:
    """Let write fill a file that takes the place of path when it ends well, and vanishes otherwise.

    The name is known before the file exists, and one frame holds both: an interrupt at any moment
    leaves nothing behind.
    """
    real = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    if not real.parent.is_dir():
        raise RuntimeError(f"Parent directory {real.parent} does not exist.")
    old = real.stat() if real.exists() else None
    if old is not None and not stat.S_ISREG(old.st_mode):  # a device or a pipe: nothing to replace
        with open(real, "wb") as file:  # raises IsADirectoryError for folders
            write(file)
        return
    prefix = f".{real.name[:100]}."
    _remove_abandoned(real.parent, prefix)
    closed = False
    part = real.parent / f"{prefix}{secrets.token_hex(8)}.part"
    try:
        try:
            file = _open_locked(part, 0o666 if old is None else 0o600)
        except PermissionError:  # the folder takes no new files, this file may still be open to us
            closed = True
        else:
            with file:
                write(file)
            if old is not None:
                os.chmod(part, stat.S_IMODE(old.st_mode))
            os.replace(part, real)
    except BaseException as e:
        with suppress(FileNotFoundError):
            os.unlink(part)
        if isinstance(e, OSError) and e.errno:
            kept = "" if old is None else "; the file that was there is still there, unchanged"
            raise type(e)(e.errno, f"{e.strerror}: {path} was not written{kept}") from e
        raise
    if closed:
        with open(real, "wb") as file:
            write(file)


def _open_locked(part: Path, mode: int) -> Any:
    """A new file, locked as long as it is open."""
    while True:
        file = open(part, "xb", opener=partial(os.open, mode=mode))  # noqa: SIM115 - given out
        if fcntl is not None:
            with suppress(OSError):  # not all file systems have locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if part.exists():  # nobody has taken it for one left behind
            return file
        file.close()


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove what was left by those who were killed while writing: nobody holds its lock."""
    for old in folder.glob(glob.escape(prefix) + "*.part"):
        with suppress(OSError):
            if fcntl is None:
                os.unlink(old)  # raises if it is open
                continue
            with open(old, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if it is alive
                os.unlink(old)
