"""`wengert typings`: type stubs for `import torch`, so that editors and type checkers read scripts
that were written for PyTorch with wengert's types.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from ..base import absent
from .alias import find, home_of

__all__ = ["typings"]


def modules() -> list[str]:
    """The paths of torch that wengert has, packages before what is in them."""
    found = [m for m in absent.catalogue() if m != "torch.Tensor"]
    return sorted(m for m in found if in_a_file(str(home_of(m))))


def in_a_file(name: str) -> bool:
    """Whether a module has a source that a type checker can read."""
    found = find(name)
    origin = getattr(getattr(found, "__spec__", None) or found, "origin", None)
    return origin is not None and Path(origin).suffix == ".py"


def typings(folder: str) -> int:
    """Write the stubs into a folder; the exit code. pyright looks into `typings/` by itself, mypy
    where MYPYPATH says.
    """
    importlib.import_module("wengert")
    paths = modules()
    for path in paths:
        home = str(home_of(path))
        package = any(other.startswith(path + ".") for other in paths)
        file = Path(folder, *path.split("."))
        file = file / "__init__.pyi" if package else file.with_suffix(".pyi")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"from {home} import *\n", encoding="utf-8")
    sys.stdout.write(
        f"wrote {len(paths)} modules of torch to {folder}: pyright finds them, mypy with "
        f"MYPYPATH={folder}\n"
    )
    return 0
