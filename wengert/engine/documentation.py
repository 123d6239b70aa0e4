"""What help(), inspect.signature and editors show of a declared function.

What lives here: one signature for all overloads, and the text in front of a body's own. What does
not: the declarations (`declaration.py`) and the functions made of them (`signature.py`).
"""

from __future__ import annotations

import functools
import inspect
import pathlib
import re
from typing import Any

from .declaration import ABSENT, Overload, layout, other_names, unspread

ARGUMENTS: dict[str, str] = {}  # what arguments of a name mean: filled by ops/arguments.py
# of functions that are made in a loop and have no docstring of their own to stand in
EXAMPLES = pathlib.Path(__file__).parent.parent / "ops" / "examples.txt"


def documentation(name: str, overloads: tuple[Overload, ...], doc: str | None, names: Any) -> str:
    """How the function is called, one line an overload, what its body says, and its arguments.

    names: those under which there may be an example.
    """
    heads = [f"{name}{o} -> {o.returns}" for o in overloads if not o.old]
    text, mark, example = inspect.cleandoc(doc or "").partition(">>> ")
    parts = ["\n".join(heads), text.strip()]
    if left := [x for x in arguments(overloads) if not spoken_of(x.partition(":")[0], text)]:
        parts.append("\n".join(left))
    made = next(filter(None, map(example_of, names)), "")
    if mark or made:
        parts.append(mark + example.rstrip() if mark else made)
    return "\n\n".join([part for part in parts if part]) + "\n"


def example_of(path: str) -> str:
    """The example of a path; a function in place has that of its method, written as a call."""
    found, name = examples(), path.rpartition(".")[2]
    if path in found or not name.endswith("_") or f"Tensor.{name}" not in found:
        return found.get(path, "")
    call = f"torch.{path}(x"
    return (
        found[f"Tensor.{name}"]
        .replace(f"x.{name}()", f"{call})")
        .replace(f"x.{name}(", f"{call}, ")
    )


@functools.cache
def examples() -> dict[str, str]:
    """The examples in EXAMPLES by name: blocks of a name, what is called, what it prints."""
    blocks = EXAMPLES.read_text(encoding="utf-8").strip().split("\n\n")
    return {name: text for name, _, text in [block.partition("\n") for block in blocks]}


def arguments(overloads: tuple[Overload, ...]) -> list[str]:
    """A line for each argument of any overload whose meaning is known by its name."""
    names = dict.fromkeys(p.name for o in overloads if not o.old for p in o.parameters)
    found = [f"{n}: {ARGUMENTS[n]}." for n in names if n in ARGUMENTS]
    if any(o.out for o in overloads):
        found.append("out: where the result is written; it is also returned.")
    return found


def spoken_of(name: str, text: str) -> bool:
    """Whether a text has something to say of an argument."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def shown_signature(overloads: tuple[Overload, ...], foreign: bool) -> inspect.Signature:
    """One signature for all overloads: what any of them takes; what all need is without default."""
    fresh = [o for o in overloads if not o.old]
    if len(fresh) > 1:
        fresh = [unspread(o) for o in fresh]
    slots, keywords, star = layout(fresh)
    P = inspect.Parameter
    found = []
    for table, kind in ((slots, P.POSITIONAL_OR_KEYWORD), (keywords, P.KEYWORD_ONLY)):
        optional = False
        for n, default in table.items():
            if default is ABSENT:
                holders = [p for o in fresh for p in o.parameters if p.name == n]
                required = len(holders) == len(fresh) and all(p.required for p in holders)
                own = [p.default for p in holders if not p.required]
                default = P.empty if required and not optional else own[0] if own else None
            optional = optional or (default is not P.empty and kind is P.POSITIONAL_OR_KEYWORD)
            found.append(P(n, kind, default=default))
        if table is slots:
            names = [
                p for o in fresh for p in o.parameters if p.name not in slots and not p.keyword
            ]
            for p in names:  # at a position that has another name in another overload
                if not p.star and p.name not in keywords:
                    keywords[p.name] = None
            if star:
                found = [p.replace(kind=P.POSITIONAL_ONLY) for p in found]
                found.append(P(star, P.VAR_POSITIONAL))
    if any(o.out for o in fresh):
        found.append(P("out", P.KEYWORD_ONLY, default=None))
    if other_names(overloads, foreign):
        found.append(P("numpy_names", P.VAR_KEYWORD))
    return inspect.Signature(found)
