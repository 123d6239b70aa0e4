"""Machine code as built-in functions: called directly, not through ctypes, which costs a
microsecond for each call and half of one for each array's address.

Here: the text that takes Python's arguments apart, and the function objects. Not here: what is
called (`native.py` and its users, `jobs.py`). Where objects are not laid out as the text reads them
(`fits`), callers go through ctypes, with the same result.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import compiler

FASTCALL = 0x80  # METH_FASTCALL: f(self, arguments, how many)
HEAD = object.__basicsize__  # bytes at the start of every object, of which the last 8 say its type
BYTES = bytes.__basicsize__ - 1  # where a bytes object has its contents
MOST = 64  # arguments of a launch
C_ORDER, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400  # NumPy's flags of an array
NAMES = {
    "wengert_integer": "PyLong_AsLongLong",
    "wengert_address": "PyLong_AsUnsignedLongLongMask",
    "wengert_real": "PyFloat_AsDouble",
    "wengert_failed": "PyErr_Occurred",
    "wengert_refuse": "PyErr_BadArgument",
    "wengert_keep": "Py_IncRef",
    "wengert_leave": "PyEval_SaveThread",
    "wengert_return": "PyEval_RestoreThread",
}  # what the text calls, and Python's name of it

_TEXT = """
declare i64 @wengert_integer(ptr)
declare i64 @wengert_address(ptr)
declare double @wengert_real(ptr)
declare ptr @wengert_failed()
declare i32 @wengert_refuse()
declare void @wengert_keep(ptr)
declare ptr @wengert_leave()
declare void @wengert_return(ptr)
@wengert_none = external global i8
@wengert_not = external global i8

