"""Rules of ops as machine code knows them: each is run once, on symbols, and what it did with them
is the program.

A program is a list of steps, each of which is one of the library's own loops over elements: so a
gradient is the same to the bit as the rule's. A rule is known, too, that only hands its gradient
on, spreads it over the input, gives it the input's shape or puts it at a key among zeros, that is
one word of the vocabulary, or a product where all are matrices. All others are called as they are,
with all that the node has saved.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..arrays.lookup import NS
from ..engine.backward import run_other
from ..engine.backward_step import build_backward
from ..engine.node import AccumulateGrad, Node, Slot
from ..engine.op import Op
from .elements import loops
from .structures import (
    CONSTANTS,
    OF_LEAF,
    OF_OP,
    OF_SEVERAL,
    OF_SLOT,
    PARENTS,
    SAVED_BY_RULE,
    STEPS,
    for_good,
)  # fmt: skip
from .symbols import CALLED, PROGRAM, Symbol, Untraceable

# what else a rule is
HANDED_ON, SPREAD, WORD_OF_ALL, PRODUCT, RESHAPED, PUT = 1, 3, 4, 5, 6, 7
GRADIENT, SAVED, TEMPORARY, CONSTANT = 0, 1, 16, 24  # where an operand of a step is
RULES: dict[type[Node], bytes] = {}  # class of nodes -> what machine code knows of its rules


LAST = (SPREAD, RESHAPED, PUT)  # nothing follows


class Key:
    """Stands for the key of a view, which a node saves. place: where."""

    def __init__(self, place: int) -> None:
        self.place = place


class Trace:
    """The program of a rule while the rule runs."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, int, int]] = []  # ufunc, operands
        self.constants: list[float] = []
        self.word: tuple[Any, list[int]] | None = None
        self.key = 0  # where the key of PUT is

    def operand(self, x: Any) -> int:
        if isinstance(x, Symbol):
            if x.what in LAST:
                raise Untraceable
            return x.place
        if type(x) not in (int, float) or abs(x) > 1 << 24:
            raise Untraceable
        self.constants.append(float(x))
        if len(self.constants) > CONSTANTS:
            raise Untraceable
        return CONSTANT + len(self.constants) - 1

    def step(self, f: Any, *operands: Any) -> Symbol:
        if not any(isinstance(x, Symbol) for x in operands) or len(self.steps) == STEPS:
            raise Untraceable
        places = [self.operand(x) for x in operands]
        self.steps.append((f, places[0], places[1] if len(places) > 1 else -1))
        return Symbol(self, TEMPORARY + len(self.steps) - 1, PROGRAM)


class Shape:
    """Stands for the shape of the input that a rule is for."""


