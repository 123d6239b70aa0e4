"""NumPy's ufuncs, with the loops that they have, of whose invalid numbers nobody hears.

After each loop NumPy looks at what the processor noted (division by zero, overflow, no number at
all) and if there is something it asks Python's warnings what to do, which is to do nothing: that
takes five times as long as a small loop. Here the notes are put back as they were before the loop.
Overflow that the library notes by itself, elsewhere in the processor, is heard of as before.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

from .native import Host
from .simd import maker

WORD = ctypes.sizeof(ctypes.c_void_p)
FUNCTIONS = object.__basicsize__ + 16  # where a ufunc has its loops, after what objects have and
DATA = FUNCTIONS + WORD  # four numbers, and what they are told
MADE: dict[Any, Any] = {}  # NumPy's ufunc -> the quiet one
KEPT: list[Any] = []  # what loops are told: where NumPy's is, and its data

TEXT = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @run(ptr %args, ptr %dims, ptr %steps, ptr %data) {
entry:
  %notes = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %notes)
  %loop = load ptr, ptr %data
  %second = getelementptr ptr, ptr %data, i64 1
  %own = load ptr, ptr %second
  call void %loop(ptr %args, ptr %dims, ptr %steps, ptr %own)
  call void @llvm.x86.sse.ldmxcsr(ptr %notes)
  ret void
}
"""


def quiet(f: Any) -> Any:
    """A ufunc with f's loops over float32 and float64, and no others; f itself, where there is no
    compiler, f is no ufunc over elements, or identities are no addresses.
    """
    if type(f) is not np.ufunc or f.signature is not None or sys.implementation.name != "cpython":
        return f
    with Host.lock:
        found = MADE.get(f)
        if found is None:
            host = Host.make()
            found = MADE[f] = f if host is None or not host.target.x86 else quietened(f, host)
    return found


def quietened(f: Any, host: Host) -> Any:
    where = host.address(TEXT)
    functions, data = word(id(f) + FUNCTIONS), word(id(f) + DATA)
    loops: dict[str, tuple[int, int, str]] = {}
    for i, kinds in enumerate(f.types):
        kinds = kinds.replace("->", "")
        if kinds not in loops and set(kinds) in ({"f"}, {"d"}):
            own = word(data + WORD * i) if data else 0
            told = (ctypes.c_size_t * 2)(word(functions + WORD * i), own)
            KEPT.append(told)
            loops[kinds] = where, ctypes.addressof(told), kinds
    return maker().several(list(loops.values()), f.__name__, f.nin, None) if loops else f


def word(at: int) -> int:
    """The word at an address."""
    return ctypes.c_size_t.from_address(at).value
