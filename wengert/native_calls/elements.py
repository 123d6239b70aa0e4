"""Words over elements as machine code knows them: the library's inner loops, and records of what a
word, or an op's body, does with its operands (machine/elements.py runs them).

A word tells itself which loop is its own (`arrays/direct.py`). Of all others, and of bodies, it is
found out by running them once, on symbols: each ufunc is a step. What was found is tried on numbers
before it is used: it must give what the word gives, to the bit.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays.direct import Elements
from ..arrays.fused_elements import CHOICE
from ..arrays.lookup import NS
from ..arrays.numpy_direct import library
from ..base import dtypes
from ..engine.op import Op
from ..kernels.ufunc_loops import dtypes_at, loop_at
from .structures import for_good
from .symbols import Symbol, Untraceable

F32, F64, I64 = dtypes.float32.np, dtypes.float64.np, dtypes.int64.np
BOOL = dtypes.bool.np
DTYPES = (F32, F64, I64)
LETTERS = {F32: "f", BOOL: "?"}
HEAD = 32  # of a bytes object: where its content begins
OPERANDS, STEPS = 6, 12  # of a loop, and of a record, at most
TEMPORARY = 16  # where a record finds the results of its steps
MOST = 40  # records of a word


def loops(f: Any) -> list[int] | None:
    """The library's own inner loops of a ufunc for DTYPES, their data, and the dtypes of results;
    0 where there is none.
    """
    if type(f) is not np.ufunc or f.nout != 1 or f.nin > 2:
        return None
    found = [0] * 9
    for i, name in enumerate(f.types):
        ins, out = name.split("->")
        for c, d in enumerate(DTYPES):
            if ins == d.char * f.nin and not found[c] and out in "?fdl":
                if any(n != d.num for n in dtypes_at(f, i)[: f.nin]):
                    return None
                found[c], found[c + 3] = loop_at(f, i)
                found[c + 6] = id(result := np.dtype(out))
                for_good(result)
    return found


@functools.lru_cache(1024)
def inner_loop(f: Any, kinds: str) -> tuple[Any, str] | None:
    """(two words: where the loop of a ufunc is for operands of these kinds, and its data; the kind
    of its result).
    """
    if type(f) is not np.ufunc or f.nout != 1 or f.nin != len(kinds):
        return None
    for i, name in enumerate(f.types):
        ins, _, out = name.partition("->")
        if ins == kinds and out in ("f", "d", "?"):
            found = (ctypes.c_uint64 * 2)(*loop_at(f, i))
            for_good(f, found)
            return found, out
    return None


class Step(NamedTuple):
    """A loop over elements: where it is for operands of float32 and float64, what they are (places
    or numbers), their kinds, its result's; and what does the same here, with what.
    """

    loops: tuple[Any, Any]
    operands: list[int | float]
    kinds: str
    result: str
    least: int
    call: Callable[..., Any]
    args: tuple[Any, ...]


def record(steps: list[Step]) -> bytes:
    """What machine code is told: how many steps there are; of each how many operands it has, where
    its loop is for float32 and float64, the result's dtype if that is another than the operands',
    how many dimensions the last operand must have; then three words of each operand: its place or
    -1, a number, whether it is of bool.
    """
    made = struct.pack("q", len(steps))
    for s in steps:
        where = [0 if loop is None else ctypes.addressof(loop) for loop in s.loops]
        for_good(*[loop for loop in s.loops if loop is not None])
        result = id(BOOL) if s.result == "?" else 0
        made += struct.pack("5q", len(s.operands), *where, result, s.least)
        for o, kind in zip(s.operands, s.kinds):
            which, number = (o, 0.0) if type(o) is int else (-1, o)
            made += struct.pack("qdq", which, number, kind == "?")
    return made


def loop_of(e: Elements, letter: str) -> Any:
    """The two words that say where a word's loop is for operands of a dtype."""
    found = e.loops.get(letter)
    if type(found) is np.ufunc:
        inner = inner_loop(found, letter * len(e.operands))
        return inner[0] if inner and inner[1] == letter else None
    return found


