"""Machine code on disk (`base/disk.py`): what names the file of a module.

A name depends on what was asked for, the source of the kernels, the processor and the compiler.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

from ..base.disk import folder, place, read, write

__all__ = ["digest", "entry", "folder", "read", "write"]


@functools.cache
def _sources() -> bytes:
    """A digest of the kernels' source; empty where there is none to read."""
    h = hashlib.sha256()
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        names = sorted([name for name in os.listdir(here) if name.endswith(".py")])
        for name in names:
            with open(os.path.join(here, name), "rb", 0) as f:
                h.update(f.read())
    except OSError:
        return b""
    return h.digest() if names else b""


def digest(key: object) -> str:
    """A short name for a key."""
    return hashlib.sha256(repr(key).encode()).hexdigest()[:16]


def entry(key: object, compiler: str) -> Path | None:
    """The file for what a key, the kernels' source and a compiler determine."""
    if not _sources():
        return None
    h = hashlib.sha256(_sources())
    h.update(repr((key, compiler)).encode())
    return place(h.hexdigest(), ".o")
