"""Symbols: what stands for arrays while a rule, or a body, is run once to see what it does."""

from __future__ import annotations

from typing import Any

import numpy as np

CALLED, PROGRAM = 0, 2  # what is said of a symbol: nothing; that it is the result of steps
UFUNCS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
    "neg": np.negative,
}  # fmt: skip


class Untraceable(Exception):
    """A rule or a body does something that programs cannot."""


class Symbol:
    """Stands for an array, an operand or a result. What is computed with it is a step."""

    def __init__(self, trace: Any, place: int, what: int = CALLED) -> None:
        self.trace, self.place, self.what = trace, place, what

    def __neg__(self) -> Any:
        return self.trace.step(np.negative, self)

    def __bool__(self) -> bool:
        raise Untraceable

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise Untraceable

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(name)


def operator(word: str, swapped: bool) -> Any:
    f = UFUNCS[word]

    def apply(self: Symbol, other: Any) -> Any:
        return self.trace.step(f, *((other, self) if swapped else (self, other)))

    return apply


for _word in ("add", "sub", "mul", "truediv"):
    setattr(Symbol, f"__{_word}__", operator(_word, False))
    setattr(Symbol, f"__r{_word}__", operator(_word, True))
