"""Where NumPy's new arrays lie: while a `Placement` is on, those of some sizes take blocks of
memory that it was given, such as memory that other processes see: nobody has to copy them there.

A block is taken when an array is made and free again when that array is gone, whoever has held it;
an array that finds none lies where it always would. This is NumPy's own interface for allocators
(PyDataMem_SetHandler); its four functions are machine code, since NumPy calls them for every array.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import compiler

__all__ = ["Placement"]

SET, DEFAULT = 304, 306  # places of functions in NumPy's table
NAME, STRUCT = 128, 168  # bytes of a handler: its name and version, all of it

# words: first address, end, least size, how many blocks may be taken; the usual allocator: its
# state, malloc, calloc, realloc, free; how many blocks there are; then for each its address, its
# size, and whether it is taken
_TEXT = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal ptr @block(ptr %t, i64 %size) {
entry:
  %p.least = getelementptr i64, ptr %t, i64 2
  %least = load i64, ptr %p.least
  %small = icmp ult i64 %size, %least
  br i1 %small, label %none, label %begin
begin:
  %p.count = getelementptr i64, ptr %t, i64 3
  %count = load i64, ptr %p.count
  %first = getelementptr i64, ptr %t, i64 10
  br label %loop
loop:
  %i = phi i64 [ 0, %begin ], [ %next, %other ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %look, label %none
look:
  %at = mul i64 %i, 3
  %r = getelementptr i64, ptr %first, i64 %at
  %p.size = getelementptr i64, ptr %r, i64 1
  %p.taken = getelementptr i64, ptr %r, i64 2
  %has = load i64, ptr %p.size
  %taken = load i64, ptr %p.taken
  %fits = icmp eq i64 %has, %size
  %free = icmp eq i64 %taken, 0
  %good = and i1 %fits, %free
  br i1 %good, label %take, label %other
other:
  %next = add i64 %i, 1
  br label %loop
take:
  store i64 1, ptr %p.taken
  %address = load i64, ptr %r
  %found = inttoptr i64 %address to ptr
  ret ptr %found
none:
  ret ptr null
}

; the record of the block at an address; null: it is none of these
define internal ptr @record(ptr %t, ptr %p) {
entry:
  %a = ptrtoint ptr %p to i64
  %low = load i64, ptr %t
  %p.high = getelementptr i64, ptr %t, i64 1
  %high = load i64, ptr %p.high
  %above = icmp uge i64 %a, %low
  %below = icmp ult i64 %a, %high
  %inside = and i1 %above, %below
  br i1 %inside, label %begin, label %none
begin:
  %p.all = getelementptr i64, ptr %t, i64 9
  %all = load i64, ptr %p.all
  %first = getelementptr i64, ptr %t, i64 10
  br label %loop
loop:
  %i = phi i64 [ 0, %begin ], [ %next, %look ]
  %more = icmp ult i64 %i, %all
  br i1 %more, label %look, label %none
look:
  %at = mul i64 %i, 3
  %r = getelementptr i64, ptr %first, i64 %at
  %address = load i64, ptr %r
  %same = icmp eq i64 %address, %a
  %next = add i64 %i, 1
  br i1 %same, label %found, label %loop
found:
  ret ptr %r
none:
  ret ptr null
}

define internal ptr @usual(ptr %t, i64 %k) {
  %place = add i64 %k, 4
  %p = getelementptr i64, ptr %t, i64 %place
  %f = load ptr, ptr %p
  ret ptr %f
}

define ptr @placed_malloc(ptr %t, i64 %size) {
  %b = call ptr @block(ptr %t, i64 %size)
  %none = icmp eq ptr %b, null
  br i1 %none, label %other, label %done
done:
  ret ptr %b
other:
  %state = call ptr @usual(ptr %t, i64 0)
  %f = call ptr @usual(ptr %t, i64 1)
  %r = call ptr %f(ptr %state, i64 %size)
  ret ptr %r
}

define ptr @placed_calloc(ptr %t, i64 %n, i64 %item) {
  %both = call { i64, i1 } @llvm.umul.with.overflow.i64(i64 %n, i64 %item)
  %size = extractvalue { i64, i1 } %both, 0
  %much = extractvalue { i64, i1 } %both, 1
  br i1 %much, label %other, label %ask
ask:
  %b = call ptr @block(ptr %t, i64 %size)
  %none = icmp eq ptr %b, null
  br i1 %none, label %other, label %done
done:
  call void @llvm.memset.p0.i64(ptr %b, i8 0, i64 %size, i1 false)
  ret ptr %b
other:
  %state = call ptr @usual(ptr %t, i64 0)
  %f = call ptr @usual(ptr %t, i64 2)
  %r = call ptr %f(ptr %state, i64 %n, i64 %item)
  ret ptr %r
}
declare { i64, i1 } @llvm.umul.with.overflow.i64(i64, i64)

define ptr @placed_realloc(ptr %t, ptr %p, i64 %size) {
  %record = call ptr @record(ptr %t, ptr %p)
  %none = icmp eq ptr %record, null
  br i1 %none, label %other, label %move
move:
  %state1 = call ptr @usual(ptr %t, i64 0)
  %f1 = call ptr @usual(ptr %t, i64 1)
  %new = call ptr %f1(ptr %state1, i64 %size)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %done, label %copy
copy:
  %p.size = getelementptr i64, ptr %record, i64 1
  %had = load i64, ptr %p.size
  %less = icmp ult i64 %had, %size
  %n = select i1 %less, i64 %had, i64 %size
  call void @llvm.memcpy.p0.p0.i64(ptr %new, ptr %p, i64 %n, i1 false)
  %p.taken = getelementptr i64, ptr %record, i64 2
  store i64 0, ptr %p.taken
  br label %done
done:
  ret ptr %new
other:
  %state = call ptr @usual(ptr %t, i64 0)
  %f = call ptr @usual(ptr %t, i64 3)
  %r = call ptr %f(ptr %state, ptr %p, i64 %size)
  ret ptr %r
}

define void @placed_free(ptr %t, ptr %p, i64 %size) {
  %record = call ptr @record(ptr %t, ptr %p)
  %none = icmp eq ptr %record, null
  br i1 %none, label %other, label %mark
mark:
  %p.taken = getelementptr i64, ptr %record, i64 2
  store i64 0, ptr %p.taken
  ret void
other:
  %state = call ptr @usual(ptr %t, i64 0)
  %f = call ptr @usual(ptr %t, i64 4)
  call void %f(ptr %state, ptr %p, i64 %size)
  ret void
}
"""
_NAMES = ["placed_malloc", "placed_calloc", "placed_realloc", "placed_free"]


