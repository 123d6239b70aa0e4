"""NumPy without its dispatchers: the same module, where each function that looks for arrays with a
protocol of their own (`__array_function__`) is the function behind. Our arrays are NumPy's own, and
the detour takes as long as a small operation.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy

from .numpy_linalg import nonzeros, quick

__all__ = ["library", "nonzeros"]

library: Any = ModuleType("numpy", numpy.__doc__)
library.__dict__.update(
    {name: getattr(f, "_implementation", f) for name, f in vars(numpy).items() if name != "testing"}
)
library.__getattr__ = numpy.__getattr__
library.linalg = quick()
