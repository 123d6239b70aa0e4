"""Straight lines inside public functions: an op's entry written into the function made from a
declaration, so that a plain call enters one Python function.

    @public(
        "sum(Tensor input, *, ScalarType? dtype=None)",
        "sum(Tensor input, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None, out)",
        lines=(line(sum_all), line(sum)),
    )

says that x.sum() is the op `sum_all` and x.sum(1) the op `sum`, wherever the library takes the
arguments as they are. For the second the function then contains

        if dtype is None and out is None:
          try: a0 = self._a; n0 = self._n; d = a0.dtype; t = type(a0)
          ...
          try:
            places = PLACES_OR_ZERO[a0.ndim]
            if type(dim) is int: dim = places[dim]
            elif dim is not None:
              dim = tuple(map(places.__getitem__, dim))
              if not dim or len(set(dim)) < len(dim): return body(self, dim, keepdim, dtype=dtype)
            o0 = f(a0, dim, keepdim)
          except REFUSED: return body(self, dim, keepdim, dtype=dtype)
          ...

What the library refuses, and all that is not plain, goes to the body, which says what is wrong.
What does not live here: the tests of arguments (`signature.py`), steps of an entry (`entry.py`).
"""

from __future__ import annotations

import re
from itertools import compress
from typing import Any, NamedTuple

from ..base.returns import return_type
from ..engine import native, views
from ..engine.backward_step import build_backward
from ..engine.entry import (
    SHARED,
    call,
    call_all,
    group,
    own,
    record,
    record_all,
    unwrap,
    unwrap_all,
    view,
    visible,
    wrap,
)
from ..engine.op import Op
from .declaration import Overload


