"""The machine code: compiled from the files in `machine/` or read from the cache, and the table of
addresses that it reads.

What lives here: which C functions and objects the code may name, and loading it. What does not: the
language (`language.py`), offsets (`structures.py`), and what an op's plan says (`plans.py`).
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import numpy_fast_paths
from ..arrays.lookup import NS
from ..autodiff.grad_api import own
from ..base import dtypes, frames, source
from ..base.modes import everyone, is_grad_enabled
from ..base.size import Size
from ..engine import views
from ..engine.backward import accumulate_grad, fit, meet
from ..engine.node import ONCE, AccumulateGrad, Slot, tick
from ..engine.op_modes import ACTIVE
from ..engine.tensor import Tensor, on_subclass, wrap
from ..kernels import compiler, matmul, threads, workers
from ..kernels.ufunc_loops import WORD, word_at
from . import replay, structures
from .language import Signature, Unit
from .plans import OPERATORS, Plans
from .rules import RULES

FOLDER = Path(__file__).parent
FILES = (
    "values", "pointwise", "elements", "general", "views", "products", "reductions", "joins",
    "places",
    "calls", "writes", "filling", "indices", "steps", "programs", "reverse", "passes", "replay",
    "modules", "implementations",
)  # in machine/  # fmt: skip
MISS = type("Miss", (), {"__repr__": lambda self: "<not plain>"})()  # the answer "not plain"
LONG_CHUNK = 1 << 17  # elements of a chunk of arrays that no cache holds: few chunks, long reads

# the C functions that may be called: result, arguments
FUNCTIONS = {
    name: Signature(result, arguments.split())
    for name, result, arguments in (
        ("_Py_Dealloc", "void", "ptr"),
        ("PyErr_Occurred", "ptr", ""),
        ("PyObject_CallNoArgs", "ptr", "ptr"),
        ("PyObject_CallOneArg", "ptr", "ptr ptr"),
        ("PyObject_Vectorcall", "ptr", "ptr ptr int ptr"),
        ("PyTuple_New", "ptr", "int"),
        ("PyLong_FromLong", "ptr", "int"),
        ("PyLong_AsLong", "int", "ptr"),
        ("PyDict_GetItemWithError", "ptr", "ptr ptr"),
        ("PyType_GenericAlloc", "ptr", "ptr int"),
        ("PyIter_Next", "ptr", "ptr"),
        ("PyThreadState_Get", "ptr", ""),
        ("PyErr_NoMemory", "ptr", ""),
        ("PyErr_ExceptionMatches", "i32", "ptr"),
        ("PyErr_Clear", "void", ""),
        ("PyEval_SaveThread", "ptr", ""),
        ("PyEval_RestoreThread", "void", "ptr"),
        ("PyErr_SetString", "void", "ptr ptr"),
        ("PyObject_GetAttr", "ptr", "ptr ptr"),
        ("PyObject_GetItem", "ptr", "ptr ptr"),
        ("PyObject_GenericGetAttr", "ptr", "ptr ptr"),
        ("PyObject_GenericGetDict", "ptr", "ptr ptr"),
        ("_PyType_Lookup", "ptr", "ptr ptr"),
        ("PyList_New", "ptr", "int"),
        ("PyList_Append", "i32", "ptr ptr"),
        ("PyWeakref_NewRef", "ptr", "ptr ptr"),
        ("PyMem_Malloc", "ptr", "int"),
        ("PyMem_Free", "void", "ptr"),
        ("memcpy", "ptr", "ptr ptr int"),
        ("memset", "ptr", "ptr i32 int"),
        ("PyArray_NewFromDescr", "ptr", "ptr ptr i32 ptr ptr ptr i32 ptr"),
        ("PyArray_SetBaseObject", "i32", "ptr ptr"),
        ("PyArray_MatrixProduct2", "ptr", "ptr ptr ptr"),
    )
}
OF_NUMPY = {  # places in its table
    "PyArray_NewFromDescr": 94, "PyArray_MatrixProduct2": 280, "PyArray_SetBaseObject": 282,
}  # fmt: skip
OF_LIBC = ("memcpy", "memset")
ENTRIES = (  # what texts call
    "call_unary", "call_binary", "call_any", "call_list", "call_view", "call_write",
    "call_overwrite", "call_backward", "call_grad", "call_make", "call_like", "call_count",
    "call_fill", "call_copy", "call_steady", "call_kept", "call_parts", "call_recall",
    "call_detach", "call_inside", "call_again",
)  # fmt: skip
SLOTS = (  # what types and attributes of Python's have
    "slot_add", "slot_mul", "slot_sub", "slot_div", "slot_pow", "slot_neg", "slot_compare",
    "slot_getitem", "slot_setitem", "get_shape", "get_dtype", "get_device", "get_ndim",
    "slot_getattr",
)  # fmt: skip


def objects() -> dict[str, Any]:
    """The objects that the code names."""
    parameter = getattr(sys.modules.get("wengert.nn.parameter"), "Parameter", Tensor)
    return {
        "NONE": None, "TRUE": True, "FALSE": False, "ZERO": 0, "MISS": MISS,
        "FLOAT": float, "LONG": int, "TUPLE": tuple, "NDARRAY": np.ndarray, "SLOT": Slot,
        "TENSOR": Tensor, "PARAMETER": parameter,
        "F32": dtypes.float32.np, "F64": dtypes.float64.np, "I64": dtypes.int64.np,
        "BOOL": dtypes.bool.np, "I32": dtypes.int32.np, "I16": dtypes.int16.np,
        "I8": dtypes.int8.np, "U8": dtypes.uint8.np, "C64": dtypes.complex64.np,
        "C128": dtypes.complex128.np,
        "LEAF": AccumulateGrad, "ONCE": ONCE, "RULES": RULES, "LAST_CHANGE": views.last_change,
        "FIT": fit, "MEET": met, "ACCUMULATE": accumulate_grad, "SPACE": NS[np.ndarray],
        "OWN": lambda g: g if isinstance(g, Tensor) else wrap(own(g)),  # a sparse one
        "TRACES": replay.TRACES, "TELL": replay.tell,
        "REFUSED": (ValueError, TypeError, LookupError, MemoryError),  # the text explains
        "SPACE_OF": lambda g: NS[type(g)], "RUNTIME_ERROR": RuntimeError,
        "EVERYONE": everyone, "GRAD_ENABLED": is_grad_enabled, "ACTIVE": ACTIVE,
        "INTERNAL": frames.INTERNAL, "HERE": source.here, "ASARRAY": np.asarray,
        "VIEW": views.View, "VIEWED": views.Viewed, "REGISTER": views.register, "LIST": list,
        "MUTATED": views.mutated, "CHANGES": views.CHANGES, "UNTRACKED": sys.intern("untracked"),
        "INFERENCE": sys.intern("inference"), "QUIET": sys.intern("quiet"),
        "SIZE": Size, "SLICE": slice, "ELLIPSIS": Ellipsis, "DTYPE": dtypes.dtype, "ONE": 1,
        "DEFAULT": dtypes.DEFAULT, "FLOAT32": dtypes.float32, "FLOAT64": dtypes.float64,
        "INT64": dtypes.int64, "BOOLEAN": dtypes.bool, "CPU": NS[np.ndarray].device_of(np.zeros(1)),
        "ONES32": numpy_fast_paths.ALL_ONES[dtypes.float32.np],
        "ONES64": numpy_fast_paths.ALL_ONES[dtypes.float64.np],
        "ATTRIBUTE_ERROR": AttributeError, "ROWS": tuple([("array",) * n for n in range(4)]),
        "READY": lambda: workers.workers().ready(),
        "DICT": dict, "PARAMETERS": sys.intern("_parameters"), "MODULES": sys.intern("_modules"),
        "BUFFERED": sys.intern("_buffers"), "GETATTR": sys.intern("__getattr__"),
        "TICK": getattr(tick, "__self__"),  # noqa: B009
    }  # fmt: skip


def numbers() -> dict[str, int]:
    """The numbers that the code names."""
    return {
        "LARGE": structures.LARGEST,
        "LONG_CHUNK": LONG_CHUNK,
        "SINGLY": structures.SINGLY,
        "FEW": numpy_fast_paths.FEW,
        "FACTOR": numpy_fast_paths.LARGE,
        "SHARED": matmul.LEAST,
        "LAYOUT": replay.LAYOUT,
        "CODE_HEAD": structures.CODE_HEAD,
        "LOOPS": structures.LOOPS,
        "SAVED": structures.SAVED,
        **{name: getattr(structures, name) for name in ("R_RULES", "R_SAVED", "R_CONSTANTS")},
        **{name: getattr(structures, name) for name in ("R_STEPS", "RULE_SIZE")},
        **{name: getattr(structures, name) for name in ("OF_LEAF", "OF_SLOT", "OF_SEVERAL")},
        **{name: i for i, name in enumerate(structures.FAMILIES)},
        **{name: getattr(structures, name) for name in ("DIMS", "DIMS_OR_ALL", "SIZES")},
    }


def met(old: Any, g: Any, node: Any) -> Any:
    """The sum of two gradients of a node."""
    grads = {node: old}
    meet(grads, node, g)
    return grads[node]


TEXTS = {
    "GRAPH_CHANGED": b"a rule of the backward pass has changed the graph",
    "NO_DELETION": b"__delitem__",
}
BUFFERS: dict[str, Any] = {  # memory that is known by its address
    **{name: ctypes.create_string_buffer(text) for name, text in TEXTS.items()},
    "FACTS": threads.FACTS,
}
TABLES = ("PLANS_COMPARE", "CAREFUL_COMPARE", *BUFFERS, *OPERATORS)  # filled in by plans.Plans


def unit() -> Unit:
    """The functions, compiled to assembly."""
    made = Unit(structures.fields(), numbers(), FUNCTIONS, [*objects(), *TABLES])
    texts = [(FOLDER / "machine" / f"{name}.py").read_text("utf-8") for name in FILES]
    made.add(*texts, exported=[*ENTRIES, *SLOTS])
    return made


def key() -> tuple[object, ...]:
    """What the machine code depends on, beside the processor and the compiler."""
    h = hashlib.sha256()
    for file in sorted(FOLDER.rglob("*.py")):
        h.update(file.read_bytes())
    facts = (structures.fields(), numbers(), sys.version, np.__version__)
    return ("native calls", h.hexdigest(), facts)


def address(name: str) -> int:
    """Where a C function is."""
    if name in OF_NUMPY:
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        table = pointer(np._core.multiarray._ARRAY_API, None)  # type: ignore[attr-defined]
        return word_at(table + WORD * OF_NUMPY[name])
    library = ctypes.CDLL(None) if name in OF_LIBC else ctypes.pythonapi
    f = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    assert f is not None
    return f


class Code:
    """The loaded code. It and all that it refers to is never given back: finalizers and threads
    call until the very end.
    """

    def __init__(self, target: compiler.Target, plans: Plans) -> None:
        names = ["table", "table_names", *ENTRIES, *SLOTS]
        at = compiler.load(target, key(), assembly, names, passes=True)
        self.where = dict(zip(names, at))
        listed = ctypes.string_at(self.where["table_names"]).decode().split()
        self.places = {name: i for i, name in enumerate(listed)}
        self.table = (ctypes.c_uint64 * len(listed)).from_address(self.where["table"])
        self.kept: list[Any] = []
        known = objects()
        for name, i in self.places.items():
            if name in known:
                self.kept.append(known[name])
                self.table[i] = id(known[name])
            elif name in BUFFERS:
                self.table[i] = ctypes.addressof(BUFFERS[name])
            elif name in FUNCTIONS:
                self.table[i] = address(name)
            else:
                self.table[i] = plans.address(name)
        structures.for_good(self, *self.kept, *BUFFERS.values())
        if known["PARAMETER"] is Tensor:
            on_subclass.append(self.subclassed)

    def subclassed(self, cls: type) -> None:
        """A subclass of Tensor was defined; Parameter is plain, too."""
        if getattr(cls, "__module__", "") == "wengert.nn.parameter" and cls.__name__ == "Parameter":
            structures.for_good(cls)
            self.table[self.places["PARAMETER"]] = id(cls)


def assembly() -> str:
    """The module's text; it says what its table holds, so that a cached one can be filled."""
    made = unit()
    text = made.assembly()
    names = " ".join(made.table)
    return f'{text}\n@table_names = constant [{len(names) + 1} x i8] c"{names}\\00"\n'
