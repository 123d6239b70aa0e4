"""What array libraries can do beyond the vocabulary, for code written over a library (`lib`).

Code written over a namespace asks `xp.has(...)` (`lookup.py`).
"""

from __future__ import annotations

import numpy

from .numpy_direct import library

# Their arrays lie in the program's memory: compiled kernels, `out=` of ufuncs, strides and flags
# can be used on them.
ON_HOST = frozenset((numpy, library))
