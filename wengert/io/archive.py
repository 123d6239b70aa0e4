"""The container of .pt files: a ZIP archive, nothing compressed, storages at multiples of 64 bytes.

What is in the records is the business of `reading.py` and `writing.py`.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

ALIGNMENT = 64
_HEADER = 30  # bytes of a local header before the name
_ZIP64 = 20  # bytes of its extra field for sizes above 4 GB
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no dates: equal contents give equal files
_STEP = 1 << 24
_PACKED = 1 << 16  # likewise of a compressed record, of which a step lies in memory twice
# how large compressed records may become: torch.save compresses nothing, so few files have any
INFLATED, RATIO = 1 << 20, 32
# what the zipfile module raises for files that are no archives, or damaged ones
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError,
    ValueError, KeyError, IndexError, RuntimeError, OSError,
)  # fmt: skip


class ArchiveWriter:
    """Writes the records of one file."""

    def __init__(self, file: Any, root: str) -> None:
        self.root = root
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self.sums: list[int] = []

    def add(self, name: str, data: Any) -> None:
        """Write a record of bytes-like data so that its contents are aligned."""
        view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
        info = zipfile.ZipInfo(f"{self.root}/{name}", _EPOCH)
        info.file_size = view.nbytes
        large = view.nbytes * 1.05 > zipfile.ZIP64_LIMIT  # as the zipfile module decides
        start = self.zip.fp.tell() + _HEADER + len(info.filename.encode()) + large * _ZIP64 + 4  # type: ignore[union-attr]
        padding = -start % ALIGNMENT
        info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        with self.zip.open(info, "w", force_zip64=large) as record:
            for i in range(0, view.nbytes, _STEP):
                record.write(view[i : i + _STEP])
        self.sums.append(info.CRC)

    def close(self) -> None:
        """Write the directory of the archive."""
        self.zip.close()

    def abandon(self) -> None:
        """Leave the archive unfinished, after an error."""
        self.zip.fp = None  # else it would write its directory when it is collected


class ArchiveReader:
    """Reads the records of one file. path: what it is called in messages, and for mmap."""

    def __init__(self, file: Any, path: str | None, mapped: bool = False) -> None:
        self.file, self.path = file, path
        try:
            self.zip = zipfile.ZipFile(file)
            listed = self.zip.infolist()
        except DAMAGE as e:
            raise RuntimeError(
                f"PytorchStreamReader failed reading zip archive: {e}. "
                f"{self} is cut off or damaged."
            ) from None
        self.infos = {}
        root = None
        for info in listed:
            top, _, name = info.filename.partition("/")
            if name == "data.pkl" or root is None:
                root = top
        for info in listed:
            if not info.filename.startswith(f"{root}/"):
                raise RuntimeError(
                    f"{self} is damaged: file in archive is not in a subdirectory {root}/:"
                    f" {info.filename}"
                )
            self.infos[info.filename[len(root) + 1 :]] = info  # type: ignore[arg-type]
        self._check_sizes(listed)
        self.map: Any = None
        if mapped:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def __str__(self) -> str:
        return self.path or "the file"

    def _check_sizes(self, listed: list[zipfile.ZipInfo]) -> None:
        """RuntimeError if records say that they are larger than the file can hold, so that nothing
        is allocated for what is not there.
        """
        self.file.seek(0, os.SEEK_END)
        length = self.file.tell()
        packed = inflated = 0
        for info in listed:
            packed += info.compress_size
            if info.compress_type == zipfile.ZIP_STORED:
                if info.file_size != info.compress_size:
                    raise RuntimeError(f"{self} is damaged: {info.filename} has two sizes")
            elif info.compress_type == zipfile.ZIP_DEFLATED:
                inflated += info.file_size
            else:  # their dictionaries take megabytes whatever the file's size
                raise RuntimeError(
                    f"{self}: {info.filename} is compressed by a method that .pt files do not use"
                    f" ({info.compress_type}): unpack the archive and store it uncompressed"
                )
        if packed > length:
            raise RuntimeError(
                f"{self} is cut off or damaged: its records are {packed} bytes, the file {length}"
            )
        if inflated > INFLATED + length * RATIO:
            raise RuntimeError(
                f"{self}: compressed records of {length} bytes say that they become {inflated}"
                " bytes: unpack the archive and store it uncompressed, if you trust it"
            )

    def __contains__(self, name: str) -> bool:
        return name in self.infos

    def _info(self, name: str) -> Any:
        try:
            return self.infos[name]
        except KeyError:
            raise RuntimeError(
                f"PytorchStreamReader failed locating file {name}: file not found in {self}"
            ) from None

    def read(self, name: str) -> bytes:
        """The bytes of a record."""
        try:
            return self.zip.read(self._info(name))
        except DAMAGE as e:
            if self._info(name).CRC or not isinstance(e, zipfile.BadZipFile):
                raise RuntimeError(f"{self} is damaged: {e}") from None
            return self.fill(name, np.empty(self._info(name).file_size, np.uint8)).tobytes()

    def size(self, name: str) -> int:
        """The number of bytes of a record."""
        return int(self._info(name).file_size)

    def start(self, info: Any) -> int:
        """Where in the file the contents of a record begin."""
        self.file.seek(info.header_offset)
        header = self.file.read(_HEADER)
        if len(header) < _HEADER or header[:4] != b"PK\x03\x04":
            raise RuntimeError(f"{self} is damaged: {info.filename} is not where it should be")
        n, extra = struct.unpack("<HH", header[26:30])
        return int(info.header_offset) + _HEADER + n + extra

    def array(self, name: str, dtype: Any) -> np.ndarray:
        """A record as a row of elements: from mapped memory, or read into memory of its own."""
        info = self._info(name)
        count = info.file_size // dtype.itemsize
        if self.map is not None:
            if info.compress_type != zipfile.ZIP_STORED:
                raise RuntimeError(f"{self}: {name} is compressed, which mmap=True cannot map")
            start = self.start(info)
            if start + info.file_size > len(self.map):
                raise RuntimeError(f"{self} is cut off: {name} goes beyond its end")
            return np.frombuffer(self.map, dtype, count, start)
        return self.fill(name, np.empty(count, dtype))

    def fill(self, name: str, a: np.ndarray) -> np.ndarray:
        """Read a record into an array, without a copy on the way."""
        info = self._info(name)
        if info.compress_type != zipfile.ZIP_STORED:
            source, step = self._opened(info), _PACKED
        else:
            source, step = self.file, _STEP
            source.seek(self.start(info))
        view, done, crc = memoryview(a.view(np.uint8).data), 0, 0
        while done < a.nbytes:
            piece = view[done : done + step]
            try:
                if hasattr(source, "readinto"):
                    n = source.readinto(piece)
                else:
                    data = source.read(len(piece))
                    n = len(data)
                    piece[:n] = data
            except DAMAGE as e:
                raise RuntimeError(f"{self} is damaged: {name}: {e}") from None
            if not n:
                raise RuntimeError(f"{self} is cut off: {name} goes beyond its end")
            crc = zlib.crc32(piece[:n], crc)
            done += n
        if info.CRC and crc != info.CRC and a.nbytes == info.file_size:  # 0: written without sums
            raise RuntimeError(f"{self} is damaged: the checksum of {name} does not fit")
        return a

    def _opened(self, info: Any) -> Any:
        try:
            return self.zip.open(info)
        except DAMAGE as e:
            raise RuntimeError(f"{self} is damaged: {info.filename}: {e}") from None

    def close(self) -> None:
        """Close the archive, not the file it was read from."""
        self.zip.close()


def kind_of(file: Any) -> str:
    """What a seekable file is: 'zip', 'legacy', 'tar', 'empty', 'pickle' or 'other'."""
    here = file.tell()
    head = file.read(512)
    file.seek(here)
    if head[:4] == b"PK\x03\x04":
        return "zip"
    if not head:
        return "empty"
    if head[:2] == b"\x80\x02" and head[2:13] == b"\x8a\nl\xfc\x9cF\xf9 j\xa8P"[:11]:
        return "legacy"
    if head[257:262] == b"ustar":
        return "tar"
    return "pickle" if head[:1] == b"\x80" else "other"


def opened(f: Any, mode: str) -> tuple[Any, bool]:
    """(file, whether to close it) of a path or of something that is a file already."""
    if isinstance(f, (str, os.PathLike)):
        return open(f, mode), True
    need = "read" if "r" in mode else "write"
    if not hasattr(f, need):
        raise AttributeError(
            f"expected 'f' to be a string, path, or a file-like object with a '{need}' attribute, "
            f"not {type(f).__name__}"
        )
    return f, False


def is_zipfile(f: Any) -> bool:
    """Whether a file goes on, from where it is read, as a ZIP archive does."""
    start = f.tell()
    found = f.read(4) == b"PK\x03\x04"
    f.seek(start)
    return bool(found)


def check_seekable(f: Any) -> None:
    """Refuse a file that cannot be read from any place, with the error that it gives itself."""
    try:
        f.seek(f.tell())
    except (AttributeError, io.UnsupportedOperation) as e:
        raise type(e)(
            f"{e}. You can only torch.load from a file that is seekable. Please pre-load the data"
            " into a buffer like io.BytesIO and try to load from it instead."
        ) from None
