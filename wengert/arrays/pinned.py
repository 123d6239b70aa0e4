"""Pinned memory: pages of the CPU that a GPU copies from by itself, so that copies can run beside
work. CuPy allocates it; arrays in it are NumPy's.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from . import cuda

__all__ = ["copy", "is_pinned"]


def copy(a: np.ndarray) -> np.ndarray:
    """The array in pinned memory. RuntimeError without a device."""
    if not cuda.device_count():
        raise RuntimeError(
            "Cannot access accelerator device when none is available: pin_memory() needs a GPU, "
            "leave it out"
        )
    library = cuda.stand_in() or importlib.import_module("cupyx")
    out: np.ndarray = library.empty_pinned(a.shape, a.dtype)
    out[...] = a
    return out


def is_pinned(a: Any) -> bool:
    """Whether an array lies in pinned memory."""
    if type(a) is not np.ndarray:
        return False
    owner: Any = a
    while isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    if owner is None or not cuda.device_count():
        return False
    return isinstance(owner, cuda.library().cuda.PinnedMemoryPointer)
