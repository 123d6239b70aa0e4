"""Work that makes thousands of objects, all of which live: the garbage collector waits meanwhile.

It would look at all of them again and again, which takes several times as long as making them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
MANY = 1000  # objects for which it pays


def made_together(count: int, f: Callable[..., T], *args: Any) -> T:
    """f(*args), which makes `count` objects."""
    if count < MANY or not gc.isenabled():
        return f(*args)
    gc.disable()
    try:
        return f(*args)
    finally:
        gc.enable()