class Vocabulary:
    """The words on symbols: those that are ufuncs are steps; one other may be the whole rule."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def expand(self, x: Any, shape: Any) -> Symbol:
        if not isinstance(x, Symbol) or x.place != GRADIENT or not isinstance(shape, Shape):
            raise Untraceable
        return Symbol(self.trace, GRADIENT, SPREAD)

    def reshape(self, x: Any, shape: Any) -> Symbol:
        if not isinstance(x, Symbol) or x.place != GRADIENT or not isinstance(shape, Shape):
            raise Untraceable
        return Symbol(self.trace, GRADIENT, RESHAPED)

    def put_basic(self, x: Any, shape: Any, key: Any) -> Symbol:
        symbol = self.reshape(x, shape)
        if not isinstance(key, Key):
            raise Untraceable
        symbol.what, self.trace.key = PUT, key.place
        return symbol

    def __getattr__(self, name: str) -> Any:
        f = getattr(NS[np.ndarray], name)
        if type(f) is np.ufunc and f.nin <= 2:
            return lambda *operands: self.trace.step(f, *operands)

        def word(*operands: Any) -> Symbol:
            if not all(isinstance(x, Symbol) and x.place < TEMPORARY for x in operands):
                raise Untraceable
            if self.trace.steps or self.trace.word or not 0 < len(operands) <= 4:
                raise Untraceable
            self.trace.word = f, [x.place - SAVED for x in operands]
            return Symbol(self.trace, TEMPORARY, WORD_OF_ALL)

        return word


class Matrix:
    """Stands for a matrix while a rule is run to see whether it is a product of two."""

    def __init__(self, place: int, asked: set[int], turned: int = 0) -> None:
        self.place, self.asked, self.turned = place, asked, turned

    @property
    def ndim(self) -> int:
        self.asked.add(self.place)
        return 2


class Matrices:
    """The words that a product of matrices is made of."""

    def transpose(self, x: Matrix, i: int, j: int) -> Matrix:
        if i % 2 == j % 2:
            raise Untraceable
        return Matrix(x.place, x.asked, 1 - x.turned)

    def matmul(self, x: Matrix, y: Matrix) -> list[Matrix]:
        return [x, y]


def product(op: Op, name: str) -> bytes | None:
    """What machine code knows of the rule of op for an input, if it is a product of the gradient
    and something that was saved, or of two such, where all of them and the input are matrices.
    """
    asked: set[int] = set()
    given: dict[str, Any] = {"xp": Matrices(), "g": Matrix(GRADIENT, asked)}
    for k, saved in enumerate(op.saved[:SAVED_BY_RULE]):
        if saved not in op.static:
            given[saved] = Matrix(SAVED + k, asked)
    given[f"{name}_shape"] = (Shape(), Shape())
    try:
        factors = op.rules[name](**{need: given[need] for need in op.needs[name]})
    except Exception:
        return None
    if type(factors) is not list or not asked <= {x.place for x in factors}:
        return None
    return record(PRODUCT, None, [2 * x.place + x.turned for x in factors])


def traced(op: Op, name: str) -> bytes:
    """What machine code knows of the rule of op for an input."""
    trace = Trace()
    given: dict[str, Any] = {}
    for need in op.needs[name]:
        if need == "xp":
            given[need] = Vocabulary(trace)
        elif need == "g":
            given[need] = Symbol(trace, GRADIENT)
        elif need == f"{name}_shape":
            given[need] = Shape()
        elif need in op.saved and op.saved.index(need) < SAVED_BY_RULE and need not in op.static:
            given[need] = Symbol(trace, SAVED + op.saved.index(need))
        elif need == "key" and need in op.saved[:SAVED_BY_RULE]:
            given[need] = Key(op.saved.index(need))
        else:
            return record(CALLED)
    try:
        result = op.rules[name](**given)
    except Exception:
        return product(op, name) or record(CALLED)
    if not isinstance(result, Symbol) or result.trace is not trace:
        return record(CALLED)
    if trace.word is not None:
        f, places = trace.word
        return record(WORD_OF_ALL, f, places) if result.what == WORD_OF_ALL else record(CALLED)
    if result.what in LAST:
        return record(result.what, None, [trace.key] * (result.what == PUT))
    if result.place == GRADIENT and not trace.steps:
        return record(HANDED_ON)
    if not trace.steps or result.place != TEMPORARY + len(trace.steps) - 1:
        return record(CALLED)
    steps = []
    for (f, a, b), here in zip(trace.steps, writes_to_result(trace.steps)):
        found = loops(f)
        if found is None or not found[0] or not found[1] or not same_kind(f):
            return record(CALLED)
        steps += [found[0], found[1], found[3], found[4], a, b, int(here)]
    used = {p for _, a, b in trace.steps for p in (a, b) if SAVED <= p < TEMPORARY}
    return record(PROGRAM, None, sorted(p - SAVED for p in used), trace.constants, steps)


def writes_to_result(steps: list[tuple[Any, int, int]]) -> list[bool]:
    """Which steps write what they give into the memory of the result, which is free until the last
    one: those that no later step needs a value from that is there. Others need memory of their own.
    """
    last_use = {p: i for i, (_, a, b) in enumerate(steps) for p in (a, b)}
    found, free = [], 0
    for i in range(len(steps)):
        found.append(free <= i)
        if found[-1]:
            free = last_use.get(TEMPORARY + i, i)
    return found


def same_kind(f: Any) -> bool:
    """Whether a ufunc's results have the dtype of its operands."""
    return {"f" * f.nin + "->f", "d" * f.nin + "->d"} <= set(f.types)


def record(
    what: int, word: Any = None, saved: Any = (), constants: Any = (), steps: Any = ()
) -> bytes:
    """A rule as words of memory."""
    if word is not None:
        for_good(word)
    address = 0 if word is None else id(word)
    head = [what, address, len(saved), len(constants), len(steps) // 7]
    saved = [*saved, *[0] * (SAVED_BY_RULE - len(saved))]
    constants = [*constants, *[0.0] * (CONSTANTS - len(constants))]
    steps = [*steps, *[0] * (7 * STEPS - len(steps))]
    return (
        struct.pack(f"{5 + SAVED_BY_RULE}q", *head, *saved)
        + struct.pack(f"{CONSTANTS}d", *constants)
        + struct.pack(f"{7 * STEPS}q", *steps)
    )


def tupled(f: Any) -> Any:
    """A backward step of one rule for all inputs, whose gradients come in a tuple."""
    return lambda *args: tuple(f(*args))


def several(n: Any, parts: list[Any], parents: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients from a node of several outputs, given those that came for each, to some of its
    parents (None: no gradient is wanted there).
    """
    return tuple(run_other(n, parts, False, True, False, parents))


def learn(cls: type[Node]) -> bool:
    """Enter a class of nodes in RULES; whether its nodes can take part."""
    if cls is AccumulateGrad:
        RULES[cls] = struct.pack("5q", OF_LEAF, 0, 0, 0, 0)
        return True
    if cls is Slot:
        RULES[cls] = struct.pack("5q", OF_SLOT, 0, 0, 0, 0)
        return True
    op = cls.op
    if op is None or cls is not op.node or not op.differentiable:
        return False
    if not op.built:
        build_backward(op)
    called: Any = several
    if not op.many:
        called = op.backward if op.joint is None else tupled(op.backward)
    part = op.part  # adds to a gradient that waits
    for_good(called, cls, part)
    traceable = op.inputs if op.joint is None and not op.many else []
    traceable = traceable[:PARENTS]
    kind = OF_SEVERAL if op.many else OF_OP
    adds = 0 if part is None or op.many else id(part)
    made = struct.pack("5q", kind, int(cls.saves_arrays), id(called), adds, len(traceable))
    for name in traceable:
        made += traced(op, name) if name in op.rules else record(CALLED)
    for_good(made)
    RULES[cls] = made
    return True
