"""The C allocator, told to keep the memory of large temporaries.

Fresh pages cost more than most operations on them: returned to the system, temporaries of 1 MB and
more are 2 to 15 times dearer. The price is that a process keeps its peak. glibc only;
WENGERT_KEEP_MEMORY=0 leaves the allocator alone.
"""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep() -> bool:
    """Set the allocator; False where there is nothing to set."""
    if not sys.platform.startswith("linux") or os.environ.get("WENGERT_KEEP_MEMORY") == "0":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 1 << 30) and mallopt(M_TRIM_THRESHOLD, -1))
