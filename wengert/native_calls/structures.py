"""Where the fields of objects are in memory, for CPython 3.11 and NumPy 2: of their public
structures, of ours (asked from their classes), and of CPython's frames.

`agrees()` compares all of it with what Python itself says, before any machine code runs.
"""

from __future__ import annotations

import ctypes
import sys
import types
from typing import Any

import numpy as np

from ..base.dtypes import dtype
from ..base.modes import everyone
from ..engine.node import AccumulateGrad, Node, Slot
from ..engine.tensor import Tensor
from ..engine.views import Change, View, Viewed
from ..kernels.ufunc_loops import WORD, word_at

Field = tuple[int, str]  # offset in bytes, type
SINGLY = 1 << 10  # elements taken one by one; with more, the library's vectors make up for the call
LARGEST = 1 << 14  # elements of a loop that one thread runs, and of an array of a program


def for_good(*objects: Any) -> None:
    """Never give objects back: machine code, and Python's objects around it, refer to them until
    the very end, when modules have let go of theirs.
    """
    for o in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(o))


def slot(cls: Any, name: str) -> int:
    """The offset of a slot of a class: PyMemberDescrObject.d_member->offset."""
    member = word_at(id(cls.__dict__[name]) + 5 * WORD)
    return word_at(member + 2 * WORD)


CODE_HEAD = types.CodeType.__basicsize__  # where instructions begin in a code object

# what an op's plan says, each a word (see plans.py)
PLAN = (
    "node", "mask", "inputs", "nsaved", "run", "numbers", "needs_number", "keeps_number", "swap",
    "square", "mixed", "optional", "floating", "op", "geometry", "perhaps", "formula", "variadic",
    "rest", "names", "outs", "visible", "graded", "integers", "many", "returns", "pair", "statics",
    "least", "extra", "strict", "record", "records", "complex", "again",
)  # fmt: skip
ADDRESSES = {"node", "run", "op", "names", "pair", "record", "records", "again"}
# families of calls, as programs of bodies name them (replay.py)
FAMILIES = (
    "UNARY", "BINARY", "OF_SINGLE", "OF_LIST", "VIEW_OF", "PARTS", "ITEM", "MAKE", "LIKE", "COUNT",
    "DETACH", "INSIDE", "WRITE",
)  # fmt: skip
AS_IS, DIMS, DIMS_OR_ALL, SIZES = range(4)  # what a static argument is, in words of 4 bits
LOOPS = 8 * len(PLAN)  # loops of float32, float64, int64; their data; dtypes of results
SAVED = LOOPS + 8 * 9  # codes of the saved values
MOST_SAVED = 12

# what the rules of a class of nodes are (see rules.py): five words, then records for parents
RULE = ("what", "word", "nsaved", "nconstants", "nsteps")
PARENTS = 4  # as many as have records
SAVED_BY_RULE, CONSTANTS, STEPS = 8, 4, 6  # at most
R_RULES = 8 * 5
OF_OP, OF_LEAF, OF_SLOT, OF_SEVERAL = range(4)  # what the nodes of a class are
R_SAVED = 8 * len(RULE)
R_CONSTANTS = R_SAVED + 8 * SAVED_BY_RULE
R_STEPS = R_CONSTANTS + 8 * CONSTANTS
RULE_SIZE = R_STEPS + 8 * 7 * STEPS


