"""Where NumPy's ufuncs have their loops over elements: read from the public struct PyUFuncObject,
in CPython, where the identity of an object is its address.
"""

from __future__ import annotations

import ctypes

import numpy as np

WORD = ctypes.sizeof(ctypes.c_void_p)
FUNCTIONS = object.__basicsize__ + 16  # behind the head of all objects and four ints
DATA, TYPES = FUNCTIONS + WORD, FUNCTIONS + 4 * WORD


def word_at(address: int) -> int:
    """The word in memory at an address."""
    return ctypes.c_size_t.from_address(address).value


def loop_at(f: np.ufunc, i: int) -> tuple[int, int]:
    """The address of the loop for f.types[i], and of the data that it is called with (0: none)."""
    data = word_at(id(f) + DATA)
    function = word_at(word_at(id(f) + FUNCTIONS) + WORD * i)
    return function, word_at(data + WORD * i) if data else 0


def dtypes_at(f: np.ufunc, i: int) -> bytes:
    """The numbers (np.dtype.num) of the dtypes of operands and results for f.types[i]."""
    return ctypes.string_at(word_at(id(f) + TYPES) + i * f.nargs, f.nargs)