class Line(NamedTuple):
    """The op of an overload's plain calls.

    floating: only for arrays of float32 and float64. extra: how many dimensions more than the first
    operand the result has, whose dimensions `dim` counts. least: how many dimensions the first
    operand must have. within: the static argument that must lie between 0 and the size of `dim`.
    more_than_one: whether `dim` must have more than one element. let: static arguments as
    expressions of the overload's arguments, the arrays a0 a1 ..., their dtype d and `places`, the
    dimensions (places[-1] is the last). when: what else must hold, an expression too. given: what
    must hold of the arguments for this line to be looked at. operands: the op's, as expressions,
    where they are not the overload's tensors in order. fixed: static arguments that the overload
    does not have, with their values. pair: the name of the struct sequence that results come in.
    facts: an expression that the others may call `facts`, such as a geometry that is
    kept for the shapes. using: what expressions name besides. only: how many results are returned,
    where not all are. asked: whether machine code asks for all of `when` itself. alone: whether
    the line is left out where there is machine code, which does the body's calls again sooner. own:
    whether the op itself is the body, so that arrays which it does not run on may go the general
    way at once.
    """

    op: Op
    floating: bool = False
    extra: int = 0
    least: int = 0
    within: str = ""
    more_than_one: bool = False
    let: dict[str, str] = {}
    when: str = ""
    given: str = ""
    operands: tuple[str, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()
    pair: str = ""
    facts: str = ""
    using: dict[str, Any] = {}
    only: int = 0
    asked: bool = False
    alone: bool = False
    own: bool = False


def line(
    op: Op,
    floating: bool = False,
    extra: int = 0,
    least: int = 0,
    within: str = "",
    more_than_one: bool = False,
    let: dict[str, str] | None = None,
    when: str = "",
    given: str = "",
    operands: tuple[str, ...] = (),
    pair: str = "",
    facts: str = "",
    using: dict[str, Any] | None = None,
    only: int = 0,
    asked: bool = False,
    alone: bool = False,
    **fixed: Any,
) -> Line:
    """The line of an overload (see Line)."""
    values = tuple(fixed.items())
    return Line(
        op,
        floating,
        extra,
        least,
        within,
        more_than_one,
        let or {},
        when,
        given,
        operands,
        values,
        pair,
        facts,
        using or {},
        only,
        asked,
        alone,
    )


class Text(NamedTuple):
    """The text of a line."""

    tests: list[str]  # further tests of the arguments
    lines: list[str]
    names: dict[str, Any]  # what the lines use
    tested: list[str]  # the arguments whose types the lines look at themselves
    first: list[str]  # lines that ask machine code, which come before the tests of `lists`
    lists: dict[
        str, str
    ]  # arguments that it looks at itself -> what is tested of them nevertheless


def text(
    found: Line,
    o: Overload,
    values: dict[str, str],
    careful: str,
    other: str,
    inplace: bool,
    number: str,
) -> Text:
    """The text for the arguments in `values`. careful: the call to make in every doubt. other: the
    one for operands that are no tensors. number: of the line, in names.
    """
    op = found.op
    if not op.built:
        build_backward(op)
    sizes = [p.name for p in o.parameters if p.star]  # f(2, 3) or f((2, 3)): one tuple from here on
    for k in sizes:
        careful = careful.replace(values[k], k)
    first = o.parameters[0].name
    values = {"input": values[first], **values, **{k: k for k in sizes}}
    kind = "Tensor[]" if op.variadic else "Tensor"
    count = 1 if op.variadic else len(op.inputs)
    tensors = [p for p in o.parameters if kind in p.type.kinds][:count]
    if found.operands:
        named = {first if x == "input" else x for x in found.operands}
        tensors = [p for p in o.parameters if p.name in named]
    names = [written(x, values) for x in found.operands or [p.name for p in tensors]]
    rest = [p for p in o.parameters if p not in tensors]
    where, prepared, tests, given = statics(found, rest, values)
    if found.least:
        prepared.insert(0, f"if a0.ndim < {found.least}: {SLOW}")
    if found.within:
        prepared.append(f"if not 0 <= {where[found.within]} <= a0.shape[s_dim]: {SLOW}")
    if found.more_than_one:
        prepared.append(f"if (a0.size if s_dim is None else a0.shape[s_dim]) < 2: {SLOW}")
    if found.when:
        prepared.append(f"if not ({written(found.when, {**where, **values})}): {SLOW}")
    lines = [f"  if type_({k}[0]) is not int: {k} = tuple({k}[0])" for k in sizes]
    asked: dict[str, Any] = {}
    env: dict[str, Any] = {f"fixed_{k}": v for k, v in found.fixed}
    env |= {f"{k}_{number}": v for k, v in found.using.items()}
    pair = return_type(found.pair) if found.pair else None
    wanted = native.Kind(inplace, found.floating, pair, found.only)
    dims, dims_or_all, listed = map(tuple, given.kinds.values())
    early = wanted._replace(dims=dims, dims_or_all=dims_or_all, sizes=listed)
    early = early._replace(least=found.least, extra=found.extra)
    sure = early._replace(strict=True)
    raw = [given.where.get(k, "") for k in op.static]
    asking_first: list[str] = []
    lists: dict[str, str] = {}
    if not (found.let or found.when or found.facts or found.within or found.more_than_one):
        asking_first = native.ask(op, names, asked, early, raw)
        lists = looked_at(rest, values, given) if asking_first else {}
        if not lists:
            lines, asking_first = lines + asking_first, []
    elif found.asked and all(raw) and (asking := native.ask(op, names, asked, sure, raw)):
        lists = looked_at(rest, values, given)
        asking_first, lines = (asking, lines) if lists else ([], lines + asking)
    else:
        prepared += native.ask_inside(op, names, [where[k] for k in op.static], asked, wanted)
    other = f"return {other}"
    if op.variadic:
        lines += unwrap_all(op, names[0], SLOW, other)
    else:
        lines += unwrap(op, names, SLOW, other, inplace, found.own)
    if found.floating and op.types != "float":
        lines.append(f"  if d is not F32 and d is not F64: {SLOW}")
    before = [PREPARED] * bool(prepared)
    if inplace:
        run = overwrite(op, names[0], len(op.inputs), before)
    elif op.variadic:
        run = call_all(op, SLOW, SLOW, before) + wrap(op) + record_all(op, names[0])
        run += returned(found)
    else:
        missed = GENERAL if found.own else SLOW
        run = call(op, missed, SLOW, before) + wrap(op) + record(op) + view(op, names[0])
        run += returned(found)
    for x in run:
        at = x.find(PREPARED)
        lines += [x[:at] + y for y in prepared] if at >= 0 else [written(x, where)]
    env |= {**SHARED, "mutated": views.mutated, "of_values": tuple.__new__}
    env |= {"PLACES": PLACES, "PLACES_OR_ZERO": PLACES_OR_ZERO}
    env |= {"compress": compress, "is_one": (1).__eq__}
    env |= {f"{k}_{number}": v for k, v in {**own(op), "pair": pair, **asked}.items()}
    own_names = OWN
    if found.using:
        own_names = re.compile(OWN.pattern.replace("MISS", "|".join(["MISS", *found.using])))
    way = general(op, names, values) if found.own else ""
    lines = [x.replace(GENERAL, way) for x in lines]
    if found.using:
        tests = [own_names.sub(rf"\1_{number}", x) for x in tests]
    lines = [own_names.sub(rf"\1_{number}", x).replace(SLOW, f"return {careful}") for x in lines]
    asking_first = [own_names.sub(rf"\1_{number}", x) for x in asking_first]
    return Text(tests, lines, env, tested(op, names, tensors, values), asking_first, lists)


def looked_at(rest: list[Any], values: dict[str, str], given: Given) -> dict[str, str]:
    """The lists of ints that machine code looks at, and what it does not ask of them."""
    kinds = {given.where[k]: kind for kind, ks in given.kinds.items() for k in ks}
    found = {}
    for p in rest:
        value = values[p.name]
        if p.type.kinds == ("int[]",) and not p.star and value in kinds:
            test = f"type_({value}) in SEQUENCES"
            none = f"{value} is None or " * p.type.optional
            found[p.name] = "True" if kinds[value] == "sizes" else f"({none}{test})"
    return found


def tested(op: Op, names: list[str], tensors: list[Any], values: dict[str, str]) -> list[str]:
    """The operands whose types the lines look at themselves: all that `unwrap` takes as Tensors
    only, or as what their declaration says.
    """
    numbers = op.types in ("promote", "float") and len(names) == 2 and not op.tensors_only
    found = []
    for i, (name, p) in enumerate(zip(names, tensors)):
        if name == values[p.name] and (not i or not numbers or "Scalar" in p.type.kinds):
            found.append(p.name)
    return found


def general(op: Op, names: list[str], values: dict[str, str]) -> str:
    """The general way of an op that is the body of its function."""
    given = ", ".join([f"{k!r}: {values[k]}" for k in op.static])
    return f"return slow(op, {group(names)}, {{{given}}})"


PLAIN = {int, float, bool, str, type(None)}  # types of defaults that are written as they are
# stand for text that is put in at the end
SLOW, GENERAL, PREPARED = "return <careful>", "return <general>", "<prepared>"
PLACES: tuple[Any, ...] = tuple([tuple(range(n)) for n in range(99)])  # dimensions of n of them
PLACES_OR_ZERO = ({0: None, -1: None}, *PLACES[1:])  # where a reduction takes a number: all of it


def written(text: str, names: dict[str, str]) -> str:
    """text with each of some names as it is to be written; names of keywords stay."""
    if not names:
        return text
    return WORD.sub(lambda m: names.get(m[0], m[0]), text)


class Given(NamedTuple):
    """The static arguments as they were given: what to write for each, and which are dimensions
    (see `native.Kind`).
    """

    where: dict[str, str]
    kinds: dict[str, list[str]]


def statics(
    found: Line, rest: list[Any], values: dict[str, str]
) -> tuple[dict[str, str], list[str], list[str], Given]:
    """(what to write for each static argument of the op, lines that make those that are not there
    yet, tests of the arguments, the arguments as they were given).
    """
    op, fixed = found.op, dict(found.fixed)
    rest = list(rest)
    where: dict[str, str] = {}
    given = Given({}, {"dims": [], "dims_or_all": [], "sizes": []})
    lines, tests = [], []
    for k in op.static:
        if k in fixed:
            where[k] = given.where[k] = f"fixed_{k}"
        elif k in found.let:
            where[k] = f"s_{k}"
            lines.append(f"s_{k} = {written(found.let[k], values)}")
        else:
            p = next((p for p in rest if p.name == k), None) or rest[0]
            rest.remove(p)
            where[k] = given.where[k] = values[p.name]
            if DIM.match(k):
                lines += [f"s_{k} = {where[k]}", *place_of(f"s_{k}", p)]
                if op.static[k] is not None and p.type.optional:
                    tests.append(f"{where[k]} is not None")
                where[k] = f"s_{k}"
                given.kinds["dims_or_all" if p.default == () else "dims"].append(k)
            elif p.type.kinds[0] == "int[]" and not p.star:
                it = where[k]
                lines.append(f"s_{k} = {it} if type({it}) is tuple else tuple({it})")
                where[k] = f"s_{k}"
                given.kinds["sizes"].append(k)
    if any("places" in x for x in (*lines, found.when)):
        zero = "_OR_ZERO" * (op.static.get("dim", 0) is None)
        more = f" + {found.extra}" * bool(found.extra)
        lines.insert(0, f"places = PLACES{zero}[a0.ndim{more}]")
    if found.facts:
        lines.insert(0, f"facts = {written(found.facts, values)}")
    if found.given:
        tests.append(written(found.given, values))
    words = set(READ.findall(" ".join([*found.let.values(), found.facts, found.when, found.given])))
    for p in rest:
        if p.name not in words:
            default = repr(p.default) if type(p.default) in PLAIN else f"default_{values[p.name]}"
            same = p.default is None or type(p.default) is bool or default[:7] == "default"
            tests.append(f"{values[p.name]} {'is' if same else '=='} {default}")
    return where, lines, tests, given


def place_of(k: str, p: Any) -> list[str]:
    """The lines that count the dimensions in an argument from 0 on."""
    kinds = p.type.kinds
    many = [
        f"{k} = tuple(map(places.__getitem__, {k}))",
        f"if not {k} or len(set({k})) < len({k}): {SLOW}",
    ]
    if p.default == ():  # none means all
        many = [many[0] + " or None", f"if {k} and len(set({k})) < len({k}): {SLOW}"]
    elif kinds[0] == "int[]":
        many = [f"if len({k}) == 1: {k} = (places[{k}[0]],)", "else:", *[f"  {x}" for x in many]]
    lists = any(kind.startswith("int[") for kind in kinds)
    one = not lists or "int" in kinds or kinds[0] != "int[]"
    none = p.type.optional or p.default is None
    if not lists:
        return [f"if {k} is not None: {k} = places[{k}]"] if none else [f"{k} = places[{k}]"]
    lines = []
    if one:
        lines += [f"if type({k}) is int: {k} = places[{k}]"]
    word = "elif" if one else "if"
    if none:
        lines += [f"{word} {k} is not None:"]
    elif one:
        lines += ["else:"]
    else:
        return many
    return [*lines, *[f"  {x}" for x in many]]


OWN = re.compile(r"(?<![.\w])(op|impl|direct|floats|Node|pair|core|MISS)\b")
WORD = re.compile(r"(?<![.\w'])[A-Za-z_]\w*\b(?!=[^=])")  # not a keyword, an attribute, a string
READ = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
DIM = re.compile(r"dims?\d*$")


def returned(found: Line) -> list[str]:
    """The results r0 r1 ... of a line."""
    results = ", ".join([f"r{i}" for i in range(found.only or visible(found.op))])
    return [f"  return {results if not found.pair else f'of_values(pair, ({results}))'}"]


def overwrite(op: Op, first: str, count: int, prepared: list[str]) -> list[str]:
    """The result written over the first operand, where no graph, view or mark has to know: by the
    library into that memory if it can: as a ufunc, or by `into(out, arrays, static)` of the
    implementation, which says whether it has.
    """
    nodes = " or ".join([f"n{i} is not None" for i in range(count)])
    lines = [
        f"  if ({nodes}) and (not everyone.off or state.grad): {SLOW}",
        f"  x = {first}._x",
        "  if everyone.running or x is not None and (x.inference or x.base is not None and (",
        f"    x.base._n is not None or x.quiet)): {SLOW}",
        "  try: b = 0 in a0.strides",
        f"  except AttributeError: {SLOW}",
        f"  if b: {SLOW}",
    ]
    for i in range(1, count):  # memory that both lie in, other than as one
        lines += [
            f"  if type(a{i}) is t and a{i} is not a0:",
            f"    b, v = a0.base, a{i}.base",
            "    if b is not None or v is not None:",
            "      if b is None: b = a0",
            f"      if v is None: v = a{i}",
            f"      if b is v or getattr(b, 'base', None) is not None: {SLOW}",
            f"      if getattr(v, 'base', None) is not None: {SLOW}",
        ]
    arrays = ", ".join([f"a{i}" for i in range(count)])
    through = [
        "into = getattr(f, 'into', None)",
        f"if into is None or not into(a0, {', '.join([arrays, *op.static])}):",
        f"  o0 = f({', '.join([arrays, *op.static])})",
        "  if type(o0) is not t: o0 = NS[t].asarray(o0)",
        f"  if o0.dtype is not d or o0.shape != a0.shape: {SLOW}",
        "  a0[...] = o0",
    ]
    if not op.static:
        into = f"if getattr(f, 'nin', 0) == {count}: f({arrays}, a0)"
        through = [into, "else:", *[f"  {x}" for x in through]]
    return [
        *lines,
        f"  f = {'impl' if op.static else 'direct'}[t]",
        f"  if f is None: {SLOW}",
        "  try:",
        *[f"    {x}" for x in (*prepared, *through)],
        f"  except REFUSED: {SLOW}",
        f"  mutated({first})",
        f"  return {first}",
    ]


def needed(tests: list[str]) -> list[str]:
    """Tests without those that others imply: (a or b) beside a; (x is None or a) beside x is not
    None is a.
    """
    alone = {x for t in tests if " or " not in t for x in t.split(" and ")}
    found = []
    for t in dict.fromkeys(tests):
        either = t[1:-1].split(" or ") if t[0] == "(" and t[-1] == ")" else [t]
        none = either[0].endswith(" is None")
        if len(either) == 2 and none and either[0].replace(" is ", " is not ") in alone:
            found.append(either[1])
        elif len(either) == 1 or not alone.intersection(either):
            found.append(t)
    return found
