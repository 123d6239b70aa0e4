"""Extension modules of scipy, without the packages around them, which take 100 to 200 ms to import.

Not here: what is called in them (`fft.py`, `sparse.py`), which has to work without, since they are
no public part of scipy.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any


def extension(*path: str) -> Any:
    """An extension module of scipy, without its package, whose import takes 100 ms."""
    full = ".".join(("scipy", *path))
    if full in sys.modules:
        return sys.modules[full]
    package = PathFinder.find_spec("scipy")
    for folder in (package and package.submodule_search_locations) or ():
        spec = PathFinder.find_spec(full, [os.path.join(folder, *path[:-1])])
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return importlib.import_module(full)
