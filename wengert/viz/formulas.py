"""The derivative rules of an op for the page: in maths where they are short, and as written."""

from __future__ import annotations

import functools
from typing import Any

from ..engine.plan import public_name
from ..observe.rule_text import formula_of, source_of
from .maths import GRADIENTS

LONGEST = 14  # lines of a rule that are shown


@functools.lru_cache(maxsize=1024)
def rules_of(op: Any) -> list[tuple[str, str, str]]:
    """(input, formula or "", source) of each rule of an op; the input is `*` for a rule for all.

    >>> from wengert.engine.op import OPS
    >>> rules_of(OPS["mul"])[0]
    ('input', 'g · other', 'lambda g, y: g * y')
    """
    taught = GRADIENTS.get(op.name, {})
    if op.joint is not None:
        return [*[(n, f, "") for n, f in taught.items()], ("*", "", clipped(source_of(op.joint)))]
    names = {i: public_name(op, i) for i in op.arrays}
    named = {**names, **{f"{i}_shape": f"{n}.shape" for i, n in names.items()}}
    named |= {f"{i}_dtype": f"{n}.dtype" for i, n in names.items()}
    return [
        (names[i], taught.get(names[i]) or formula_of(rule, named), clipped(source_of(rule)))
        for i, rule in op.rules.items()
    ]


def clipped(text: str) -> str:
    """The first lines of a long text."""
    lines = text.split("\n")
    return "\n".join([*lines[:LONGEST], "    ..."] if len(lines) > LONGEST else lines)
