"""NumPy's ufuncs without their floating-point status: they neither report nor warn of invalid
operations, divisions by zero and overflow.

After each loop NumPy reads the status flags of the processor; if one is set it asks what is to be
done, which here is nothing, and that takes five times as long as a small loop. A ufunc of this
module puts the flags back as they were before the loop. Overflow that NumPy reports by itself,
without these flags, is reported as before.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from .native import Host
from .simd import maker
from .ufunc_loops import loop_at

MADE: dict[Any, Any] = {}  # NumPy's ufunc -> the one without status
KEPT: list[Any] = []  # the data of loops: the addresses of NumPy's loop and of its data

TEXT = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @run(ptr %args, ptr %dims, ptr %steps, ptr %data) {
entry:
  %status = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %status)
  %loop = load ptr, ptr %data
  %second = getelementptr ptr, ptr %data, i64 1
  %own = load ptr, ptr %second
  call void %loop(ptr %args, ptr %dims, ptr %steps, ptr %own)
  call void @llvm.x86.sse.ldmxcsr(ptr %status)
  ret void
}
"""


def without_status(f: Any) -> Any:
    """A ufunc with f's loops over float32 and float64, and no others; f itself, where there is no
    compiler, f is no ufunc over elements, or identities are no addresses.
    """
    if type(f) is not np.ufunc or f.signature is not None or sys.implementation.name != "cpython":
        return f
    with Host.lock:
        found = MADE.get(f)
        if found is None:
            host = Host.make()
            found = MADE[f] = f if host is None or not host.target.x86 else made(f, host)
    return found


def made(f: Any, host: Host) -> Any:
    where = host.address(TEXT)
    loops: dict[str, tuple[int, int, str]] = {}
    for i, kinds in enumerate(f.types):
        kinds = kinds.replace("->", "")
        if kinds not in loops and set(kinds) in ({"f"}, {"d"}):
            data = (ctypes.c_size_t * 2)(*loop_at(f, i))
            KEPT.append(data)
            loops[kinds] = where, ctypes.addressof(data), kinds
    return maker().several(list(loops.values()), f.__name__, f.nin, None) if loops else f
