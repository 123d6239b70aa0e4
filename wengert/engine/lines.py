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
            places = range(a0.ndim) or ZERO
            if type(dim) is int: dim = places[dim]
            elif dim is not None:
              dim = tuple(map(places.__getitem__, dim))
              if not dim or len(set(dim)) < len(dim): return body(self, dim, keepdim, dtype=dtype)
            o0 = f(a0, dim, keepdim)
          except (ValueError, TypeError, LookupError): return body(self, dim, keepdim, dtype=dtype)
          ...

What the library refuses, and all that is not plain, goes to the body, which says what is wrong.
What does not live here: the tests of arguments (`signature.py`), steps of an entry (`entry.py`).
"""

from __future__ import annotations

import re
from itertools import compress
from typing import Any, NamedTuple

from ..base.returns import TYPES, make
from . import views
from .backward_step import build_backward
from .declaration import Overload
from .entry import (
    SHARED,
    call,
    call_all,
    record,
    record_all,
    unwrap,
    unwrap_all,
    view,
    visible,
    wrap,
)
from .op import Op


class Line(NamedTuple):
    """The op of an overload's plain calls.

    floating: only for arrays of float32 and float64. extra: how many dimensions more than the first
    operand the result has, whose dimensions `dim` counts. least: how many dimensions the first
    operand must have. within: the static argument that must lie between 0 and the size of `dim`.
    more_than_one: whether `dim` must have more than one element. let: static arguments as
    expressions of the overload's arguments, the arrays a0 a1 ..., their dtype d and `places`, the
    dimensions (places[-1] is the last). when: what else must hold, an expression too. given:
    what must hold of the arguments for this line to be looked at. fixed: static arguments that the
    overload does not have, with their values. pair: the name of the named tuple that results come
    in, with its fields.
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
    fixed: tuple[tuple[str, Any], ...] = ()
    pair: tuple[str, str] | None = None


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
    pair: str = "",
    fields: str = "values indices",
    **fixed: Any,
) -> Line:
    """The line of an overload (see Line)."""
    named_as = (pair, fields) if pair else None
    values = tuple(fixed.items())
    return Line(
        op, floating, extra, least, within, more_than_one, let or {}, when, given, values, named_as
    )


def text(
    found: Line, o: Overload, values: dict[str, str], careful: str, inplace: bool, number: str
) -> tuple[list[str], list[str], dict[str, Any]]:
    """(further tests of the arguments, lines, what the lines need by name) for the arguments in
    `values`. careful: the call to make in every doubt. number: of the line, in names.
    """
    op, fixed = found.op, dict(found.fixed)
    if not op.built:
        build_backward(op)
    sizes = [p.name for p in o.parameters if p.star]  # f(2, 3) or f((2, 3)): one tuple from here on
    for k in sizes:
        careful = careful.replace(values[k], k)
    slow = f"return {careful}"
    kind = "Tensor[]" if op.variadic else "Tensor"
    count = 1 if op.variadic else len(op.inputs)
    tensors = [p for p in o.parameters if kind in p.type.kinds][:count]
    rest = [p for p in o.parameters if p not in tensors]
    names = [values[p.name] for p in tensors]
    env: dict[str, Any] = {f"fixed_{k}": v for k, v in fixed.items()}
    lines, placed, tests = statics(found, rest, values, slow)
    lines = [f"  {k} = {k} if type_({k}[0]) is int else tuple({k}[0])" for k in sizes] + lines
    lines += unwrap_all(op, names[0], slow) if op.variadic else unwrap(op, names, slow)
    if found.floating and op.types != "float":
        lines.append(f"  if d is not F32 and d is not F64: {slow}")
    if found.least:
        lines.append(f"  if a0.ndim < {found.least}: {slow}")
    prepared = list(placed)
    if placed or "places" in " ".join([*found.let.values(), found.when]):
        zero = " or ZERO" * (op.static.get("dim", 0) is None)
        prepared.insert(
            0, f"places = range(a0.ndim{f' + {found.extra}' * bool(found.extra)}){zero}"
        )
    prepared += [f"{k} = {e}" for k, e in found.let.items()]
    if found.within:
        prepared.append(f"if not 0 <= {found.within} <= a0.shape[dim]: {slow}")
    if found.more_than_one:
        prepared.append(f"if (a0.size if dim is None else a0.shape[dim]) < 2: {slow}")
    if found.when:
        prepared.append(f"if not ({found.when}): {slow}")
    if inplace:
        lines += overwrite(op, names[0], len(op.inputs), prepared, slow)
    elif op.variadic:
        lines += call_all(op, slow, slow, prepared) + wrap(op) + record_all(op, names[0])
        lines += returned(found, env)
    else:
        lines += call(op, slow, slow, prepared) + wrap(op) + record(op) + view(op, names[0])
        lines += returned(found, env)
    env |= {**SHARED, "mutated": views.mutated, "of_values": tuple.__new__, "ZERO": ZERO}
    env |= {"compress": compress, "is_one": (1).__eq__}
    own = {"op": op, "impl": op.impl, "Node": op.node, "pair": env.pop("pair", None)}
    env |= {f"{k}_{number}": v for k, v in own.items()}
    return tests, [OWN.sub(rf"\1_{number}", x) for x in lines], env


