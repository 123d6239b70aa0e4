"""Loads every file of ops, so that the public tables are complete."""

from __future__ import annotations

import gc
import importlib
import os

from .. import ops


def load() -> None:
    """Import all of wengert.ops."""
    collecting = gc.isenabled()
    gc.disable()  # definitions leave no garbage, and looking for it takes a sixth of the import
    try:
        for file in sorted(os.listdir(ops.__path__[0])):
            name, extension = os.path.splitext(file)
            if extension == ".py" and name != "__init__":
                importlib.import_module(f"wengert.ops.{name}")
    finally:
        if collecting:
            gc.enable()
