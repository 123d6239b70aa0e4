"""torch._six: what scripts for Python 2 and 3 imported; gone from PyTorch since 1.13."""

import builtins
import collections.abc as container_abcs
import queue
from math import inf, nan

string_classes = (str, bytes)
int_classes = int
PY3 = PY37 = True

__all__ = [
    "PY3", "PY37", "builtins", "container_abcs", "inf", "int_classes", "nan",
    "queue", "string_classes",
]  # fmt: skip
