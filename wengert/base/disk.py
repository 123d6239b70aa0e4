"""Made code on disk, machine code and Python's, so that a program's second run need not make it.

One file for each piece, named by a digest of all that it depends on. Files appear whole (they are
renamed into place), carry a digest of their content, and are made again when that does not fit. The
oldest go when there are too many. The folder is WENGERT_CACHE_DIR, else `wengert` in the user's
cache folder; an empty WENGERT_CACHE_DIR turns the cache off.

Only a folder that belongs to this user is read: what is in it will be executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from pathlib import Path

LIMIT = 256 << 20  # bytes of all files; then the older half goes
MAGIC = b"wengert1"


def folder() -> Path | None:
    """Where the files are, or None where there are none."""
    given = os.environ.get("WENGERT_CACHE_DIR")
    if given is not None:
        return Path(given) if given else None
    if sys.platform == "darwin":
        base = Path("~/Library/Caches").expanduser()
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local").expanduser()
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base / "wengert" if base.is_absolute() else None


_usable: dict[Path, bool] = {}


def _ours(path: Path) -> bool:
    """Make the folder; whether it is this user's own, which nobody else may write to."""
    if path not in _usable:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "nt":
                _usable[path] = True
            else:
                facts = path.stat()
                _usable[path] = facts.st_uid == os.getuid() and not facts.st_mode & 0o022
        except OSError:
            _usable[path] = False
    return _usable[path]


def place(digest: str, ending: str) -> Path | None:
    """The file of a digest, or None where nothing is kept."""
    path = folder()
    return path / f"{digest[:40]}{ending}" if path is not None and _ours(path) else None


def read(path: Path | None) -> bytes | None:
    """The content of a file, or None where there is none that is whole."""
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = len(MAGIC) + 32
    code = data[head:]
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : head] != hashlib.sha256(code).digest():
        return None
    return code


def write(path: Path | None, code: bytes) -> None:
    """Put a file in place; where that fails there is none, and nobody minds."""
    if path is None:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as f:
            f.write(MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(part, path)
        _trim(path.parent, len(code))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)


_written = [LIMIT]  # bytes since the last look at the folder; the first write looks


def _trim(path: Path, size: int) -> None:
    _written[0] += size
    if _written[0] < LIMIT // 8:
        return
    _written[0] = 0
    found = []
    with os.scandir(path) as files:
        for f in files:
            if f.name.endswith((".o", ".code", ".part")):
                facts = f.stat()
                found.append((facts.st_mtime, facts.st_size, f.path))
    total = sum(size for _, size, _ in found)
    if total <= LIMIT:
        return
    for _, size, name in sorted(found):
        with contextlib.suppress(OSError):
            os.unlink(name)
        total -= size
        if total <= LIMIT // 2:
            return
