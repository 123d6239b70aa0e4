"""PyTorchFileReader: the records of a saved file one by one, without what they make up together."""

from __future__ import annotations

import io
import os
from typing import Any

from ..api.interop import from_numpy
from ..base import dtypes
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor
from .archive import ArchiveReader

__all__ = ["PyTorchFileReader"]


class PyTorchFileReader:
    """Reads records of a file that `torch.save` has written.

    file: a path, or a file open for bytes. RuntimeError where it is no archive, and for records
    that are not in it.

    Raises AttributeError where file is of the wrong type; FileNotFoundError where file is unknown.

    >>> torch.save({"a": 1}, "records.pt")
    >>> torch.PyTorchFileReader("records.pt").has_record("data.pkl")
    True
    >>> torch.save(torch.arange(3.0), "saved.pt")
    >>> reader = torch.PyTorchFileReader("saved.pt")
    >>> "data/0" in reader.get_all_records()
    True
    >>> reader.get_record_size("data/0"), len(reader.get_record("data/0"))
    (12, 12)
    >>> reader.get_record_offset("data/0") % 64
    0
    >>> reader.get_storage_from_record("data/0", 3, torch.float32)
    tensor([0., 1., 2.])
    """

    @clear_errors
    def __init__(self, file: str | os.PathLike[str] | io.IOBase) -> None:
        if isinstance(file, (str, os.PathLike)):
            self._archive = ArchiveReader(open(file, "rb"), os.fspath(file))  # noqa: SIM115
        else:
            self._archive = ArchiveReader(file, None)

    def has_record(self, name: str) -> bool:
        """Whether there is a record of this name."""
        return name in self._archive

    def get_all_records(self) -> list[str]:
        """The names of all records."""
        return list(self._archive.infos)

    def get_record(self, name: str) -> bytes:
        """The bytes of a record.

        name: of the record.

        Raises RuntimeError where name is of the wrong type or name is unknown.
        """
        return self._archive.read(name)

    def get_record_size(self, name: str) -> int:
        """How many bytes a record has.

        name: of the record.

        Raises RuntimeError where name is of the wrong type or name is unknown.
        """
        return self._archive.size(name)

    def get_record_offset(self, name: str) -> int:
        """Where in the file a record begins.

        name: of the record.

        Raises RuntimeError where name is of the wrong type or name is unknown.
        """
        return self._archive.start(self._archive._info(name))

    @clear_errors
    def get_storage_from_record(self, name: str, numel: int, dtype: Any) -> Tensor:
        """A record as a tensor of one dim.

        name: of the record. numel: how many elements. dtype: of the elements.

        Raises TypeError where dtype is of the wrong type; RuntimeError where name is of the wrong
        type or name is unknown.
        """
        found = self._archive.array(name, dtypes.as_np(dtype))
        return from_numpy(found)[:numel]