# the dimensions that a reduction finds in a 0-d array: none, so that it takes everything
ZERO = {0: None, -1: None}


def statics(
    found: Line, rest: list[Any], values: dict[str, str], slow: str
) -> tuple[list[str], list[str], list[str]]:
    """(lines before the operands are known, lines after, tests) that give the op its static
    arguments from those of the overload.
    """
    op, fixed = found.op, dict(found.fixed)
    rest = list(rest)
    before, after, tests = [], [], []
    for k in op.static:
        if k in fixed:
            before.append(f"  {k} = fixed_{k}")
        if k in fixed or k in found.let:
            continue
        p = next((p for p in rest if p.name == k), None)
        p = rest[0] if p is None else p
        rest.remove(p)
        e, kinds = values[p.name], p.type.kinds
        if p.star:
            e = p.name
        elif kinds[0] == "int[]" and "int" not in kinds and not DIM.match(k):
            e = f"tuple({e})"
        if e != k:
            before.append(f"  {k} = {e}")
        if DIM.match(k):
            after += place_of(k, p, slow)
    if found.given:
        tests.append(found.given)
    words = " ".join([*found.let.values(), found.when, found.given])
    for p in rest:
        if re.search(rf"\b{p.name}\b", words):
            if values[p.name] != p.name:  # not for `given`, which is tested before
                before.append(f"  {p.name} = {values[p.name]}")
            continue
        identical = p.default is None or type(p.default) is bool
        tests.append(f"{values[p.name]} {'is' if identical else '=='} {p.default!r}")
    return before, after, tests


def place_of(k: str, p: Any, slow: str) -> list[str]:
    """The lines that count the dimensions in an argument from 0 on."""
    kinds = p.type.kinds
    many = [
        f"{k} = tuple(map(places.__getitem__, {k}))",
        f"if not {k} or len(set({k})) < len({k}): {slow}",
    ]
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


OWN = re.compile(r"(?<![.\w])(op|impl|Node|pair)\b")
DIM = re.compile(r"dims?\d*$")


def returned(found: Line, env: dict[str, Any]) -> list[str]:
    """The results r0 r1 ... of a line."""
    results = ", ".join([f"r{i}" for i in range(visible(found.op))])
    if found.pair is None:
        return [f"  return {results}"]
    name, fields = found.pair
    if name not in TYPES:
        TYPES[name] = make(name, fields)
    env["pair"] = TYPES[name]
    return [f"  return of_values(pair, ({results}))"]


def overwrite(op: Op, first: str, count: int, prepared: list[str], slow: str) -> list[str]:
    """The result written over the first operand, where no graph, view or mark has to know: by the
    library into that memory if it can.
    """
    nodes = " or ".join([f"n{i} is not None" for i in range(count)])
    lines = [
        f"  if ({nodes}) and (not everyone.off or state.grad): {slow}",
        f"  x = {first}._x",
        "  if everyone.running or x is not None and (x.inference or x.base is not None and (",
        f"    x.base._n is not None or x.quiet)): {slow}",
        "  try: b = 0 in a0.strides",
        f"  except AttributeError: {slow}",
        f"  if b: {slow}",
    ]
    for i in range(1, count):  # memory that both lie in, other than as one
        lines += [
            f"  if type(a{i}) is t and a{i} is not a0:",
            f"    b, v = a0.base, a{i}.base",
            "    if b is None: b = a0",
            f"    if v is None: v = a{i}",
            f"    if b is v or getattr(b, 'base', None) is not None: {slow}",
            f"    if getattr(v, 'base', None) is not None: {slow}",
        ]
    arrays = ", ".join([f"a{i}" for i in range(count)])
    through = [
        f"o0 = f({', '.join([arrays, *op.static])})",
        "if type(o0) is not t: o0 = NS[t].asarray(o0)",
        f"if o0.dtype is not d or o0.shape != a0.shape: {slow}",
        "a0[...] = o0",
    ]
    if not op.static:
        into = f"if getattr(f, 'nin', 0) == {count}: f({arrays}, a0)"
        through = [into, "else:", *[f"  {x}" for x in through]]
    return [
        *lines,
        "  try: f = impl[t]",
        f"  except KeyError: {slow}",
        "  try:",
        *[f"    {x}" for x in (*prepared, *through)],
        f"  except (ValueError, TypeError, LookupError): {slow}",
        f"  mutated({first})",
        f"  return {first}",
    ]
