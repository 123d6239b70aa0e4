"""torchtext.utils: reading tables, unpacking; downloads are refused with the place of the file."""

from __future__ import annotations

import csv
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["download_from_url", "extract_archive", "unicode_csv_reader"]


def unicode_csv_reader(lines: Any, **options: Any) -> Iterator[list[str]]:
    """The rows of a table in CSV, with fields of any length.

    lines: texts.
    """
    csv.field_size_limit(sys.maxsize)
    yield from csv.reader(lines, **options)


def download_from_url(url: str, path: Any = None, root: str = ".data", **options: Any) -> str:
    """The file of a URL if it is there already; nothing is downloaded.

    path: of the file. root: the folder of the data.
    """
    place = Path(path) if path is not None else Path(root) / url.rstrip("/").rpartition("/")[2]
    if place.exists():
        return str(place)
    raise RuntimeError(f"nothing is downloaded here: put the file of {url} at {place}")


def extract_archive(from_path: Any, to_path: Any = None, overwrite: bool = False) -> list[str]:
    """Unpack a tar or zip file beside itself or into to_path; the paths of its files."""
    source = Path(from_path)
    target = source.parent if to_path is None else Path(to_path)
    if tarfile.is_tarfile(source):
        with tarfile.open(source) as tar:
            names = [m.name for m in tar.getmembers() if m.isfile()]
            tar.extractall(target, filter="data")
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as zipped:
            names = [n for n in zipped.namelist() if not n.endswith("/")]
            zipped.extractall(target)
    else:
        raise NotImplementedError(f"extract_archive: {source} is no tar or zip file")
    return [str(target / name) for name in names]
