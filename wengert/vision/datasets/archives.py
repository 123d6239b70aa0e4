"""The files of data sets: their checksums, unpacking them, and what to say when they are missing.

Nothing is fetched from the network. Where torchvision would download, the user is told which files
to put where; a file that is there is checked before it is used, and an archive's contents appear
only when all of them have been unpacked.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "Source", "calculate_md5", "check_integrity", "check_md5", "download_and_extract_archive",
    "download_file_from_google_drive",
    "download_url", "extract_archive", "iterable_to_str", "list_dir", "list_files", "obtain",
    "verify_str_arg",
]  # fmt: skip

PathName = str | PathLike[str]


class Source(NamedTuple):
    """A file of a data set: its name, the MD5 of its contents, and where it is published."""

    name: str
    md5: str | None
    url: str


def calculate_md5(fpath: PathName, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 of a file's contents."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath: PathName, md5: str, **kwargs: Any) -> bool:
    """Whether a file has that MD5."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: PathName, md5: str | None = None) -> bool:
    """Whether there is a file, with that MD5 if one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def obtain(folder: PathName, sources: Sequence[Source], owner: str) -> list[str]:
    """The paths of the sources, which are all in folder.

    Raises RuntimeError, which lists what is missing or damaged and where to put it.
    """
    wanted = []
    for source in sources:
        path = os.path.join(folder, source.name)
        if not check_integrity(path, source.md5):
            state = "is not there"
            if os.path.isfile(path):
                state = f"is damaged or incomplete: its MD5 is {calculate_md5(path)}"
            known = f" (MD5 {source.md5})" if source.md5 else ""
            wanted.append(f"  {source.name} {state}\n    from {source.url}{known}")
    if wanted:
        raise RuntimeError(
            f"{owner}: nothing is downloaded here. Fetch these files, put them into "
            f"{os.path.abspath(folder)} and run again with download=True:\n" + "\n".join(wanted)
        )
    return [os.path.join(folder, source.name) for source in sources]


def download_url(
    url: str,
    root: PathName,
    filename: PathName | None = None,
    md5: str | None = None,
    max_redirect_hops: int = 3,
) -> None:
    """Check that the file that url names lies in root.

    Raises RuntimeError, which says where to put it, when it does not.
    """
    root = os.path.expanduser(root)
    name = os.fspath(filename or os.path.basename(url))
    obtain(root, [Source(name, md5, url)], "download_url")


def download_file_from_google_drive(
    file_id: str, root: PathName, filename: PathName | None = None, md5: str | None = None
) -> None:
    """Check that the file with that id on Google Drive lies in root.

    Raises RuntimeError, which says where to put it, when it does not.
    """
    url = f"https://drive.google.com/file/d/{file_id}"
    download_url(url, root, filename or file_id, md5)


OPENERS: dict[str, Callable[..., Any]] = {
    ".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open,
}  # fmt: skip
TARS = (".tar", ".tgz", ".tbz", ".tbz2", ".tar.gz", ".tar.bz2", ".tar.xz")


def extract_tar(path: PathName, folder: str) -> None:
    with tarfile.open(path) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:
            inside = os.path.realpath(folder)
            for member in archive.getmembers():
                target = os.path.realpath(os.path.join(folder, member.name))
                plain = member.isfile() or member.isdir()
                if not plain or os.path.commonpath([inside, target]) != inside:
                    raise RuntimeError(f"{path}: refused to unpack {member.name}")
            archive.extractall(folder)


def extract_zip(path: PathName, folder: str) -> None:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)


@contextmanager
def unfinished(folder: PathName) -> Iterator[str]:
    """A temporary folder whose contents are moved into folder when the block has ended well."""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as scratch:
        yield scratch
        move_into(scratch, os.fspath(folder))


def move_into(source: str, folder: str) -> None:
    """Move all that is in source to folder, into folders that are already there."""
    for name in os.listdir(source):
        old, new = os.path.join(source, name), os.path.join(folder, name)
        if os.path.isdir(old) and os.path.isdir(new):
            move_into(old, new)
        else:
            os.replace(old, new)


def extract_archive(
    from_path: PathName, to_path: PathName | None = None, remove_finished: bool = False
) -> PathName:
    """Unpack a .tar, .zip or compressed file into to_path, by default the folder that it is in.

    Returns the folder, or the file where only one was compressed. Raises RuntimeError for a kind of
    file that is not known.
    """
    name = os.path.basename(from_path)
    folder = os.fspath(to_path) if to_path is not None else os.path.dirname(from_path)
    suffix = os.path.splitext(name)[1]
    result = folder
    with unfinished(folder or ".") as scratch:
        if name.endswith(TARS):
            extract_tar(from_path, scratch)
        elif suffix == ".zip":
            extract_zip(from_path, scratch)
        elif suffix in OPENERS:
            plain = name.removesuffix(suffix)
            result = os.path.join(folder, plain)
            with (
                OPENERS[suffix](from_path, "rb") as packed,
                open(os.path.join(scratch, plain), "wb") as out,
            ):
                shutil.copyfileobj(packed, out)
        else:
            known = ", ".join(sorted({*TARS, ".zip", *OPENERS}))
            raise RuntimeError(
                f"Unknown compression or archive type: '{suffix}'. Known are: {known}"
            )
    if remove_finished:
        os.remove(from_path)
    return result if isinstance(from_path, str) else Path(result)


def download_and_extract_archive(
    url: str,
    download_root: PathName,
    extract_root: PathName | None = None,
    filename: PathName | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Check and unpack the archive that url names, which lies in download_root."""
    download_root = os.path.expanduser(download_root)
    name = os.fspath(filename or os.path.basename(url))
    download_url(url, download_root, name, md5)
    archive = os.path.join(download_root, name)
    extract_archive(archive, extract_root or download_root, remove_finished)


def list_dir(root: PathName, prefix: bool = False) -> list[str]:
    """The folders in root; with prefix, their paths."""
    return listed(root, os.path.isdir, "", prefix)


def list_files(root: PathName, suffix: str, prefix: bool = False) -> list[str]:
    """The files in root whose names end in suffix; with prefix, their paths."""
    return listed(root, os.path.isfile, suffix, prefix)


def listed(root: PathName, kind: Callable[[str], bool], suffix: str, prefix: bool) -> list[str]:
    root = os.path.expanduser(root)
    found = [n for n in os.listdir(root) if kind(os.path.join(root, n)) and n.endswith(suffix)]
    return [os.path.join(root, name) for name in found] if prefix else found


def iterable_to_str(iterable: Iterable[object]) -> str:
    """The items, each in quotes, with commas between."""
    return "'" + "', '".join(str(item) for item in iterable) + "'"


def verify_str_arg(
    value: Any,
    arg: str | None = None,
    valid_values: Iterable[str] | None = None,
    custom_msg: str | None = None,
) -> Any:
    """value, once it is known to be one of valid_values; else ValueError."""
    where = f" for argument {arg}" if arg else ""
    if not isinstance(value, str):
        raise ValueError(f"Expected type str{where}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        known = iterable_to_str(valid_values)
        raise ValueError(
            custom_msg or f"Unknown value '{value}'{where}. Valid values are {{{known}}}."
        )
    return value