def of_word(e: Elements | None) -> bytes | None:
    """The record of a word that is a loop."""
    if e is None or len(e.operands) > OPERANDS:
        return None
    places: list[Any] = list(e.operands)
    loops = loop_of(e, "f"), loop_of(e, "d")
    kinds = e.kinds or "f" * len(places)
    return record([Step(loops, places, kinds, e.result, e.least, abs, ())])


# ---- words that are run on symbols


class Element(Symbol):
    """Stands for an array of float32 or bool, each element of which depends on those of others."""

    def __init__(self, trace: Steps, place: int, dtype: Any = F32) -> None:
        super().__init__(trace, place)
        self.dtype = dtype

    def astype(self, dtype: Any, **kwargs: Any) -> Element:
        if np.dtype(dtype) == self.dtype:
            return self
        if np.dtype(dtype) != F32:
            raise Untraceable
        return self.trace.choice(lambda c: c.astype(F32), self, 1.0, 0.0)

    def __array_ufunc__(self, f: Any, method: str, *operands: Any, **kwargs: Any) -> Element:
        if method != "__call__" or kwargs:
            raise Untraceable
        return self.trace.step(f, *operands)

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Element:
        if f is not np.where or len(args) != 3 or kwargs:
            raise Untraceable
        return self.trace.choice(f, *args)


def comparison(f: Any) -> Any:
    return lambda self, other: self.trace.step(f, self, other)


for _name, _f in {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "and": np.bitwise_and, "or": np.bitwise_or,
}.items():  # fmt: skip
    setattr(Element, f"__{_name}__", comparison(_f))


def place(x: Any) -> int | float:
    """Where an operand is; a number."""
    if isinstance(x, Element):
        return x.place
    exact = type(x) is float or type(x) is int and abs(x) <= 1 << 24
    if exact or type(x) is np.float32 or type(x) is np.ndarray and x.ndim == 0 and x.dtype == F32:
        return float(x)
    raise Untraceable


class Steps:
    """What a word does with its operands, written down while it runs on symbols."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, f: Any, *operands: Any) -> Element:
        """A ufunc."""
        kinds = "".join([LETTERS[x.dtype] if isinstance(x, Element) else "f" for x in operands])
        found = inner_loop(f, kinds)
        if found is None:
            raise Untraceable
        places = [place(x) for x in operands]
        return self.add(Step((found[0], None), places, kinds, found[1], 0, f, operands), operands)

    def choice(self, f: Any, condition: Any, *rest: Any) -> Element:
        """One or the other, by a condition; f: what does the same."""
        CHOICE.ready(1e9)
        operands = (condition, *rest)
        places = [place(x) for x in operands]
        args = operands if f is np.where else (condition,)
        return self.add(Step((CHOICE.loop, None), places, "?ff", "f", 0, f, args), operands)

    def word(self, f: Any, e: Elements, operands: tuple[Any, ...], options: Any) -> Element:
        """A word that is a loop."""
        used = [operands[o] if type(o) is int else o for o in e.operands]
        loops = loop_of(e, "f"), None
        places, kinds = [place(x) for x in used], e.kinds or "f" * len(used)
        call = functools.partial(with_options, f, options)
        return self.add(Step(loops, places, kinds, e.result or "f", e.least, call, operands), used)

    def add(self, step: Step, used: Any) -> Element:
        if len(self.steps) == STEPS or len(step.operands) > OPERANDS:
            raise Untraceable
        if any(isinstance(x, Element) and LETTERS[x.dtype] != k for x, k in zip(used, step.kinds)):
            raise Untraceable
        self.steps.append(step)
        return Element(self, TEMPORARY + len(self.steps) - 1, F32 if step.result == "f" else BOOL)

    def again(self, arrays: list[Any]) -> Any:
        """The result of the steps on arrays."""
        found: dict[int, Any] = dict(enumerate(arrays))
        for i, s in enumerate(self.steps):
            args = [found[x.place] if isinstance(x, Element) else x for x in s.args]
            found[TEMPORARY + i] = np.asarray(s.call(*args))
        return found[TEMPORARY + len(self.steps) - 1]


def with_options(f: Any, options: Any, *operands: Any) -> Any:
    return f(*operands, *options)


def with_protocol(f: Any) -> Any:
    """A word over the library as symbols can take part in it: with NumPy's dispatchers."""
    if type(f) is not functools.partial or f.keywords:
        return f
    return functools.partial(f.func, *[np if x is library else x for x in f.args])


