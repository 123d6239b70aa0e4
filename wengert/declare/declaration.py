"""Declarations of public functions as data: `cat(Tensor[] tensors, int dim=0, *, out)`.

What lives here: the language, which is that of PyTorch's schemas, and what it says: names, types,
order, defaults, what goes by keyword only, overloads, results, NumPy's names. What does not: the
callables made of it (`signature.py`), and the tables that they are found in (`registry.py`).

    sum(Tensor input, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None, out)

Types: Tensor, Scalar (a Python number), int, float, bool, str, complex, ScalarType (a dtype),
Device, Layout, MemoryFormat, Generator, and `any`, which is not checked. `T?` may be None, `T[]` is
a tuple or list, `int[2]` also one int for all, `A|B` either. `*Tensor[] tensors` takes the rest of
the positions. As in PyTorch, an `int[]` that is alone (but for self) takes f(2, 3), f((2, 3)) and
f(size=(2, 3)); this is derived, not written. `out` is an out= argument, `options` stands for dtype,
layout, device, pin_memory and requires_grad. `-> T` names the result if it is not a Tensor. An
overload that starts with `old:` is deprecated, and is accepted with a warning; one that starts with
`also:` is accepted as `old:` ones are, last and by the binder alone, without the warning.
"""

from __future__ import annotations

import ast
import functools
import re
from keyword import iskeyword
from typing import Any, NamedTuple

from ..base import dtypes, formats

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "<not given>"})()
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "<required>"})()
NUMPY = {  # what PyTorch lets NumPy's users write, by its own name
    "dim": ("axis",),
    "keepdim": ("keepdims",),
    "input": ("x", "a", "x1"),
    "other": ("x2",),
}
ASIDE = re.compile(r"\s*(old|also):")
OPTIONS = (
    "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False,"
    " bool? requires_grad=False"
)


class Type(NamedTuple):
    """What an argument may be."""

    kinds: tuple[str, ...]  # the alternatives: Tensor, int, int[], ...
    optional: bool = False  # may be None

    def __str__(self) -> str:
        return "|".join(self.kinds) + "?" * self.optional


class Parameter(NamedTuple):
    """One argument of an overload."""

    name: str
    type: Type
    default: Any = REQUIRED
    keyword: bool = False  # by keyword only
    star: bool = False  # takes the rest of the positions, or one sequence

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def spelled(self) -> str:
        """The name as users write it."""
        bare = self.name.removesuffix("_")
        return bare if iskeyword(bare) else self.name

    def __str__(self) -> str:
        default = "" if self.required else f"={shown(self.default)}"
        return f"{'*' * self.star}{self.type} {self.spelled}{default}"


class Overload(NamedTuple):
    """One list of arguments and what comes back."""

    parameters: tuple[Parameter, ...]  # without out
    out: bool
    returns: str
    old: bool  # looked at by the binder only, after the others
    warned: bool = False  # whether it is deprecated

    @property
    def positional(self) -> tuple[Parameter, ...]:
        return tuple([p for p in self.parameters if not p.keyword])

    def __str__(self) -> str:
        words = [str(p) for p in self.positional]
        words += ["*"] * (self.out or len(words) < len(self.parameters))
        words += [str(p) for p in self.parameters if p.keyword]
        return f"({', '.join([*words, 'out=None'] if self.out else words)})"


def shown(value: Any) -> str:
    """A default as users write it."""
    return getattr(value, "name", None) or repr(value)


