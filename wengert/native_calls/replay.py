"""Bodies as programs: a body that only calls ops, with what shapes, dtypes and arguments say, makes
the same calls each time. It is watched once, and done again in machine code, with no Python between
the calls, for arguments that are alike.

What was watched becomes a program (`machine/replay.py` runs it) if all of this holds; else the body
stays as it is:

- each tensor among operands and results was an argument or is the result of a call of a family
  that machine code serves, none of which writes; other values are numbers, names, dtypes;
- each Python function that ran meanwhile is harmless: of a tensor it reads facts (shape, dtype,
  strides, whether it is recorded), never elements; it has no effect, and looks at no switch
  (`harmless.py`).

A program is asked for arguments of the same types, numbers, dtypes, sizes and strides, recorded
alike; and each of its results must have the dtype and sizes that it had.
"""

from __future__ import annotations

import struct
import sys
import threading
from typing import Any

import numpy as np

from ..base import generated
from ..base.dtypes import DEFAULT, dtype
from ..base.formats import layout, memory_format
from ..base.modes import everyone, state
from ..base.size import Size
from ..declare import signature
from ..engine import backward_step, entry, native
from ..engine.op_modes import ACTIVE
from ..engine.tensor import Tensor
from .harmless import harmless
from .structures import FAMILIES, for_good

WRITE = FAMILIES.index("WRITE")
FIRST = 3  # which call of a body is watched
MOST = 6  # programs of a body
FAILURES = 2  # after which it is left alone
STEPS, SLOTS, ARGUMENTS = 64, 90, 12
# what makes a function at its first call
MAKING = {
    f.__code__
    for f in (
        native.ask_inside,
        generated.functions,
        signature.build,
        entry.dressed,
        backward_step.build_backward,
    )
}
TRACES: list[Trace] = []  # what is watched; machine code tells its calls while there is one
SIMPLE = (type(None), bool, int, float, str, dtype, slice, type(Ellipsis), memory_format, layout)
LAYOUT = 0x503  # flags of an array: in C's order, in Fortran's, aligned, writeable


class NotKnown(Exception):
    """A body that cannot be a program."""


def tell(family: int, plan: Any, result: Any, *args: Any) -> bool:
    """Called by machine code: a call of a family was answered."""
    trace = TRACES[0] if TRACES else None
    if trace is not None and trace.thread == threading.get_ident():
        trace.calls.append((family, plan, result, args))
    return True


