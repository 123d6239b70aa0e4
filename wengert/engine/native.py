"""Machine code in front of the generated texts, where it is loaded (`native_calls/`).

A straight line then asks first: `core(operands..., static arguments...)` returns the result, or
MISS where the call is not plain, before it has any effect; the text goes on below as it is. What
lives here is that question, and the functions that get it once the code is there. Without machine
code texts do not contain it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

from .op import Op


class Kind(NamedTuple):
    """What a straight line wants of an op.

    write: the result written over the first operand. floating: only float32 and float64. pair: the
    named tuple that results come in. only: how many results are returned, where not all are. dims,
    dims_or_all, sizes: static arguments that come as they were given: as one dimension or several,
    the same where none of them means all, and as a sequence of ints. least: how many dimensions the
    first operand must have. extra: how many more the result has, which `dims` count.
    strict: asked before anything was looked at, which machine code does itself. parts: the views at
    many basic keys.
    """

    write: bool = False
    floating: bool = False
    pair: Any = None
    only: int = 0
    dims: tuple[str, ...] = ()
    dims_or_all: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    least: int = 0
    extra: int = 0
    strict: bool = False
    parts: bool = False


PLAIN = Kind()

# find(op, kind) -> (core, MISS), or None for ops that machine code does not know
find: Callable[[Op, Kind], tuple[Any, Any] | None] | None = None
# backward(tensor, retain, gradient, watched): None where machine code has run the pass, else MISS;
# watched: leaves may have hooks, as state.backward is set
backward: Callable[..., Any] | None = None
# grad(outputs, inputs, gradients, retain): the gradients of the inputs in a tuple; in a list, with
# None for those that none came to; or MISS
grad: Callable[[Any, Any, Any, bool], Any] | None = None
# recall(body): the body, which is done again as a program where what it does is known
recall: Callable[[Any], Any] | None = None
# What hand-written functions ask: the result, or None where the call is not plain.
WORDS = (
    "make", "like", "count", "detach", "inside", "fill", "copy", "steady", "kept",
)  # fmt: skip
make: Callable[[Any, Any, Any], Any] | None = None  # (sizes, dtype or None, number or None)
like: Callable[[Any, Any, Any], Any] | None = None  # (tensor, sizes or None, number or None)
count: Callable[[int, int], Any] | None = None  # (start, end)
detach: Callable[[Any], Any] | None = None  # (tensor)
inside: Callable[[Any, int, int], Any] | None = None  # (tensor, low, end): True if all lie there
fill: Callable[[Any, Any], Any] | None = None  # (tensor, number): the tensor
copy: Callable[[Any, Any], Any] | None = None  # (tensor, tensor): the first
# (parameters, states, members, names, counters, counts, length): gradients (see optim/)
steady: Callable[..., list[Any] | None] | None = None
# (words, or words and how many pairs are written anew): True if memory is as it was (compiler/)
kept: Callable[..., Any] | None = None
new_class: Callable[[type], None] | None = None  # hears of subclasses of Module
behind: dict[Any, Any] = {}  # operator in machine code -> the Python function that it stands for
changed: list[Callable[[], object]] = []  # called when away has changed from or to 0
away = 0  # how many want public functions exchanged: operators are Python's meanwhile
# generated functions, how to make each anew, and the code it had for each `find`
MADE: list[tuple[Any, Callable[[], Any], dict[Any, Any]]] = []
LOCK = threading.RLock()  # held while functions get another text
remaking = 0  # the thread that makes functions anew
asked: Any = None  # what `find` was when functions were made last


def within(t: Any, low: int, end: int) -> bool:
    """Whether machine code knows that all of t's whole numbers are at least low, and below end."""
    return inside is not None and inside(t, low, end) is not None


def ask(
    op: Op,
    names: list[str],
    env: dict[str, Any],
    kind: Kind = PLAIN,
    static: list[str] | None = None,
) -> list[str]:
    """The lines that ask first; what they need is entered in env. static: what the static arguments
    are called, where it is not by their own names.
    """
    inside = ask_inside(op, names, list(op.static) if static is None else static, env, kind)
    if not inside:
        return []
    question, answer = inside
    refused = "  except (ValueError, TypeError, LookupError): got = MISS"
    return [f"  try: {question}", refused, f"  {answer}"]


def ask_inside(
    op: Op, names: list[str], static: list[str], env: dict[str, Any], kind: Kind = PLAIN
) -> list[str]:
    """The lines that ask, where refusals are caught already."""
    found = None if find is None else find(op, kind)
    if found is None:
        return []
    env["core"], env["MISS"] = found
    return [f"got = core({', '.join([*names, *static])})", "if got is not MISS: return got"]


def remakable(f: Any, again: Callable[[], Any]) -> Any:
    """Note how a generated function is made; returns it."""
    if threading.get_ident() != remaking:
        MADE.append((f, again, {find: f.__code__} if type(f) is FunctionType else {}))
    return f


def remake() -> None:
    """Give the functions made so far the text that they would have now."""
    global remaking, asked
    wanted = find
    if asked is wanted:
        return
    for f, again, codes in MADE[:]:
        with LOCK:
            if away:
                return  # they have the text of another; called again afterwards
            if wanted in codes:
                f.__code__ = codes[wanted]
                continue
            remaking = threading.get_ident()
            try:
                g = again()
            finally:
                remaking = 0
            if type(g) is FunctionType and g.__code__.co_freevars == f.__code__.co_freevars:
                for name, value in g.__globals__.items():
                    f.__globals__.setdefault(name, value)
                f.__code__ = codes[wanted] = g.__code__
    asked = wanted


def exchange(on: bool) -> None:
    """Public functions are about to be exchanged, or are no longer."""
    global away
    with LOCK:
        away += 1 if on else -1
        if away == (1 if on else 0):
            for hear in changed:
                hear()
