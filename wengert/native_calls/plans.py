"""What machine code knows of an op: a record of numbers and addresses in an object of `bytes`.

One function serves a whole family; the plan is what it is called with. All of it comes from the op
itself: its inputs and rules, where rules find what they ask for, what computes it.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from ..arrays.lookup import NS
from ..engine.backward_step import build_backward
from ..engine.implementations import implementation
from ..engine.native import PLAIN, Kind
from ..engine.op import OPS, Op
from ..engine.plan import DTYPE, INPUT, OUTPUT, REST, SHAPE, STATIC
from .elements import HEAD, loops, records_of
from .implementations import table_of
from .structures import DIMS, DIMS_OR_ALL, MOST_SAVED, PLAN, SIZES, for_good

COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")  # in Python's order
OPERATORS = {  # name in the machine code -> op
    "PLAN_ADD": "add", "PLAN_MUL": "mul", "PLAN_SUB": "sub", "PLAN_RSUB": "rsub", "PLAN_DIV": "div",
    "PLAN_SQUARE": "pow", "PLAN_POW": "pow_tensor", "PLAN_NEG": "neg", "PLAN_SELECT": "select_item",
    "PLAN_SLICE": "getitem", "PLAN_ALIAS": "alias_item", "PLAN_NEW_DIM": "unsqueeze_item",
    "PLAN_TAKE": "take", "PLAN_MAXIMUM": "maximum", "PLAN_MINIMUM": "minimum",
    "PLAN_MATMUL": "mul", "PLAN_POWER": "mul",
    **{f"CAREFUL_{name}": "" for name in ("ADD", "MUL", "SUB", "DIV", "POW", "NEG")},
    "CAREFUL_GETITEM": "", "CAREFUL_SETITEM": "",
}  # fmt: skip

WRITTEN: dict[str, tuple[Any, dict[str, int]]] = {  # those that are no ufuncs: what they compute
    "PLAN_SQUARE": (np.multiply, {"square": 1}),
    "PLAN_RSUB": (np.subtract, {"swap": 1}),
    "PLAN_MAXIMUM": (np.maximum, {}),
    "PLAN_MINIMUM": (np.minimum, {}),
    "PLAN_MATMUL": (np.matmul, {}),
    "PLAN_POWER": (np.power, {}),
    "PLAN_POW": (None, {"floating": 1}),
}


GEOMETRY = {  # views whose shapes machine code knows (machine/views.py)
    "t": 1, "transpose": 2, "permute": 3, "unsqueeze": 4, "select_item": 5, "view": 6,
    "reshape": 7, "expand": 8,
}  # fmt: skip

FORMULAS = {  # ops that machine code computes itself (machine/products.py), where the library's
    # implementation is in the files below
    "sum_all": 1, "mean_all": 2, "linear": 3, "matmul": 4, "mv": 4, "bmm": 40, "sum": 20,
    "mean": 21, "prod": 24, "add_scaled": 56, "sub_scaled": 57, "addcmul": 58, "cumsum": 33,
    "pow": 59, "scatter_add": 61,
}  # fmt: skip
EXACT = {  # the same, where numbers are copied or compared only, so that all find the same ones
    "cat": 10, "stack": 11, "amax": 22, "amin": 23, "any": 25, "all": 26, "argmax": 27,
    "argmin": 28, "max_along": 29, "min_along": 30, "max_all": 31, "min_all": 32,
    "embedding": 50, "index_select": 51, "gather": 52, "where": 53, "masked_fill": 54,
    "scatter_set": 60, "triu": 63, "tril": 64, "cross": 65, "cummax": 66, "cummin": 67,
}  # fmt: skip
FAST_PATHS = {
    f"wengert.arrays.{name}" for name in ("numpy_fast_paths", "fused_elements", "weighted")
}


def code(op: Op, what: str, index: Any) -> int | None:
    """Where a saved value is, as machine code reads it; None if it cannot."""
    if what is STATIC:
        return 32 + list(op.static).index(index)
    if type(index) is slice:
        return {REST: 80, SHAPE: 96, DTYPE: 112}[what] + int(index.start)
    if type(index) is not int:
        return None
    start = {INPUT: 0, OUTPUT: 16, SHAPE: 48, DTYPE: 64}.get(what)
    return None if start is None else start + index


def plan(op: Op, kind: Kind = PLAIN, computed: Any = None, **facts: int) -> bytes | None:
    """The plan of an op; None for ops that machine code does not know.

    computed: the ufunc that gives the op's numbers, where its implementation is none. kind: what is
    wanted of the op. facts: further words of the plan.
    """
    inputs = len(op.inputs)
    if op.kind == "composite" or not (op.variadic or 0 < inputs <= 8) or len(op.names) > 8:
        return None
    if inputs + len(op.static) > 15 or len(op.saved) > MOST_SAVED:
        return None
    codes = [code(op, what, index) for what, index in op.plan.saved]
    saved = [c for c in codes if c is not None]
    if len(saved) < len(codes):
        return None
    run = op.impl.bare.get(np.ndarray)  # as it is without modes
    if run is None:
        try:
            run = op.impl.bare[np.ndarray] = implementation(NS[np.ndarray], op)
        except NotImplementedError:
            return None
    if not op.built:
        build_backward(op)
    words: dict[str, int] = dict.fromkeys(PLAN, 0)
    words |= {
        "node": id(op.node), "op": id(op), "run": id(run), "inputs": inputs, "nsaved": len(saved),
        "mask": sum(wanted << i for i, wanted in enumerate(op.plan.wanted)),
        "numbers": inputs == 2 and op.types in ("promote", "float") and not op.tensors_only,
        "needs_number": 1 in saved, "keeps_number": op.keeps_numbers, "mixed": op.types == "any",
        "optional": sum((name in op.optional) << i for i, name in enumerate(op.inputs)),
        "floating": op.types == "float" or op.inexact, "perhaps": op.view == "perhaps",
        "geometry": GEOMETRY.get(op.name, 0), "formula": 0, "variadic": bool(op.variadic),
        "rest": op.plan.rest_wanted, "names": id(names := tuple(op.static)), "outs": len(op.names),
        "visible": max(1, len(op.outputs)), "graded": max(1, len(op.graded)), "many": op.many,
        "integers": sum((name in op.integer) << i for i, name in enumerate(op.graded)),
        "returns": kind.only or max(1, len(op.outputs)), "pair": id(kind.pair) if kind.pair else 0,
        "statics": sum(how(kind, k) << 4 * i for i, k in enumerate(op.static)),
        "least": kind.least, "extra": kind.extra, "strict": kind.strict, "record": 0, "records": 0,
        "complex": not op.real, "again": table_of(op, run),
    }  # fmt: skip
    words["floating"] |= kind.floating
    words["formula"] = EXACT.get(op.name, 0)
    if getattr(run, "__module__", "") in FAST_PATHS:
        words["formula"] |= FORMULAS.get(op.name, 0)
    found = loops(computed or getattr(run, "ufunc", run))
    if not found:
        words["record"], words["records"] = records_of(op, run)
    alone = words["formula"] or words["record"] or words["records"] or words["geometry"]
    if kind.strict and not alone:  # nothing else looks at what a line asks
        return None
    words |= facts
    found = found or [0] * 9
    if words["floating"]:
        found[2] = 0
    for_good(op, run, op.node, names, kind.pair)
    every = [*words.values(), *found, *saved]
    assert list(words) == list(PLAN), "a fact that plans do not know"
    made = struct.pack(f"{len(every)}q", *[int(w) for w in every])
    for_good(made)
    return made


def how(kind: Kind, name: str) -> int:
    """What is done with a static argument before it is used."""
    if name in kind.dims:
        return DIMS
    return DIMS_OR_ALL if name in kind.dims_or_all else SIZES if name in kind.sizes else 0


class Plans:
    """The plans and careful functions of Python's operators, by their names in machine code."""

    def __init__(self, careful: dict[str, Any]) -> None:
        self.compare = (ctypes.c_uint64 * 6)()
        self.careful_compare = (ctypes.c_uint64 * 6)()
        self.where: dict[str, int] = {
            "PLANS_COMPARE": ctypes.addressof(self.compare),
            "CAREFUL_COMPARE": ctypes.addressof(self.careful_compare),
        }
        for i, word in enumerate(COMPARISONS):
            self.compare[i] = self.content(plan(OPS[word]))
            self.careful_compare[i] = id(careful[word])
        for name, word in OPERATORS.items():
            if word:
                ufunc, facts = WRITTEN.get(name, (None, {}))
                self.where[name] = self.content(plan(OPS[word], PLAIN, ufunc, **facts))
            else:
                self.where[name] = id(careful[name.removeprefix("CAREFUL_").lower()])
        for_good(self, careful)

    @staticmethod
    def content(made: bytes | None) -> int:
        """Where a plan's words are."""
        assert made is not None
        return id(made) + HEAD

    def address(self, name: str) -> int:
        return self.where[name]
