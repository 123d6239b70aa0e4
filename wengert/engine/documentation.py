"""What help(), inspect.signature and editors show of a declared function.

What lives here: one signature for all overloads, and the text in front of a body's own. What does
not: the declarations (`declaration.py`) and the functions made of them (`signature.py`).
"""

from __future__ import annotations

import inspect

from .declaration import ABSENT, Overload, layout, other_names, unspread


def documentation(name: str, overloads: tuple[Overload, ...], doc: str | None) -> str:
    """How the function is called, one line an overload, and what its body says."""
    heads = [f"{name}{o} -> {o.returns}" for o in overloads if not o.old]
    return "\n".join(heads) + "\n\n" + inspect.cleandoc(doc or "")


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
