"""Files in the format of PyTorch before 1.6 (`_use_new_zipfile_serialization=False`): five pickles
in a row (magic number, version, facts about the machine, the object, the keys of its storages),
then the bytes of each storage after their count.

What is inside the object's pickle is read and written as that of the zip format is: see
`reading.py`, `writing.py`.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from typing import Any

import numpy as np

from ..base import dtypes
from . import names

__all__ = ["LegacyArchive", "write"]

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
FACTS = {
    "protocol_version": VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def write(file: Any, text: io.BytesIO, storages: Any, protocol: int) -> None:
    """Write the pickle of an object, and its storages."""
    for part in (MAGIC, VERSION, FACTS):
        pickle.dump(part, file, protocol)
    file.write(text.getbuffer())
    pickle.dump([s.key for s in storages], file, protocol)
    for s in storages:
        kind = names.STORAGES[s.dtype]  # bytes are counted where there is no class for the dtype
        size = 1 if kind.dtype is None else s.dtype.itemsize
        file.write(struct.pack("<q", s.memory.nbytes // size))
        file.write(s.memory.data)


class LegacyArchive:
    """A file of this format, with the face of an `archive.ArchiveReader`."""

    def __init__(self, file: Any, name: str | None) -> None:
        self.name = name or "the file"
        start = file.tell()
        self.data = file.read()
        try:
            ends = [0]
            for _ in range(5):
                ends.append(self._end(ends[-1]))
            self.pickle = self.data[ends[3] : ends[4]]
            kinds = _Scan(io.BytesIO(self.pickle)).kinds_found()
            at, self.places = ends[5], {}
            for key in self._texts(ends[4]):
                dtype, count = kinds[key]
                (n,) = struct.unpack_from("<q", self.data, at)
                end = at + 8 + count * dtype.itemsize
                if n != count or not at + 8 <= end <= len(self.data):
                    raise ValueError(f"storage {key} of {count} elements has {n} in the file")
                self.places[f"data/{key}"] = at + 8, count * dtype.itemsize
                at = end
        except Exception as e:  # the scan calls what pickles say on objects that do nothing
            raise pickle.UnpicklingError(
                f"Weights only load failed: {self.name} is damaged: {type(e).__name__}: {e}"
            ) from e
        file.seek(start + at)

    def _end(self, start: int) -> int:
        """Where the pickle that begins at start ends."""
        text = io.BytesIO(self.data)
        text.seek(start)
        for _ in pickletools.genops(text):
            pass
        return text.tell()

    def _texts(self, start: int) -> list[str]:
        """The texts in a pickle."""
        return [a for _, a, _ in pickletools.genops(self.data[start:]) if isinstance(a, str)]

    def __contains__(self, record: str) -> bool:
        return record in self.places

    def __str__(self) -> str:
        return self.name

    def read(self, record: str) -> bytes:
        """The object's pickle."""
        assert record == "data.pkl"
        return self.pickle

    def size(self, record: str) -> int:
        """How many bytes a storage has."""
        if record not in self.places:
            raise RuntimeError(f"{self.name} is damaged: there is no {record} in it")
        return self.places[record][1]

    def array(self, record: str, dtype: Any) -> np.ndarray:
        """The elements of a storage."""
        at, n = self.places[record]
        return np.frombuffer(self.data, np.uint8, n, at).copy().view(dtype)

    def close(self) -> None:
        """Nothing is open."""


class _Nothing:
    """Stands for whatever a pickle makes, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def _ignore(self, *args: Any, **kwargs: Any) -> None: ...

    __setstate__ = __setitem__ = append = extend = update = add = _ignore

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self


class _Scan(pickle._Unpickler):
    """Finds the storages that a pickle names, without making anything of what it says.

    It is the unpickler in Python, whose memo is a dict: that in C allocates as many places as the
    highest number in the pickle says.
    """

    def kinds_found(self) -> dict[str, tuple[dtypes.dtype, int]]:
        """key -> (dtype, number of elements)."""
        self.kinds: dict[str, tuple[dtypes.dtype, int]] = {}
        self.load()
        return self.kinds

    def find_class(self, module: str, name: str) -> Any:
        found = names.find(module, name) if module.partition(".")[0] == "torch" else None
        return found if isinstance(found, names.StorageType) else _Nothing

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "storage":
            _, kind, key, _, count, *_ = pid
            self.kinds[str(key)] = kind.dtype or dtypes.uint8, int(count)
        return _Nothing  # in the place of a class, too
