"""Which Python functions may run in a body that becomes a program: those that read no elements of
tensors, have no effect, and look at no switch. Told from their code.
"""

from __future__ import annotations

import collections
import dis
import functools
import linecache
import os
import re
from types import CodeType

from ..base.frames import INTERNAL, PACKAGE

FACTS = {"shape", "ndim", "dtype", "size", "strides", "itemsize", "nbytes", "flags"}
OF_TYPE = {"type", "namespace", "hasattr", "isinstance"}  # functions that read no elements
# places whose functions change something, or depend on more than their arguments
ELSEWHERE = tuple(
    [
        PACKAGE + p.replace("/", os.sep)
        for p in (
            "arrays/", "autodiff/", "base/advice", "base/modes", "compiler/", "kernels/",
            "nn/modules", "random/", "transforms/",
        )
    ]
)  # fmt: skip
SHARED = PACKAGE + os.path.join("arrays", "lookup.py")
ANSWERED = {  # functions that ask machine code first: else what they make is a tensor unheard of
    (os.path.join("api", "methods.py"), "detach"),
    (os.path.join("creation", "fast_paths.py"), "f"),
    (os.path.join("engine", "op_modes.py"), "asking"),  # whether modes are on: there are none
    (os.path.join("base", "advice.py"), "advise"),  # whether it warns is seen
    (os.path.join("base", "frames.py"), "stacklevel"),
    (os.path.join("engine", "implementations.py"), "__missing__"),  # looked up once, then kept
    (os.path.join("declare", "signature.py"), "build"),
    (os.path.join("engine", "backward_step.py"), "build_backward"),
    (os.path.join("engine", "tensor.py"), "wrap"),
}
SWITCHES = {  # and what of them programs ask for
    "everyone": ("off", "running", "special"),
    # those that make new tensors special: programs run while none is
    "state": ("grad", "levels", "default_device", "inference", "vmap"),
    "default_generator": (), "environ": (), "is_deterministic": (),
}  # fmt: skip
EFFECTS = {
    "DELETE_ATTR", "DELETE_GLOBAL", "DELETE_SUBSCR", "IMPORT_STAR", "STORE_ATTR", "STORE_GLOBAL",
    "YIELD_FROM", "SETUP_WITH", "BEFORE_WITH",
}  # fmt: skip
CHANGING = {"mutated", "register", "write_out", "deliver"}
ARRAY = r"(?:\ba\d+|\._a)\b"
READ = re.compile(ARRAY + r"(?!\.(?:shape|ndim|dtype|size|strides)\b)")
NO_READ = re.compile(rf"type\({ARRAY}\)|{ARRAY} is (not )?None|{ARRAY} = n\d+ = None|= f\(.*")
ELSE = re.compile(r"\s*(a\d+ = |o\d+|r\d+|n\d+|n\.|if d is)")  # lines without a condition
LIBRARY = {functools.__file__, collections.__file__}  # of caches, of named tuples
known: dict[CodeType, bool] = {}


def harmless(code: CodeType) -> bool:
    """Whether a function that runs in a body may be left out when the body is done again."""
    found = known.get(code)
    if found is None:
        found = known[code] = judged(code)
    return found


def judged(code: CodeType) -> bool:
    file = code.co_filename
    if file.startswith(("<frozen importlib", "<frozen abc", "<frozen _collections_abc")):
        return True
    if file in LIBRARY and code.co_name in ("__get__", "_replace", "_make"):
        return True
    if code.co_names == ("_tuple_new",):  # a named tuple
        return True
    if file.startswith("<wengert "):
        return plain_text(file)
    if not INTERNAL[file]:
        return False
    if any(file.endswith(place) and code.co_name == name for place, name in ANSWERED):
        return True
    if file.startswith(ELSEWHERE) and file != SHARED:
        return False
    if code.co_name in CHANGING:
        return False
    if os.path.join("wengert", "native_calls") in file:
        return code.co_name in ("__call__", "careful", "tell")
    return reads_facts_only(code)


def reads_facts_only(code: CodeType) -> bool:
    every = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "EXTENDED_ARG")]
    at = {i.offset: k for k, i in enumerate(every)}
    arrays: set[str] = set()  # local names of arrays
    for k, i in enumerate(every):
        after = following(every, at, k)
        if i.opname in EFFECTS and not sets_up_itself(code, i, every[k - 1]):
            return False
        if i.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD"):
            name = i.argval
            if name == "_x" or name in SWITCHES and after.argval not in SWITCHES[name]:
                return False
            if name == "_n" and not is_none(after):
                return False
            if name == "_a":
                if after.opname == "STORE_FAST":
                    arrays.add(after.argval)
                elif pair := two_names(every, k):
                    arrays.update(pair)
                elif not asks_a_fact(every, k, after):
                    return False
    for k, i in enumerate(every):
        if i.opname == "LOAD_FAST" and i.argval in arrays:
            after = following(every, at, k)
            if not (asks_a_fact(every, k, after) or is_none(after)):
                return False
    return not arrays & {*code.co_cellvars, *code.co_freevars}


def sets_up_itself(code: CodeType, i: dis.Instruction, before: dis.Instruction) -> bool:
    """Whether an instruction stores an attribute of the object that an __init__ makes."""
    own = before.opname == "LOAD_FAST" and before.argval == code.co_varnames[0]
    return i.opname == "STORE_ATTR" and code.co_name == "__init__" and own


def two_names(every: list[dis.Instruction], k: int) -> list[str]:
    """The names in `a, b = x._a, y._a`, where instruction k loads the first array."""
    names = [i.opname for i in every[k : k + 5]]
    load = ["LOAD_ATTR", "LOAD_FAST", "LOAD_ATTR", "STORE_FAST", "STORE_FAST"]
    if names != load or every[k + 2].argval != "_a":
        return []
    return [every[k + 3].argval, every[k + 4].argval]


def following(every: list[dis.Instruction], at: dict[int, int], k: int) -> dis.Instruction:
    """The instruction that is run after instruction k."""
    after = every[min(k + 1, len(every) - 1)]
    return every[at[after.argval]] if after.opname == "JUMP_FORWARD" else after


def is_none(after: dis.Instruction) -> bool:
    """Whether an instruction compares with None."""
    return after.opname == "LOAD_CONST" and after.argval is None or "NONE" in after.opname


def asks_a_fact(every: list[dis.Instruction], k: int, after: dis.Instruction) -> bool:
    return after.opname == "LOAD_ATTR" and after.argval in FACTS or given_to_type(every, k)


def given_to_type(every: list[dis.Instruction], k: int) -> bool:
    """Whether what instruction k loads is the first argument of type() or the like."""
    f, after = every[k - 1 if every[k].opname == "LOAD_FAST" else k - 2], every[k + 1 : k + 4]
    if k < 2 or f.opname != "LOAD_GLOBAL" or len(after) < 3:
        return False
    if f.argval == "getattr":
        return after[0].opname == "LOAD_CONST" and after[0].argval in FACTS
    one = after[0].opname == "PRECALL" and after[1].opname == "CALL" and after[1].arg == 1
    more = after[0].opname in ("LOAD_CONST", "LOAD_GLOBAL") and not one
    return f.argval in OF_TYPE and (one or more and f.argval in ("hasattr", "isinstance"))


def plain_text(file: str) -> bool:
    """Whether what a generated text does before its op is called reads no elements."""
    lines = linecache.getlines(file)
    asks = [k for k, line in enumerate(lines) if "got = core" in line]
    before = lines[: asks[-1]] if asks else []
    return not any(READ.search(NO_READ.sub("", x)) for x in before if not ELSE.match(x))
