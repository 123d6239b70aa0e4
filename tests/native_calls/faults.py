"""C functions that fail when told to, in the place of those that machine code calls."""

import contextlib
import ctypes

from wengert import native_calls
from wengert.kernels import compiler
from wengert.native_calls.code import FUNCTIONS
from wengert.native_calls.language import Signature, Unit

# those that allocate -> the same in the language; "taken": an argument whose reference is given
ALLOCATING = {
    "PyType_GenericAlloc": "",
    "PyTuple_New": "",
    "PyLong_FromLong": "",
    "PyIter_Next": "",
    "PyMem_Malloc": "",
    "PyArray_NewFromDescr": "a1",
}
LEFT = (ctypes.c_int64 * 1)()


def source() -> str:
    text = (
        "def due() -> bool:\n    LEFT[0] = LEFT[0] - 1\n    return LEFT[0] == 0\n"
        "def give_back(o: ptr):\n    o.refcount = o.refcount - 1\n"
    )
    for name, taken in ALLOCATING.items():
        types = FUNCTIONS[name].arguments
        head = ", ".join(f"a{i}: {t}" for i, t in enumerate(types))
        given = ", ".join(f"a{i}" for i in range(len(types)))
        text += f"def fail_{name}({head}) -> ptr:\n    if due():\n"
        text += f"        give_back({taken})\n" if taken else ""
        text += f"        return PyErr_NoMemory()\n    return {name}({given})\n"
    return text.replace("LEFT[0]", "ints(LEFT)[0]").replace("ints(LEFT)[0] = ", "LEFT.word = ")


def made():
    unit = Unit(
        {"refcount": (0, "int"), "word": (0, "int")},
        {},
        {**FUNCTIONS, "PyErr_NoMemory": Signature("ptr", [])},
        ["LEFT"],
    )
    unit.add(source(), exported=[f"fail_{name}" for name in ALLOCATING])
    names = ["table", *[f"fail_{name}" for name in ALLOCATING]]
    at = dict(zip(names, compiler.load(compiler.target(), source(), unit.assembly, names)))
    table = (ctypes.c_uint64 * len(unit.table)).from_address(at["table"])
    for name, i in unit.table.items():
        f = LEFT if name == "LEFT" else getattr(ctypes.pythonapi, name, None)
        if name.startswith("PyArray"):
            table[i] = code().table[code().places[name]]
        else:
            table[i] = ctypes.addressof(f) if f is LEFT else ctypes.cast(f, ctypes.c_void_p).value
    return at


def code():
    return native_calls.State.code.code


FOUND = {}


@contextlib.contextmanager
def failing(at: int):
    """The at-th allocation from here fails; yields a function that says whether there was one."""
    if not FOUND:
        FOUND.update(made())
    places = {name: code().places[name] for name in ALLOCATING if name in code().places}
    kept = {i: code().table[i] for i in places.values()}
    LEFT[0] = at
    for name, i in places.items():
        code().table[i] = FOUND[f"fail_{name}"]
    try:
        yield lambda: LEFT[0] <= 0
    finally:
        for i, address in kept.items():
            code().table[i] = address