class Trace:
    """What happens while a body runs."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.calls: list[tuple[int, Any, Any, tuple[Any, ...]]] = []
        self.inside = 0  # calls of families that run now: how they do it is theirs
        self.why = ""  # why there can be no program

    def watch(self, frame: Any, event: str, arg: Any) -> None:
        """The profiler: Python functions that the body enters."""
        if frame.f_code in MAKING and event in ("call", "return"):
            self.inside += 1 if event == "call" else -1
        elif event == "call":
            if not (self.inside or self.why or harmless(frame.f_code)):
                self.why = f"{frame.f_code.co_name} may read elements, or have an effect"
        elif event == "c_call":
            if type(getattr(arg, "__self__", None)) is bytes:  # a plan
                self.inside += 1
            elif getattr(arg, "__module__", None) == "_warnings":
                self.why = "it warns"
        elif event != "return" and type(getattr(arg, "__self__", None)) is bytes:
            self.inside -= 1


class Learner:
    """What is called where no program fits: the body, watched when it has been called before."""

    __slots__ = ("body", "count", "failures", "table", "why")

    def __init__(self, body: Any, table: list[Any]) -> None:
        self.body, self.table = body, table
        self.count = self.failures = 0
        self.why = ""  # why it is no program

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        if self.count < FIRST or TRACES or ACTIVE or everyone.special or state.levels:
            return self.body(*args, **kwargs)
        if len(self.table) > MOST or self.failures == FAILURES:
            self.table[0] = self.body
            return self.body(*args, **kwargs)
        if kwargs.get("out") is not None or sys.getprofile() is not None:
            return self.body(*args, **kwargs)
        trace = Trace()
        recording = state.grad
        try:
            TRACES.append(trace)
            sys.setprofile(trace.watch)
            try:
                result = self.body(*args, **kwargs)
            finally:
                sys.setprofile(None)
        finally:
            TRACES.clear()
        try:
            if trace.why:
                raise NotKnown(trace.why)
            self.table.append(program(trace.calls, args, kwargs, result, recording))
        except NotKnown as e:
            self.failures += 1
            self.why = str(e)
        return result


class Program:
    """The words of a program while they are put together."""

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}  # id of a tensor -> slot
        self.kept: dict[int, Any] = {}  # objects that words name

    def address(self, o: Any) -> int:
        self.kept[id(o)] = o
        return id(o)

    def slot(self, t: Any) -> int:
        if len(self.slots) == SLOTS:
            raise NotKnown("too many tensors")
        return self.slots.setdefault(id(t), len(self.slots))

    def guard(self, v: Any) -> list[int]:
        """What is said of an argument."""
        if type(v) in (list, tuple, Size):
            words = [5, self.address(type(v)), len(v)]
            for x in v:
                if type(x) is list or type(x) is tuple:
                    raise NotKnown("an argument in lists of lists")
                words += self.guard(x)
            return words
        if isinstance(v, Tensor):
            a = v._a
            if (
                type(v) is not Tensor
                and type(v).__name__ != "Parameter"
                or type(a) is not np.ndarray
            ):
                raise NotKnown("an argument of another kind")
            same = self.slots.get(id(v), -1)  # one that came before
            layout = int(v._n is not None) + 2 * (a.flags.num & LAYOUT)
            facts = [layout, self.slot(v), same, a.ndim, *a.shape, *a.strides]
            return [1, id(type(v)), self.address(a.dtype), *map(int, facts)]
        if type(v) is int:
            if abs(v) > 1 << 29:
                raise NotKnown("a large number")
            return [3, v]
        if type(v) is float:
            return [4, struct.unpack("q", struct.pack("d", v))[0]]
        if type(v) is str:
            v = sys.intern(v)
        elif type(v) not in SIMPLE or type(v) is slice:
            raise NotKnown("an argument of another kind")
        return [2, self.address(v)]

    def value(self, v: Any) -> list[int]:
        """An operand: a slot or an object."""
        if isinstance(v, Tensor):
            if id(v) not in self.slots:
                raise NotKnown("a tensor that is no argument and no result")
            return [0, self.slots[id(v)]]
        if not constant(v):
            raise NotKnown("a value of another kind")
        return [1, self.address(list(v) if type(v) is list else v)]

    def operand(self, v: Any) -> list[int]:
        """An operand, or a sequence with tensors."""
        if isinstance(v, (list, tuple)) and any(isinstance(x, Tensor) for x in v):
            if type(v) is not list and not isinstance(v, tuple):
                raise NotKnown("a sequence of another kind")
            words = [2, self.address(type(v)), len(v)]
            for x in v:
                words += self.value(x)
            return words
        return self.value(v)

    def results(self, r: Any) -> list[int]:
        """Where a call's results are put, and what they are."""
        if r is True:
            return [-2]
        many = isinstance(r, tuple)
        words = [len(r) if many else -1]
        for t in members(r):
            if type(t) is not Tensor or type(t._a) is not np.ndarray or id(t) in self.slots:
                raise NotKnown("a result of another kind")
            words += [self.slot(t), self.address(t._a.dtype), t._a.ndim, *t._a.shape]
        return words


def constant(v: Any) -> bool:
    """Whether a value is the same for all calls: numbers, names, dtypes, and sequences of those."""
    if type(v) in (tuple, list) or isinstance(v, tuple):
        return all(constant(x) for x in v)
    return type(v) in SIMPLE or isinstance(v, np.dtype)


def program(
    calls: list[tuple[int, Any, Any, tuple[Any, ...]]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    recording: bool,
) -> bytes:
    """The program of a body that made these calls. NotKnown: there is none."""
    if len(args) + len(kwargs) > ARGUMENTS or len(calls) > STEPS:
        raise NotKnown("too many arguments or calls")
    p = Program()
    guards: list[int] = []
    for v in (*args, *kwargs.values()):
        guards += p.guard(v)
    inputs = len(p.slots)
    if not inputs:
        raise NotKnown("no tensor among the arguments")
    steps: list[list[int]] = []
    used: dict[int, int] = {}  # id of a tensor -> the last call that takes or makes it
    for i, (family, plan, r, operands) in enumerate(calls):
        if family == WRITE or type(plan) not in (bytes, type(None)):
            raise NotKnown("it writes")
        words = [family, p.address(plan), len(operands)]
        for x in operands:
            words += p.operand(x)
        steps.append(words + p.results(r))
        used |= {id(x): i for v in (*operands, r) for x in members(v)}
    if isinstance(result, list) and not any(isinstance(t, Tensor) for t in result):
        raise NotKnown("a list of numbers, which each caller may change")
    returned = p.operand(result)
    own = {id(x) for v in (*args, *kwargs.values(), result) for x in members(v)}
    for i, words in enumerate(steps):
        gone = [
            p.slots[t] for t, last in used.items() if last == i and t in p.slots and t not in own
        ]
        words += [len(gone), *gone]
    names = tuple([sys.intern(k) for k in kwargs])
    body = [w for words in steps for w in words]
    at = 9 + len(guards)
    head = [
        len(args), p.address(names) if names else 0, int(recording), inputs, len(p.slots),
        len(steps), at, at + len(body), id(DEFAULT[0]),
    ]  # fmt: skip
    every = [*head, *guards, *body, *returned]
    made = struct.pack(f"{len(every)}q", *every)
    for_good(made, *p.kept.values())
    return made


def members(v: Any) -> Any:
    return v if isinstance(v, (list, tuple)) else (v,)
