"""Makes a namespace of a library: its own callables, and our functions with the library filled
in.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy

from . import elementwise, fused, reductions, shapes
from . import numpy_fast_paths as floats

EAGER = (elementwise, shapes, reductions)
# word -> module that defines it, imported when the word is first used
LAZY_MODULES = (
    "windows",
    "conv",
    "pool",
    "interpolate",
    "recurrent",
    "sorting",
    "special",
    "linalg",
    "fft",
    "normalization",
    "activation",
    "loss",
    "embedding",
    "padding",
    "ctc",
    "attention",
    "indexing",
    "storage",
    "scan",
    "histogram",
    "sparse",
)


def words(lib: Any) -> dict[str, Any]:
    """The vocabulary over a NumPy-like library."""
    out = dict(elementwise.ufuncs(lib))
    for module in EAGER:
        for name in module.__all__:
            out[name] = partial(getattr(module, name), lib)
    out["asarray"] = lib.asarray
    out["library"] = lib
    out.update(floats.GENERAL)
    if lib.__name__ == "numpy":
        out.update(floats.WORDS)
        out.update({name: fused.wrap(name, out[name]) for name in fused.WORDS.keys() & out})
    out["clamp_scalar"] = out["clamp"]
    return out


def lazy_word(lib: Any, word: str) -> Any:
    """A word from the modules that are imported at need, or None."""
    for name in LAZY_MODULES:
        try:
            module = importlib.import_module(f"wengert.arrays.{name}")
        except ModuleNotFoundError as e:
            if e.name != f"wengert.arrays.{name}":
                raise
            continue
        if word in getattr(module, "__all__", ()):
            f = partial(getattr(module, word), lib)
            return fused.wrap(word, f) if lib is numpy else f
    return None
