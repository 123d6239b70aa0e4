"""What machine code is told of a word over elements: which loop gives its numbers, so that it can
be run without Python or a library around it (`native_calls/elements.py`).

A word says so by an attribute: `elements`, or `choose(options...)`, which is an Elements or None,
where it has options. The word itself gives the same numbers, to the bit, for the same operands.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Elements(NamedTuple):
    """A word as one loop over elements.

    loops: letter of the operands' dtype -> a ufunc of the library's, or two words of memory: where
    a loop of our own is, and its data; 0 until it is there. operands: the loop's: a word's operand
    by its number, or a number (a float). kinds: their letters, "?" for bool; none if all have the
    one dtype. result: the letter of the result's dtype, if that is another. least: dimensions that
    the word's last operand must have.
    """

    loops: dict[str, Any]
    operands: tuple[int | float, ...]
    kinds: str = ""
    result: str = ""
    least: int = 0