def fields() -> dict[str, Field]:
    """All fields, by the names that machine code has for them."""
    found: dict[str, Field] = {
        # PyObject, and what some kinds have behind it
        "refcount": (0, "int"), "kind": (8, "ptr"), "size": (16, "int"), "number": (16, "f64"),
        "items": (24, "ptr"), "version": (24, "int"),
        # PyArrayObject, PyArray_Descr
        "data": (16, "ptr"), "nd": (24, "i32"), "dims": (32, "ptr"), "strides": (40, "ptr"),
        "base": (48, "ptr"), "descr": (56, "ptr"), "flags": (64, "i32"), "elsize": (40, "int"),
        # PyThreadState, _PyCFrame, _PyInterpreterFrame, PyCodeObject
        "t_frames": (56, "ptr"), "c_frame": (8, "ptr"), "f_code": (32, "ptr"),
        "f_previous": (48, "ptr"), "f_instruction": (56, "ptr"),
        "co_filename": (slot(types.CodeType, "co_filename"), "ptr"),
        # ours
        "e_off": (slot(type(everyone), "off"), "ptr"),
        "e_mark": (slot(type(everyone), "mark"), "ptr"),
        "e_running": (slot(type(everyone), "running"), "ptr"),
        "leaf_grad": (slot(AccumulateGrad, "grad"), "ptr"),
        "passes": (slot(AccumulateGrad, "passes"), "ptr"),
        "views": (slot(Viewed, "views"), "ptr"), "index": (slot(Slot, "index"), "ptr"),
        "used": (24, "int"),  # PySetObject
        "start": (16, "ptr"), "stop": (24, "ptr"), "step": (32, "ptr"),  # PySliceObject
        "e_special": (slot(type(everyone), "special"), "ptr"), "d_np": (slot(dtype, "np"), "ptr"),
    }  # fmt: skip
    found |= {name: (slot(Tensor, name), "ptr") for name in ("_a", "_n", "_x")}
    found |= {name: (slot(Node, name), "ptr") for name in Node.__slots__ if name[0] != "_"}
    found |= {f"v_{n}": (slot(View, n), "ptr") for n in ("base", "op", "static", "up")}
    found |= {f"c_{n}": (slot(Change, n), "ptr") for n in ("count", "tick", "nodes")}
    found |= {
        f"p_{name}": (WORD * i, "ptr" if name in ADDRESSES else "int")
        for i, name in enumerate(PLAN)
    }
    found |= {"r_kind": (0, "int"), "r_frees": (8, "int"), "r_backward": (16, "ptr")}
    found |= {"r_part": (24, "ptr"), "r_count": (32, "int")}  # how many records there are
    found |= {
        f"r_{name}": (WORD * i, "ptr" if name == "word" else "int") for i, name in enumerate(RULE)
    }
    return found


def agrees() -> bool:
    """Whether objects of this process look as said above."""
    f = {name: at for name, (at, _) in fields().items()}

    def field(o: Any, name: str) -> int:
        return word_at((o if type(o) is int else id(o)) + f[name])

    a = np.zeros((3, 5), "float32")[:, 1:]
    t, node = Tensor(), AccumulateGrad((2,), a.dtype)
    t._a, t._n, t._x = a, node, None
    numbers = [
        field(a, "data") == a.__array_interface__["data"][0],
        ctypes.c_int32.from_address(id(a) + f["nd"]).value == 2,
        [word_at(field(a, "dims") + WORD * i) for i in range(2)] == [3, 4],
        [word_at(field(a, "strides") + WORD * i) for i in range(2)] == [20, 4],
        ctypes.c_int32.from_address(id(a) + f["flags"]).value == a.flags.num,
        field(a.dtype, "elsize") == 4,
        field((1, 2, 3), "size") == 3,
        field({5, 7}, "used") == 2,
        field(set(), "used") == 0,
        field(counted := {5: 6}, "size") == 1,
        field(counted, "version") != (counted.update({5: 7}), field(counted, "version"))[1],
        ctypes.c_double.from_address(id(2.5) + f["number"]).value == 2.5,
    ]
    objects = [
        (a, "kind", np.ndarray), (a, "base", a.base), (a, "descr", a.dtype),
        (t, "_a", a), (t, "_n", node), (node, "dtype", node.dtype), (node, "shape", node.shape),
        (everyone, "e_off", everyone.off), (s := slice(7, 8, 9), "start", 7), (s, "stop", 8),
        (s, "step", 9),
    ]  # fmt: skip
    return all(numbers) and all(field(o, n) == id(v) for o, n, v in objects) and frames_agree(field)


def frames_agree(field: Any) -> bool:
    """Whether frames are found, and their places in code are those that Python tells."""
    current = ctypes.pythonapi.PyThreadState_Get
    current.restype = ctypes.c_void_p

    def here() -> bool:
        frame = sys._getframe()
        at = field(current(), "t_frames") + inner_at
        inner = ctypes.c_uint64.from_address(at).value  # not in a function: that has a frame, too
        if field(inner, "f_code") != id(frame.f_code):
            return False
        outer, known = field(inner, "f_previous"), frame.f_back
        for _ in range(2):
            if known is None:
                return False
            place = field(outer, "f_instruction") - id(known.f_code) - CODE_HEAD
            if field(outer, "f_code") != id(known.f_code) or place != known.f_lasti:
                return False
            outer, known = field(outer, "f_previous"), known.f_back
        return True

    inner_at = fields()["c_frame"][0]
    return here()
