"""Where many arrays are in memory, found in one call where llvmlite is installed: asking each from
Python takes longer than a small step's arithmetic.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import calling
from ..kernels.native import Host, address

Filler = Callable[[Any, Any, Any, int, int, int, int], None]

_TEXT = """
define void @run(ptr %list, ptr %dtype, ptr %kind, ptr %table, ptr %sizes, i64 %rows,
                 i64 %columns) {
entry:
  %p.items = getelementptr i8, ptr %list, i64 ITEMS
  %items = load ptr, ptr %p.items
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i1, %fits ]
  %more = icmp slt i64 %i, %rows
  br i1 %more, label %one, label %done
one:
  %i1 = add i64 %i, 1
  %p.a = getelementptr ptr, ptr %items, i64 %i
  %a = load ptr, ptr %p.a
  %p.type = getelementptr i8, ptr %a, i64 TYPE
  %type = load ptr, ptr %p.type
  %array = icmp eq ptr %type, %kind
  br i1 %array, label %look, label %not
look:
  %p.data = getelementptr i8, ptr %a, i64 DATA
  %p.nd = getelementptr i8, ptr %a, i64 NDIM
  %p.dims = getelementptr i8, ptr %a, i64 DIMS
  %p.descr = getelementptr i8, ptr %a, i64 DESCR
  %p.flags = getelementptr i8, ptr %a, i64 FLAGS
  %data = load i64, ptr %p.data
  %nd = load i32, ptr %p.nd
  %dims = load ptr, ptr %p.dims
  %descr = load ptr, ptr %p.descr
  %flags = load i32, ptr %p.flags
  %same = icmp eq ptr %descr, %dtype
  %both = and i32 %flags, FLAT
  %flat = icmp eq i32 %both, FLAT
  %good = and i1 %same, %flat
  br i1 %good, label %count, label %not
count:
  %k = phi i32 [ 0, %look ], [ %k1, %dim ]
  %n = phi i64 [ 1, %look ], [ %n1, %dim ]
  %again = icmp slt i32 %k, %nd
  br i1 %again, label %dim, label %compare
dim:
  %k1 = add i32 %k, 1
  %p.dim = getelementptr i64, ptr %dims, i32 %k
  %d = load i64, ptr %p.dim
  %n1 = mul i64 %n, %d
  br label %count
compare:
  %p.size = getelementptr i64, ptr %sizes, i64 %i
  %size = load i64, ptr %p.size
  %whole = icmp eq i64 %n, %size
  br i1 %whole, label %fits, label %not
fits:
  %row = mul i64 %i, %columns
  %at = getelementptr i64, ptr %table, i64 %row
  store i64 %data, ptr %at
  br label %next
not:
  store i64 -1, ptr %table
  br label %done
done:
  ret void
}
"""


@functools.cache
def filler() -> Filler | None:
    """f(arrays, dtype, ndarray, table, sizes, rows, columns): into the first of the columns of an
    int64 table in memory, where each of a list of arrays is, if it lies flat there, in that dtype,
    and has as many elements as sizes says; else -1 into the first row. None without llvmlite.
    """
    host = Host.make()
    if host is None or not calling.fits():
        return None
    head = calling.HEAD
    words = {"ITEMS": list.__basicsize__ - 16, "TYPE": head - 8, "DATA": head, "NDIM": head + 8}
    words |= {"DIMS": head + 16, "DESCR": head + 40, "FLAGS": head + 48}
    text = _TEXT.replace("FLAT", str(calling.C_ORDER | calling.ALIGNED))
    for name, n in words.items():
        text = text.replace(f"i64 {name}\n", f"i64 {n}\n")
    fill = host.function(text, "oooppii")
    some = [np.zeros((2, 3)), np.zeros(5)]
    table, sizes = np.zeros(2, np.int64), np.array([6, 5])
    fill(some, some[0].dtype, np.ndarray, address(table), address(sizes), 2, 1)
    return fill if table.tolist() == [address(a) for a in some] else None
