"""Makes a namespace of a library: its own callables, and our functions with the library filled
in.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

from . import elementwise, fused, moments, reductions, shapes, weighted
from . import numpy_fast_paths as floats
from .capabilities import ON_HOST
from .lookup import Namespace
from .words import MODULE_OF

EAGER = (elementwise, shapes, reductions)
ITEMS = (
    "alias_item", "select_item", "sizes_item", "split_item", "unbind_item", "unsqueeze_item"
)  # fmt: skip


def words(lib: Any) -> dict[str, Any]:
    """The vocabulary over a NumPy-like library."""
    out = dict(elementwise.ufuncs(lib))
    for module in EAGER:
        for name in module.__all__:
            out[name] = partial(getattr(module, name), lib)
    out.update(dict.fromkeys(ITEMS, out["getitem"]))
    out["asarray"] = lib.asarray
    out["library"] = lib
    out.update(weighted.GENERAL)
    if lib in ON_HOST:
        out.update(floats.WORDS)
        out.update(weighted.WORDS)
        out.update(moments.WORDS)
        out.update({name: fused.wrap(name, out[name]) for name in fused.WORDS.keys() & out})
    out["clamp_scalar"] = out["clamp"]
    return out


class LibraryNamespace(Namespace):
    """The vocabulary over a NumPy-like library."""

    def primitive(self, word: str) -> Any:
        """The library's own callable for a word, or None; its module is imported at need."""
        f = self.__dict__.get(word)
        if f is None and word in MODULE_OF:
            module = importlib.import_module(f"wengert.arrays.{MODULE_OF[word]}")
            f = self.quicker(word, partial(getattr(module, word), self.library))
        return f