define internal ptr @answer(ptr %what) {
  call void @wengert_keep(ptr %what)
  ret ptr %what
}
"""

# An argument as a number: 0 if one before it was none; else, if it is none itself, bad is set, and
# an exception.
_CONVERSION = """
define internal KIND @NAME(ptr %o, ptr %bad) {
entry:
  %before = load i64, ptr %bad
  %skip = icmp ne i64 %before, 0
  br i1 %skip, label %no, label %look
look:
  %none = icmp eq ptr %o, EXCEPT
  br i1 %none, label %no, label %ask
ask:
  %v = call KIND @wengert_NAME(ptr %o)
  %perhaps = FAILED
  br i1 %perhaps, label %check, label %done
check:
  %e = call ptr @wengert_failed()
  %f = icmp ne ptr %e, null
  %g = zext i1 %f to i64
  store i64 %g, ptr %bad
  br label %done
done:
  ret KIND %v
no:
  ret KIND ZERO
}
"""


def _conversion(name: str, kind: str = "i64", other: str = "null") -> str:
    """The text of a conversion; other: an object that stands for 0."""
    failed, zero = "icmp eq i64 %v, -1", "0"
    if kind == "double":
        failed, zero = "fcmp oeq double %v, -1.0", "0.0"
    text = _CONVERSION.replace("NAME", name).replace("KIND", kind).replace("EXCEPT", other)
    return text.replace("FAILED", failed).replace("ZERO", zero)


_TEXT += (
    _conversion("integer") + _conversion("address", other="@wengert_none")
    + _conversion("real", "double")
)  # fmt: skip

# A job of `jobs.py`. The bytes object that is the function's self holds words: the workers' `run`,
# their memory, the kernel, how many arguments, NumPy's type of arrays; then for each argument its
# kind (0 an integer, 1 a float, else an array), its dtype, and the flags that it must have.
_LAUNCH = """
define ptr @launch(ptr %self, ptr %args, i64 %n) {
entry:
  %bad = alloca i64
  %table = alloca i64, i64 MOST
  store i64 0, ptr %bad
  %spec = getelementptr i8, ptr %self, i64 BYTES
  %p.shared = getelementptr i64, ptr %spec, i64 1
  %p.kernel = getelementptr i64, ptr %spec, i64 2
  %p.count = getelementptr i64, ptr %spec, i64 3
  %p.array = getelementptr i64, ptr %spec, i64 4
  %run = load ptr, ptr %spec
  %shared = load ptr, ptr %p.shared
  %kernel = load ptr, ptr %p.kernel
  %count = load i64, ptr %p.count
  %array = load ptr, ptr %p.array
  %wanted = add i64 %count, 3
  %right = icmp eq i64 %n, %wanted
  br i1 %right, label %next, label %not
next:
  %k = phi i64 [ 0, %entry ], [ %k1, %put ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %ready
one:
  %k1 = add i64 %k, 1
  %k3 = add i64 %k, 3
  %at = getelementptr ptr, ptr %args, i64 %k3
  %v = load ptr, ptr %at
  %thrice = mul i64 %k, 3
  %five = add i64 %thrice, 5
  %p.kind = getelementptr i64, ptr %spec, i64 %five
  %p.dtype = getelementptr i64, ptr %p.kind, i64 1
  %p.flags = getelementptr i64, ptr %p.kind, i64 2
  %kind = load i64, ptr %p.kind
  switch i64 %kind, label %data [ i64 0, label %whole  i64 1, label %float ]
whole:
  %i = call i64 @integer(ptr %v, ptr %bad)
  br label %put
float:
  %d = call double @real(ptr %v, ptr %bad)
  %d.i = bitcast double %d to i64
  br label %put
data:
  %p.type = getelementptr i8, ptr %v, i64 TYPE
  %type = load ptr, ptr %p.type
  %is = icmp eq ptr %type, %array
  br i1 %is, label %dtypes, label %not
dtypes:
  %p.descr = getelementptr i8, ptr %v, i64 DESCR
  %descr = load ptr, ptr %p.descr
  %dtype = load ptr, ptr %p.dtype
  %same = icmp eq ptr %descr, %dtype
  br i1 %same, label %flags, label %not
flags:
  %p.has = getelementptr i8, ptr %v, i64 FLAGS
  %has.i = load i32, ptr %p.has
  %has = zext i32 %has.i to i64
  %needs = load i64, ptr %p.flags
  %both = and i64 %has, %needs
  %suits = icmp eq i64 %both, %needs
  br i1 %suits, label %take, label %not
take:
  %p.data = getelementptr i8, ptr %v, i64 DATA
  %elements = load i64, ptr %p.data
  br label %put
put:
  %word = phi i64 [ %i, %whole ], [ %d.i, %float ], [ %elements, %take ]
  %place = getelementptr i64, ptr %table, i64 %k
  store i64 %word, ptr %place
  br label %next
ready:
  %o.chunks = load ptr, ptr %args
  %a.steps = getelementptr ptr, ptr %args, i64 1
  %o.steps = load ptr, ptr %a.steps
  %a.threads = getelementptr ptr, ptr %args, i64 2
  %o.threads = load ptr, ptr %a.threads
  %chunks = call i64 @integer(ptr %o.chunks, ptr %bad)
  %steps = call i64 @integer(ptr %o.steps, ptr %bad)
  %threads = call i64 @integer(ptr %o.threads, ptr %bad)
  %b = load i64, ptr %bad
  %failed = icmp ne i64 %b, 0
  br i1 %failed, label %raise, label %go
go:
  %thread = call ptr @wengert_leave()
  call void %run(ptr %shared, ptr %kernel, ptr %table, i64 %chunks, i64 %steps, i64 %threads)
  call void @wengert_return(ptr %thread)
  %none = call ptr @answer(ptr @wengert_none)
  ret ptr %none
not:
  %w = load i64, ptr %bad
  %f = icmp ne i64 %w, 0
  br i1 %f, label %raise, label %decline
decline:
  %no = call ptr @answer(ptr @wengert_not)
  ret ptr %no
raise:
  ret ptr null
}
"""


def wrapper(types: str) -> str:
    """The text of `call`, the built-in form of the function `run` of the same text.

    types: of run's arguments, "p" for an address, "i" for an integer, "d" for a float, "o" for a
    Python object, for whose sake it runs under the interpreter's lock.
    """
    lines = [
        "define ptr @call(ptr %self, ptr %args, i64 %n) {",
        "  %bad = alloca i64",
        f"  %wrong = icmp ne i64 %n, {len(types)}",
        "  br i1 %wrong, label %not, label %convert",
        "not:",
        "  call i32 @wengert_refuse()",
        "  ret ptr null",
        "convert:",
        "  store i64 0, ptr %bad",
    ]
    given = []
    for k, t in enumerate(types):
        lines += [f"  %a{k} = getelementptr ptr, ptr %args, i64 {k}"]
        lines += [f"  %o{k} = load ptr, ptr %a{k}"]
        if t == "o":
            given.append(f"ptr %o{k}")
            continue
        word, f = ("double", "real") if t == "d" else ("i64", "address" if t == "p" else "integer")
        lines += [f"  %v{k} = call {word} @{f}(ptr %o{k}, ptr %bad)"]
        if t == "p":
            lines += [f"  %p{k} = inttoptr i64 %v{k} to ptr"]
        given.append(f"ptr %p{k}" if t == "p" else f"{word} %v{k}")
    leave = "o" not in types
    lines += [
        "  %b = load i64, ptr %bad",
        "  %failed = icmp ne i64 %b, 0",
        "  br i1 %failed, label %raise, label %go",
        "raise:",
        "  ret ptr null",
        "go:",
        *["  %thread = call ptr @wengert_leave()"] * leave,
        f"  call void @run({', '.join(given)})",
        *["  call void @wengert_return(ptr %thread)"] * leave,
        "  %none = call ptr @answer(ptr @wengert_none)",
        "  ret ptr %none",
        "}",
    ]
    return _TEXT + "\n".join(lines) + "\n"


class Definition(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    ]


def function(name: str, address: int, bound: Any = None) -> Callable[..., Any]:
    """The function object of machine code (self, arguments, how many), whose self is `bound`."""
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    definition = Definition(name.encode(), address, FASTCALL, None)
    # For good: function objects read it until the process has ended, after modules are gone.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(definition))
    made: Callable[..., Any] = make(ctypes.addressof(definition), bound, None)
    return made


@functools.cache
def fits() -> bool:
    """Whether this interpreter's objects, and NumPy's arrays, are laid out as the texts read them;
    the names that texts call are defined then.
    """
    if sys.implementation.name != "cpython" or sys.maxsize < 1 << 40 or HEAD != 16:
        return False
    content, some = b"wengert.", np.arange(3.0)
    word = ctypes.c_void_p.from_address
    right = ctypes.string_at(id(content) + BYTES, 8) == content
    right = right and word(id(some) + HEAD - 8).value == id(np.ndarray)
    right = right and word(id(some) + HEAD).value == some.__array_interface__["data"][0]
    right = right and word(id(some) + HEAD + 40).value == id(some.dtype)
    flags = ctypes.c_int.from_address(id(some) + HEAD + 48).value
    if not right or flags & (C_ORDER | ALIGNED | WRITEABLE) != C_ORDER | ALIGNED | WRITEABLE:
        return False
    for ours, theirs in NAMES.items():
        compiler.define_symbol(ours, getattr(ctypes.pythonapi, theirs))
    compiler.define_symbol("wengert_none", id(None))
    compiler.define_symbol("wengert_not", id(NotImplemented))
    return True


def launcher(
    name: str, run: int, shared: int, kernel: int, arguments: Sequence[tuple[int, Any, int]]
) -> Callable[..., Any] | None:
    """f(chunks, steps, threads, *arguments): NotImplemented, and nothing done, unless all of them
    are as `arguments` says (see _LAUNCH). None where calls have to go through ctypes.
    """
    target = compiler.target()
    if target is None or len(arguments) > MOST or not fits():
        return None
    words = [run, shared, kernel, len(arguments), id(np.ndarray)]
    for kind, dtype, flags in arguments:
        words += [kind, 0 if dtype is None else id(dtype), flags]
    return function(name, _launch(target), np.array(words, np.uint64).tobytes())


@functools.cache
def _launch(target: compiler.Target) -> int:
    """The address of what launches kernels."""
    offsets = {"BYTES": BYTES, "TYPE": HEAD - 8, "DATA": HEAD, "DESCR": HEAD + 40}
    offsets |= {"FLAGS": HEAD + 48, "MOST": MOST}

    def text() -> str:
        lines = _LAUNCH
        for k, v in offsets.items():
            lines = lines.replace(f" {k}\n", f" {v}\n")
        return f'target triple = "{target.triple}"\n' + _TEXT + lines

    (address,) = compiler.load(target, ("launch", tuple(offsets.items())), text, ["launch"])
    return address
