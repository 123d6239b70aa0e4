"""Loads every file of ops, so that the public tables are complete."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Iterator

from .. import ops


def files(folder: str, package: str) -> Iterator[str]:
    """The names of all modules below a folder."""
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        name, extension = os.path.splitext(entry.name)
        if extension == ".py" and name != "__init__":
            yield f"{package}.{name}"
        elif not extension and not name.startswith("_") and entry.is_dir():
            yield from files(entry.path, f"{package}.{name}")


def load() -> None:
    """Import all of wengert.ops."""
    collecting = gc.isenabled()
    gc.disable()  # definitions leave no garbage, and looking for it takes a sixth of the import
    try:
        for module in files(ops.__path__[0], ops.__name__):
            importlib.import_module(module)
    finally:
        if collecting:
            gc.enable()
