"""What array libraries can do beyond the vocabulary, for code written over a library (`lib`).

Code written over a namespace asks `xp.has(...)` (`lookup.py`).
"""

from __future__ import annotations

from typing import Any

import numpy

from .numpy_direct import library

# Their arrays lie in the program's memory: compiled kernels, `out=` of ufuncs, strides and flags
# can be used on them.
ON_HOST = frozenset((numpy, library))


def writeable(a: Any) -> bool:
    """Whether an array may be written: CuPy's always may, and their flags do not say so."""
    return bool(getattr(a.flags, "writeable", True))


def poisoned(lib: Any, values: Any, wrong: Any) -> Any:
    """values, nan where an index that led to them was wrong: on a device an error would wait for
    it. wrong: a mask of their shape, or None.
    """
    return values if wrong is None else lib.where(wrong, values.dtype.type(float("nan")), values)


def some(lib: Any, mask: Any) -> bool:
    """Whether elements of a mask are True, so that something has to be mended. On a device the
    question would wait for its work: there it is mended in any case.
    """
    return lib not in ON_HOST or bool(mask.any())