def split(text: str) -> list[str]:
    """The parts of a text between commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append(text[start:i])
            start = i + 1
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def heading(text: str) -> tuple[str, str]:
    """(namespace, name) of a declaration; the rest of it is read at first use."""
    path = ASIDE.sub("", text[: text.index("(")]).strip()
    namespace, _, name = path.rpartition(".")
    return namespace, name


@functools.cache
def type_of(text: str) -> Type:
    optional = text.endswith("?")
    return Type(tuple(text.removesuffix("?").split("|")), optional)


def default_of(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = getattr(formats, text, None) or getattr(dtypes, text)
    return tuple(value) if isinstance(value, list) else value


def parameters(text: str) -> tuple[list[Parameter], bool]:
    """(parameters, whether there is out=) of the part between the brackets."""
    found: list[Parameter] = []
    keyword = out = False
    for word in split(text):
        if word == "*":
            keyword = True
        elif word == "out":
            out = True
        elif word == "options":
            found += [p._replace(keyword=True) for p in parameters(OPTIONS)[0]]
        else:
            kind, _, rest = word.rpartition(" ")
            if "=" in kind:  # a default with spaces in it
                head, _, tail = word.partition("=")
                kind, _, name = head.strip().rpartition(" ")
                rest = f"{name}={tail}"
            name, _, default = rest.partition("=")
            star = kind.startswith("*")
            name += "_" * iskeyword(name)
            value = default_of(default) if default else REQUIRED
            found.append(
                Parameter(name, type_of(kind.removeprefix("*").strip()), value, keyword, star)
            )
            keyword = keyword or star
    return found, out


@functools.cache
def overload(text: str) -> Overload:
    """The overload that a declaration's text writes."""
    head, _, returns = text.partition(") ->")
    inside = head[head.index("(") + 1 :].removesuffix(")")
    found, out = parameters(" ".join(inside.split()))
    aside = ASIDE.match(text)
    warned = aside is not None and aside[1] == "old"
    return Overload(tuple(found), out, returns.strip() or "Tensor", aside is not None, warned)


def as_function(o: Overload) -> Overload:
    """The overload of the function: sizes that are all that goes by position may be spread."""
    return o._replace(parameters=spread(o.parameters, 0))


def as_method(o: Overload) -> Overload | None:
    """The overload of the method: the argument `input` is self and comes first, and there is no
    out=. None if there is no such argument.
    """
    own = [p for p in o.parameters if p.name in ("input", "self")] or list(o.parameters[:1])
    if not own or "Tensor" not in own[0].type.kinds:
        return None
    rest = [p for p in o.parameters if p is not own[0]]
    me = own[0]._replace(name="self", type=Type(("Tensor",)), default=REQUIRED)
    return o._replace(parameters=spread((me, *rest), 1), out=False)


def spread(parameters: tuple[Parameter, ...], at: int) -> tuple[Parameter, ...]:
    """parameters with the one at a place starred if it is an int[] and the last by position."""
    places = [p for p in parameters if not p.keyword]
    if len(places) != at + 1 or str(places[at].type) not in ("int[]", "int|int[]"):
        return parameters
    return (*places[:at], places[at]._replace(star=True), *parameters[at + 1 :])


def unspread(o: Overload) -> Overload:
    """The overload with sizes as one sequence only."""
    sizes = [p._replace(star=p.star and p.type.kinds[0][:3] != "int") for p in o.parameters]
    return o._replace(parameters=tuple(sizes))


def other_names(overloads: tuple[Overload, ...], foreign: bool) -> dict[str, str]:
    """Further names for the arguments of overloads: NumPy's if foreign, and those that are words
    of Python's (`from`), which have an underscore here: name -> the name here.
    """
    names = {p.name for o in overloads for p in o.parameters}
    found = {p.spelled: p.name for o in overloads for p in o.parameters if p.spelled != p.name}
    if foreign:
        for name in names & NUMPY.keys():
            found.update({other: name for other in NUMPY[name] if other not in names})
    return found


def layout(
    overloads: list[Overload],
) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """(positions: name -> default, keywords: name -> default, starred name) of overloads together.

    A default that they do not share, or that not all have, is ABSENT unless all that have the
    argument agree.
    """
    slots: dict[str, Any] = {}
    keywords: dict[str, Any] = {}
    star = None
    depth, most = 0, 99
    for o in overloads:
        for i, p in enumerate(o.positional):
            if p.star:
                star, most = p.name, i
    for o in sorted(overloads, key=lambda o: -len(o.positional)):
        places = [p for p in o.positional if not p.star][:most]
        for i, p in enumerate(places):
            if i >= depth and p.name not in slots:
                slots[p.name] = p.default
        depth = max(depth, len(places))
    for o in overloads:
        for p in o.parameters:
            if p.name not in slots and (p.keyword or star and not p.star):
                keywords[p.name] = p.default
    for table in (slots, keywords):
        for n in table:
            found = [p.default for o in overloads for p in o.parameters if p.name == n]
            same = all(type(x) is type(found[0]) and x == found[0] for x in found)
            table[n] = found[0] if same and found[0] is not REQUIRED else ABSENT
    return slots, keywords, star