class _NumPy:
    """NumPy's functions for allocators; `usual`: the one that was there first."""

    def __init__(self) -> None:
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        array_api = np._core.multiarray._ARRAY_API  # type: ignore[attr-defined]
        table = (ctypes.c_size_t * (DEFAULT + 1)).from_address(pointer(array_api, None))
        self.set: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[SET])
        self.usual = ctypes.py_object.from_address(table[DEFAULT]).value
        at = pointer(self.usual, b"mem_handler")
        self.words = (ctypes.c_uint64 * 5).from_address(at + NAME)
        self.capsule: Any = ctypes.pythonapi.PyCapsule_New
        self.capsule.restype = ctypes.py_object
        self.capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Placement:
    """Blocks that new arrays of their sizes lie in while it is `on`.

    blocks: (address, bytes) of each; that memory has to stay while the process lives.
    """

    numpy: _NumPy | None = None
    name = ctypes.create_string_buffer(b"mem_handler")

    def __init__(self, blocks: Sequence[tuple[int, int]]) -> None:
        target = compiler.target()
        assert target is not None
        numpy = self._numpy()
        where = compiler.load(target, _TEXT, lambda: _TEXT, _NAMES)
        ends = min(a for a, _ in blocks), max(a + size for a, size in blocks)
        least = min(size for _, size in blocks)
        head = [*ends, least, len(blocks), *numpy.words, len(blocks)]
        words = [*head, *(w for address, size in blocks for w in (address, size, 0))]
        self.table = (ctypes.c_uint64 * len(words))(*words)
        self.handler = ctypes.create_string_buffer(b"wengert", STRUCT)
        self.handler[NAME - 1] = b"\1"
        functions = (ctypes.c_uint64 * 5)(ctypes.addressof(self.table), *where)
        ctypes.memmove(ctypes.addressof(self.handler) + NAME, functions, STRUCT - NAME)
        self.capsule = numpy.capsule(ctypes.addressof(self.handler), self.name, None)
        for o in (self.table, self.handler, self.name):  # arrays refer to it to the very end
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(o))
        os.register_at_fork(after_in_child=self._forked)

    @classmethod
    def _numpy(cls) -> _NumPy:
        if cls.numpy is None:
            cls.numpy = _NumPy()
        return cls.numpy

    @classmethod
    def possible(cls) -> bool:
        """Whether there is a compiler, and NumPy's allocator is as it is known here."""
        return compiler.target() is not None and int(np.__version__.split(".")[0]) == 2

    def on(self) -> None:
        """Place new arrays, in this thread."""
        self._numpy().set(self.capsule)

    def off(self) -> None:
        """Let new arrays lie where they always would."""
        numpy = self._numpy()
        numpy.set(numpy.usual)

    def _forked(self) -> None:
        self.table[3] = 0  # the parent goes on taking the same blocks
