"""Loads every file of ops, so that the public tables are complete."""

from __future__ import annotations

import importlib
import pkgutil

from .. import ops


def load() -> None:
    """Import all of wengert.ops."""
    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"wengert.ops.{module.name}")
