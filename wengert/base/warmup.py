"""How much a program has run, for what pays only in programs that run a while.

What is cheap to count is counted (operators, backward passes, blocks without recording), until
there are as many as `ENOUGH`; then `begin` is called, once.
"""

from __future__ import annotations

from collections.abc import Callable

ENOUGH = 200

uses = 0
begin: list[Callable[[], object]] = []  # what is put off


def used(weight: int = 1) -> None:
    """Count one more use."""
    global uses
    uses += weight
    if uses >= ENOUGH:
        over()


def over() -> None:
    """Begin now what was put off."""
    while begin:
        try:
            f = begin.pop(0)
        except IndexError:  # another thread was quicker
            return
        f()
