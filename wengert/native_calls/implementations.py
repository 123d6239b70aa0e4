"""Implementations as programs: what one did with arrays of some shapes and dtypes, written down as
steps of the library and done again in machine code (`machine/implementations.py`), with no Python
between the steps, for arrays that are alike.

An implementation is run once more on stand-ins (`stand_ins.py`) that write its steps down. What it
does with elements in any other way than by steps makes it no program. A program is tried on strange
elements before it is used: it must give what the implementation gives, to the bit and in the same
order in memory, and in less time.
"""

from __future__ import annotations

import math
import struct
import sys
import time
from functools import partial
from typing import Any

import numpy as np

from ..base.size import Size
from .replay import Program, constant
from .stand_ins import LOCK, Later, Trace, Traced, watched
from .structures import for_good
from .symbols import Untraceable

FIRST = 16  # which call of an implementation is looked at, and how many lie between two of those
MOST = 6  # programs of an implementation
FAILURES = 3  # after which it is left alone
TURNS = 5  # in which a program and its implementation are timed, at most
LAYOUT = 0x503  # flags of an array: in C's order, in Fortran's, aligned, writeable
STRANGE = (
    float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-40, 1e30,
    -1e30, 100.0, -7.5, 2.0,
)  # fmt: skip


def program(run: Any, given: tuple[Any, ...], result: Any, visible: int) -> tuple[bytes, list[Any]]:
    """The program of an implementation that gave a result for arrays and static arguments, and what
    it names. Untraceable, NotKnown: there is none.
    """
    trace, guards = Trace(), Program()
    words: list[int] = []
    stands: list[Any] = []
    for v in given:
        if type(v) is np.ndarray:
            stands.append(Traced(trace, v, False))
            flags = v.flags.num & LAYOUT
            words += [6, trace.address(v.dtype), flags, v.ndim, *v.shape, *v.strides]
        else:
            if isinstance(v, np.dtype):
                words += [2, trace.address(v)]
            else:
                words += [7, trace.address(v)] if nested(v) else guards.guard(v)
            stands.append(v)
    inputs = trace.places
    if not inputs:
        raise Untraceable("no array")
    again = watched(run, given, stands, trace)
    many = type(result) is tuple
    if type(again) is not type(result) and (many or type(again) is tuple):
        raise Untraceable("other results")
    pairs = list(zip(again, result)) if many else [(again, result)]
    returned: list[int] = [2, id(tuple), len(pairs)] if many else []
    for i, (r, known) in enumerate(pairs):
        r = trace.seen(r)
        if type(r) is not Traced and (i < visible or r is not known and not constant(r)):
            raise Untraceable("a result that does not depend on the arrays")
        returned += trace.operand(r)
    steps = [w for step in trace.steps for w in step]
    at = 6 + len(words)
    head = [len(given), inputs, trace.places, len(trace.steps), at, at + len(steps)]
    made = struct.pack(
        f"{6 + len(words) + len(steps) + len(returned)}q", *head, *words, *steps, *returned
    )
    return made, [*trace.kept, *guards.kept.values()]


def nested(v: Any) -> bool:
    """Whether a static argument is one that is compared part by part."""
    return type(v) is slice or isinstance(v, tuple) and not isinstance(v, Size) and fixed(v)


def fixed(v: Any) -> bool:
    """Whether a value cannot change."""
    if isinstance(v, tuple):
        return all(fixed(x) for x in v)
    return type(v) in (int, str, bool, slice, type(None), type(Ellipsis)) or isinstance(v, np.dtype)


def alike(x: Any, r: Any) -> Any:
    """An array that lies in memory as x does, with other elements."""
    if type(x) is not np.ndarray:
        return x
    low = sum(min(0, s * (n - 1)) for n, s in zip(x.shape, x.strides))
    high = sum(max(0, s * (n - 1)) for n, s in zip(x.shape, x.strides)) + x.itemsize
    room = np.zeros(high - low, np.uint8)
    y = np.ndarray(x.shape, x.dtype, room, -low, x.strides)
    kind = x.dtype.kind
    if kind == "f" and r.random() < 0.7:
        values = r.choice(STRANGE, x.shape)
        if r.random() < 0.5:
            values = r.standard_normal(x.shape)
            values[r.random(x.shape) < 0.1] = r.choice(STRANGE)
        y[...] = values
    elif kind == "b":
        y[...] = r.random(x.shape) < r.random()
    else:
        y[...] = r.permutation(x.reshape(-1)).reshape(x.shape)
    y.flags.writeable = x.flags.writeable
    return y