class Words:
    """The vocabulary on symbols."""

    def __init__(self, trace: Steps) -> None:
        self.trace = trace

    def __getattr__(self, name: str) -> Any:
        f = getattr(NS[np.ndarray], name)
        f = getattr(f, "ufunc", f)  # whose numbers those of f are
        if type(f) is np.ufunc:
            return lambda *operands: self.trace.step(f, *operands)
        elements, choose = getattr(f, "elements", None), getattr(f, "choose", None)

        def word(*args: Any) -> Any:
            n = sum(1 for x in args if isinstance(x, Element))
            e = elements or choose and choose(*args[n:])
            if e is None:
                return with_protocol(f)(*args)
            count = 1 + max([o for o in e.operands if type(o) is int])
            operands, options = args[:count], args[count:]
            if len(operands) < count or elements and options:
                raise Untraceable
            return self.trace.word(f, e, operands, options)

        return word


TRIED = (
    0.5, -0.25, 1.0, math.nan, 0.0, -1.0, math.inf, 2.5, -0.0, -math.inf, -3.0, 1e-40, 1e30, -1e30,
    100.0, -7.5,
)  # fmt: skip
HOW_MANY = (0, 16, 16, 8, 5)  # of these for each of so many operands


def traced(op: Op, run: Any, options: tuple[Any, ...]) -> bytes | None:
    """The record of what an op's implementation does with arrays of float32; None where it is not
    steps over elements, or those do not give what it gives.
    """
    trace, n = Steps(), len(op.inputs)
    symbols = [Element(trace, i) for i in range(n)]
    try:
        with np.errstate(all="ignore"):
            if op.primitive:
                result = with_protocol(run)(*symbols, *options)
            else:
                result = op.fwd(Words(trace), *symbols, *options)
            last = TEMPORARY + len(trace.steps) - 1
            if not isinstance(result, Element) or not trace.steps or result.place != last:
                return None
            every = zip(*itertools.product(TRIED[: HOW_MANY[n]], repeat=n))
            arrays = [np.array(values, F32) for values in every]
            for given in (arrays, [a[5] for a in map(np.copy, arrays)]):
                given = [np.asarray(a) for a in given]
                want, got = np.asarray(run(*given, *options)), trace.again(given)
                if want.dtype != got.dtype or want.tobytes() != got.tobytes():
                    return None
    except Exception:  # whatever it is: it is computed as before
        return None
    return record(trace.steps)


class Records(dict):
    """options -> record; None where machine code cannot have it. recent: the last record and its
    options, which are looked at first (machine/elements.py owns them).
    """

    def __init__(self, find: Callable[[tuple[Any, ...]], bytes | None], dear: bool) -> None:
        self.find, self.dear = find, dear
        self.recent = (ctypes.c_uint64 * 12)(id(self))

    def __missing__(self, options: tuple[Any, ...]) -> bytes | None:
        if len(self) >= MOST:
            if self.dear:
                return None
            self.clear()
        made = self[options] = self.find(options)
        return made


def records_of(op: Op, run: Any) -> tuple[int, int]:
    """(where the record of an op's implementation is, where Records begin): 0 where there is none,
    or the other.
    """
    if op.variadic or len(op.names) > 1 or len(op.static) > 8:
        return 0, 0
    if e := getattr(run, "elements", None):
        made = of_word(e)
        for_good(made)
        return (id(made) + HEAD if made else 0), 0
    choose = getattr(run, "choose", None)
    if choose is not None:
        records = Records(lambda options: of_word(choose(*options)), False)
    elif op.kind == "elementwise" and len(op.inputs) < len(HOW_MANY):
        records = Records(lambda options: traced(op, run, options), True)
    else:
        return 0, 0
    for_good(records)
    return 0, ctypes.addressof(records.recent)