def bits(result: Any, given: Any) -> list[Any]:
    """What is compared of a result."""
    found: list[Any] = []
    for x in result if type(result) is tuple else (result,):
        if not isinstance(x, (np.ndarray, np.generic)):
            found.append(repr(x))
            continue
        a = np.asarray(x)
        shared = [(x is v, type(v) is np.ndarray and np.may_share_memory(a, v)) for v in given]
        found.append((a.dtype, a.shape, a.strides, a.tobytes(), shared))
    return found


def outcome(f: Any, given: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return bits(f(*given), given)
    except (ValueError, TypeError, LookupError, ArithmeticError) as e:
        return type(e)


def no_slower(f: Any, g: Any, given: Any) -> bool:
    """Whether calls of f take no longer than those of g: the least of a few in turns, so that what
    else the machine does meanwhile decides nothing.
    """
    least = {f: math.inf, g: math.inf}
    for _ in range(TURNS):
        for call in least:
            start = time.thread_time()
            for _ in range(8):
                call(*given)
            least[call] = min(least[call], time.thread_time() - start)
        if least[f] <= least[g]:
            return True
    return False


class Learner:
    """What is called where no program fits: the implementation, looked at when it has been called
    before. It is not called with arrays larger than programs take (see any_large).
    """

    __slots__ = ("count", "failures", "next", "run", "table", "visible", "why")
    again: Any = None  # (program, arrays...): what it gives, or None (see loading.py)

    def __init__(self, run: Any, visible: int) -> None:
        self.run, self.visible = run, visible
        self.table: list[Any] = [self]  # what is called where no program fits, and programs
        self.count = self.failures = 0
        self.next = FIRST  # which call is looked at
        self.why = ""  # why it is no program

    def __call__(self, *given: Any) -> Any:
        self.count += 1
        if self.count < self.next:
            return self.run(*given)
        if len(self.table) > MOST or self.failures == FAILURES:
            self.table[0] = None
            return self.run(*given)
        self.next = self.count + FIRST
        result = self.run(*given)
        if sys.getprofile() is sys.gettrace() is None and LOCK.acquire(blocking=False):
            try:
                self.learn(given, result)
            except Later:
                self.next += self.count
            except Exception as e:  # whatever it is: it is computed as before
                self.failures += 1
                self.why = f"{type(e).__name__}: {e}"
            finally:
                LOCK.release()
        return result

    def learn(self, given: tuple[Any, ...], result: Any) -> None:
        made, kept = program(self.run, given, result, self.visible)
        r = np.random.default_rng(0)
        for k in range(8):
            others = [alike(x, r) for x in given] if k else list(given)
            want, got = outcome(self.run, others), outcome(self.replayed(made), others)
            if got != want and (got is not TypeError or not k):
                raise Untraceable("it gives something else")
        if not no_slower(partial(Learner.again, made), partial(self.run), given):
            raise Untraceable("it takes longer")
        for_good(made, *kept)
        self.table.append(made)

    def replayed(self, made: bytes) -> Any:
        def f(*given: Any) -> Any:
            r = Learner.again(made, *given)
            if r is None:
                raise TypeError
            return r

        return f


LEARNERS: dict[tuple[str, int], Learner] = {}


def table_of(op: Any, run: Any) -> int:
    """Where the programs of an op's implementation are listed; 0 where it is none of Python's."""
    if type(run) in (np.ufunc, type(len)):
        return 0
    key = op.name, id(run)
    if key not in LEARNERS:
        LEARNERS[key] = learner = Learner(run, max(1, len(op.outputs)))
        for_good(learner.table)
    return id(LEARNERS[key].table)
