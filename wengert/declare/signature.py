"""From a declaration to the function that users call.

The function is generated: its parameter list is the declaration, so that Python itself takes the
arguments apart; the text below it looks at their types in the cheapest way and calls the body. What
it is not sure of (NumPy's names, deprecated orders, NumPy's integers, mistakes) goes to `Binder`,
which finds the overload that fits, or raises what PyTorch raises. For x.sum(1):

    def sum(self=ABSENT, dim=ABSENT, keepdim=False, *, dtype=None, **names):
      if not names and type(self) in TENSORS and (dtype is None or type(dtype) is dtype_):
        if dim is ABSENT and keepdim is False: return body(self, dtype=dtype)
        ...
      return bind((self, dim, keepdim), {"dtype": dtype, **names})

What does not live here: the language of declarations (`declaration.py`), the tables
(`registry.py`), and the straight lines that ops have for their commonest calls (`entry.py`,
`fast_paths.py`), which stand in front of the generated function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..base import generated
from ..base.modes import enable_grad, state
from ..engine import native, views
from ..engine.error_context import FAILURES
from ..engine.op import Op
from ..engine.op_modes import ACTIVE, caller, seen_whole
from ..engine.out_argument import write_out
from ..engine.overlap import check_operands
from ..engine.plan import public_name
from ..engine.tensor import Tensor
from .binding import ABSENT, CHECKS, Binder, as_given
from .declaration import Overload, Parameter, layout, other_names, unspread
from .documentation import IN_PLACE, documentation, shown_signature
from .lines import PLAIN, Line, needed
from .lines import text as straight_line
from .out_checks import check_apart, check_dtype, dtype_into, stands_apart
from .refusals import tell
from .registry import Declared

# kinds of callables of one declaration: torch.NAME, Tensor.NAME, Tensor.NAME_, torch.NAME_
FUNCTION, METHOD, INPLACE, INPLACE_FUNCTION = "function", "method", "in place", "in-place function"


def callable_of(d: Declared, name: str, namespace: str = "", method: bool = False) -> Any:
    """The callable of a declared function under one of its names, made at first use."""
    kind = METHOD if method else FUNCTION
    if d.inplace is not None and name.endswith("_") and not d.name.endswith("_"):
        kind = INPLACE if method else INPLACE_FUNCTION
    key = (namespace, name, kind)
    f = d.built.get(key)
    if f is None:
        f = d.built[key] = build(d, name, namespace, kind)
    return f


def build(d: Declared, name: str, namespace: str, kind: str) -> Any:
    inplace = kind in (INPLACE, INPLACE_FUNCTION)
    overloads = overloads_of(d, kind)
    lines = d.lines_for(kind in (METHOD, INPLACE))
    f: Any
    if kind == METHOD and not lines and is_bare(d, overloads):  # nothing to look at: a copy
        b = d.body
        f = FunctionType(b.__code__, b.__globals__, name, b.__defaults__, b.__closure__)
    else:
        if isinstance(d.body, Op) and (not inplace or d.body.kind == "elementwise"):
            lines = tuple([own_line(d.body, o) for o in overloads])
        run = inplace_body(d, name) if inplace else d.run
        f = careful_function(d, name, kind, run, lines, d.whole and d.short is None)
    binder = f.__globals__.get("bind")
    if not inplace and d.short is not None:
        f = d.short(f)
    if d.whole and (d.short is not None or binder is None):
        f = seen_whole(f, d.name)
    if isinstance(binder, Binder):
        binder.public = f
    return dress(f, d, name, namespace, kind, overloads)


def own_line(op: Op, o: Overload) -> Line | None:
    """The line of an overload whose arguments are those of the op behind it."""
    names = [p.name for p in o.parameters]
    fits = names[1:] == body_parameters(op)[0][1:] and not any(p.star for p in o.parameters)
    if op.kind == "composite" or op.variadic or o.parameters[0].keyword or not fits:
        return None
    return Line(op, own=True)


def overloads_of(d: Declared, kind: str) -> tuple[Overload, ...]:
    """The overloads of one of a declaration's callables."""
    if kind == METHOD:
        return d.methods
    if kind == FUNCTION:
        return d.functions
    found = d.methods if kind == INPLACE else d.functions
    return tuple([o._replace(out=False) for o in found])


def careful_function(
    d: Declared, name: str, kind: str, body: Any, lines: Any = (), asks: bool = False
) -> Any:
    """The generated function that calls a body (or goes by the overloads' lines) with what a
    declaration says. asks: whether modes that see it as one are asked first.
    """
    overloads = overloads_of(d, kind)
    # sizes may be spread, f(2, 3): a place of its own if other overloads want the positions
    together = len(overloads) > 1 and any(p.star for o in overloads for p in o.parameters)
    plain = tuple([unspread(o) for o in overloads]) if together else overloads
    calls = [call_of(d, o) for o in plain]
    said = f"{d.namespace}_{name}" if d.namespace in ("linalg", "fft", "special") else name
    binder = Binder(said, overloads, calls, body, d.foreign, kind in (METHOD, INPLACE))
    inplace = kind in (INPLACE, INPLACE_FUNCTION)
    more = together or any(o.old for o in overloads)  # which may want more positions
    seen = d.name if asks else ""
    return parser(name, plain, calls, body, binder, d.foreign, more, lines, inplace, seen)


def is_bare(d: Declared, overloads: tuple[Overload, ...]) -> bool:
    """Whether a method takes nothing but self, and so does its body."""
    if len(overloads) > 1 or isinstance(d.body, Op) or hasattr(d.body, "__wrapped__"):
        return False
    positions, *rest = body_parameters(d.body)
    return len(overloads[0].parameters) == len(positions) == 1 and rest == [[], None, False]


def body_parameters(body: Any) -> tuple[list[str], list[str], str | None, bool]:
    """What a body takes by position, by keyword only, as *name, and whether it takes **names."""
    if isinstance(body, Op):
        names = [public_name(body, i) for i in body.inputs]
        return [*names, *body.static], ["out"], None, False
    while hasattr(body, "__wrapped__"):
        body = body.__wrapped__
    code = body.__code__
    names = code.co_varnames
    n, k = code.co_argcount, code.co_kwonlyargcount
    star = names[n + k] if code.co_flags & inspect.CO_VARARGS else None
    any_names = bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return list(names[:n]), list(names[n : n + k]), star, any_names


class Call:
    """How a body is called with the arguments of one overload."""

    __slots__ = ("apart", "keywords", "out", "positions", "star", "unused", "words")

    def __init__(self) -> None:
        self.positions: list[str] = []  # names of arguments, in the body's order
        self.keywords: list[tuple[str, str]] = []  # (the body's name, the argument's)
        self.star: str | None = None
        self.out: str | None = None  # "own": the body takes out=; "derived": it does not
        self.unused: list[Parameter] = []  # what the body does not know
        self.words = ""  # what is said of out=
        self.apart = False  # whether out= must not overlap the operands in part

    def __call__(self, body: Any, values: dict[str, Any], out: Any, name: str) -> Any:
        out = values.get("out", out)
        args = [values[p] for p in self.positions]
        if self.star is not None:
            args += values[self.star]
        kw = {k: values[v] for k, v in self.keywords}
        if self.apart and out is not None:
            check_apart(name, out, args, self.words)
        if self.out == "own":
            kw["out"] = out
        elif "computed" in self.words:
            kw["dtype"] = dtype_into(kw["dtype"], out)
        elif out is not None:
            check_dtype(values.get("dtype"), out)
        r = body(*args, **kw)
        if out is None or self.out == "own":
            return r
        return write_out(name, r, out, self.words)


def call_of(d: Declared, o: Overload) -> Call:
    """How the body is called for an overload."""
    call = Call()
    call.words = d.out
    positions, keywords, star, anything = body_parameters(d.body)
    given = {p.name: p for p in o.parameters}
    for p, theirs in zip(o.positional, positions):  # the body has its own names for some
        if not p.star and p.name not in (*positions, *keywords) and theirs not in given:
            given[theirs] = p
    used: set[str] = set()
    by_position = True
    for own in positions:
        if own not in given:
            by_position = False
        elif given[own].name not in used:
            used.add(given[own].name)
            if by_position:
                call.positions.append(given[own].name)
            else:
                call.keywords.append((own, given[own].name))
    for own in keywords:
        if own in given:
            used.add(own)
            call.keywords.append((own, own))
    if anything and "out" not in given:
        more = [p for p in o.parameters if p.name not in used and not p.star]
        call.positions += [p.name for p in more if star and not p.keyword]
        call.keywords += [(p.name, p.name) for p in more if not star or p.keyword]
        used.update([p.name for p in more])
    rest = next((p for p in o.parameters if p.name not in used and not p.keyword), None)
    if star is not None and rest is not None:
        used.add(rest.name)
        if rest.star and not rest.type.kinds[0].startswith("int"):
            call.star = rest.name
        else:
            call.positions.append(rest.name)
    if o.out:
        call.out = "own" if "out" in keywords or "out" in positions else "derived"
        looked = call.out == "own" and isinstance(d.body, Op) and d.body.kind == "elementwise"
        call.apart = not looked and stands_apart(d.name, d.out)  # such an op looks itself
    call.unused = [p for p in o.parameters if p.name not in used]
    if any(p.name == "out" for p in call.unused):  # an out= that may be given by position
        call.out, call.apart = "derived", stands_apart(d.name, d.out)
        call.unused = [p for p in call.unused if p.name != "out"]
    return call


def parser(
    name: str,
    overloads: tuple[Overload, ...],
    calls: list[Call],
    body: Any,
    binder: Binder,
    foreign: bool,
    more: bool,
    lines_of: tuple[Any, ...] = (),
    inplace: bool = False,
    seen: str = "",
) -> Callable[..., Any]:
    """The generated function of a declaration; more: it takes further positions, which are looked
    at by the binder only. seen: the name under which modes see it as one.
    """
    fresh = [i for i, o in enumerate(overloads) if not o.old]
    slots, keywords, star = layout([overloads[i] for i in fresh])
    out = any(overloads[i].out for i in fresh)
    binder.slots = tuple(slots)
    binder.defaults = {**slots, **keywords}
    env: dict[str, Any] = {"__name__": "wengert.declare.signature", **CHECKS}
    word = "body"
    if native.recall is not None and not inplace and type(body) is FunctionType:
        word, env["recall"] = "recall", native.recall(body)
    env.update(ABSENT=ABSENT, body=body, bind=binder, check_apart=check_apart, write_out=write_out)
    env.update(dtype_into=dtype_into, check_dtype=check_dtype)
    env.update(FAILURES=FAILURES, tell=tell)
    head = []
    for table in (slots, keywords):
        for n, default in table.items():
            env[f"default_{n}"] = default
            value = repr(default) if type(default) in PLAIN else f"default_{n}"
            head.append(f"{n}={'ABSENT' if default is ABSENT else value}")
        if table is slots:
            rest = star or "more" * more
            head += [f"*{rest}"] if rest else ["*"] * bool(keywords or out)
    head += ["out=None"] * out
    aliases = bool(other_names(overloads, foreign)) or len(overloads) > 1 or bool(star)
    head += ["**names"] * aliases
    lines = [f"def {name}({', '.join(head)}):", " try:"]
    indent, sizes = "  ", spread_sizes(binder.overloads) if more else ""
    if sizes:
        ints = "not more or type_(more[0]) is int"
        ints += " and (len(more) == 1 or INTS.issuperset(map_(type_, more)))"
        lines.append(f"  spread = type_({sizes}) is int and ({ints})")
        lines.append(f"  if spread: {sizes} = ({sizes},) + more; more = ()")
    if aliases:
        lines.append("  if not (names or more):" if more else "  if not names:")
        indent = "    "
    given = [f"{n!r}: {n}" for n in keywords] + ["'out': out"] * out + ["**names"] * aliases
    firsts = {check(overloads[i].positional[0], next(iter(slots))) for i in fresh if slots}
    own = None if len(fresh) == 1 else firsts if len(firsts) == 1 else set()
    positions = "".join(f"{n}, " for n in slots)
    positions += f"*{rest}, " if rest else ""
    asked = f"({positions}), {{{', '.join(given)}}})"  # what was given by position, by keyword
    other = f"bind({asked}"
    if seen:
        env.update(ACTIVE=ACTIVE, caller=caller, shown=as_given, slots=slots, keywords=keywords)
        lines[1:1] = [
            f" if ACTIVE and (whole := caller({seen!r})) is not None:",
            f"  return shown(whole, {seen!r}, {name}, slots, keywords, {asked}",
        ]
    for i in fresh:
        if not star or any(p.star for p in overloads[i].parameters):
            some = lines_of[i] if i < len(lines_of) else None
            some = (some,) if isinstance(some, Line) else some or ()
            if native.find is not None:
                some = [x for x in some if not x.alone]
            if inplace:
                some = [x for x in some if not (x.op.view or x.op.many or x.op.variadic)]
            at = [(x, other, inplace, f"{i}_{j}") for j, x in enumerate(some)]
            found = branch(
                name, overloads[i], calls[i], slots, keywords, star, out, at, env, own, sizes, word
            )
            lines += [indent + x for x in found]
    lines.append(f"  return {other}")
    shown = ", ".join([f"{n!r}: {n}" for n in (*slots, *([rest] if rest else ()))])
    told = f"tell({name!r}, e, {{{shown}}}{', out' * out})"
    conditions = " ".join(
        x.given for i in lines_of for x in ((i,) if isinstance(i, Line) else i or ())
    )
    if read := [n for n in slots if f"{n}._a" in conditions]:  # of arguments nobody has looked at
        tensors = " and ".join([f"hasattr({n}, {chr(34)}_a{chr(34)})" for n in read])
        lines += [" except AttributeError as e:", f"  if {tensors}: {told}; raise"]
        lines += [f"  return {other}"]
    lines += [" except FAILURES as e:", f"  {told}", "  raise"]
    f = generated.functions(f"signature of {name} {id(body):x}", lines, env)[name]
    again = (name, overloads, calls, body, binder, foreign, more, lines_of, inplace, seen)
    return native.remakable(f, lambda: parser(*again))


def spread_sizes(overloads: tuple[Overload, ...]) -> str:
    """The argument that ints by position are for, f(2, 3), if no overload takes one int there."""
    found = [(i, p) for o in overloads for i, p in enumerate(o.positional) if p.star]
    if len(found) != 1 or found[0][1].type.kinds != ("int[]",):
        return ""
    at, sizes = found[0]
    others = [o.positional[at] for o in overloads if len(o.positional) > at]
    return "" if any("int" in p.type.kinds for p in others) else sizes.name


def branch(
    name: str,
    o: Overload,
    call: Call,
    slots: dict[str, Any],
    keywords: dict[str, Any],
    star: str | None,
    out: bool,
    straight_to: list[Any],
    env: dict[str, Any],
    own: set[str] | None,
    sizes: str,
    called: str,
) -> list[str]:
    """The lines that call the body, under the name `called`, if the arguments are plainly those of
    an overload. own: the tests that straight lines may make by themselves, since no other overload
    wants another outcome; None: all, where there is no other. sizes: the argument that is surely
    ints if `spread`.
    """
    if any(p.required for p in call.unused):
        return []  # the binder says that it is not supported
    tests, known, renamed = [], set(), {}
    places = [p for p in o.positional if not p.star]
    order = list(slots)
    for i, p in enumerate(places):
        slot = order[i]
        known.add(slot)
        renamed[p.name] = slot
        if slots[slot] is ABSENT and not p.required:
            tests.append(f"({slot} is ABSENT or {check(p, slot)})" if check(p, slot) else "")
        elif slots[slot] is ABSENT or slots[slot] != p.default or check(p, slot):
            tests.append(check(p, slot) or f"{slot} is not ABSENT")
    prepare = []
    for p in o.parameters:
        if p.keyword:
            slot = p.name
            known.add(slot)
            renamed[p.name] = slot
            if slot in slots:
                pass
            absent = {**slots, **keywords}[slot] is ABSENT
            if absent and not p.required:
                tests.append(f"({slot} is ABSENT or {check(p, slot)})" if check(p, slot) else "")
            else:
                tests.append(check(p, slot) or (f"{slot} is not ABSENT" if absent else ""))
        elif p.star:
            known.add(p.name)
            prepare.append(p)
    for n, default in {**slots, **keywords}.items():
        if n not in known:
            word = repr(default) if default is None or type(default) is bool else f"default_{n}"
            tests.insert(0, f"{n} is ABSENT" if default is ABSENT else f"{n} is {word}")
    if star and star not in known:
        tests.append(f"not {star}")
    for p in call.unused:
        tests.append(unused_test(p, renamed.get(p.name, p.name)))
    if out and not o.out:
        tests.append("out is None")
    lines = []
    for p in prepare:
        n = p.name
        if p.type.kinds[0].startswith("int"):
            tests.append(f"{n} and (len({n}) == 1 or INTS.issuperset(map_(type_, {n}))"
                         f" if type_({n}[0]) is int else"
                         f" len({n}) == 1 and type_({n}[0]) in SEQUENCES and"
                         f" INTS.issuperset(map_(type_, {n}[0])))")  # fmt: skip
    if sizes:
        tests = [f"(spread or {t})" if t.find(f"type_({sizes}) in SEQ") == 1 else t for t in tests]
    tests = [t for t in tests if t]
    operands = {check(p, renamed.get(p.name, p.name)): p.name for p in o.parameters}
    values = {}
    for p in o.parameters:
        slot = renamed.get(p.name, p.name)
        if p.star and p.type.kinds[0].startswith("int"):
            values[p.name] = f"({slot} if type_({slot}[0]) is int else {slot}[0])"
            continue
        default = {**slots, **keywords}.get(slot)
        if default is ABSENT and not p.required:
            shown = repr(p.default) if type(p.default) in PLAIN else f"{p.default!r}"
            values[p.name] = f"({shown} if {slot} is ABSENT else {slot})"
        else:
            values[p.name] = slot
    words = [values[n] for n in call.positions]
    if call.star is not None:
        words.append(f"*{call.star}")
    words += [f"{k}={values[v]}" for k, v in call.keywords]
    if call.out == "own":
        words.append("out=out")
    run = f"{called}({', '.join(words)})"
    given = "".join([values[n] + ", " for n in call.positions])
    refuse = f"check_apart({name!r}, out, ({given}), {call.words!r})"
    apart = [f"  if out is not None: {refuse}"] if call.apart and call.out else []
    condition = " and ".join(tests) or "True"
    for line, other, inplace, number in straight_to:
        found = straight_line(line, o, values, run, other, inplace, number)
        mine = [
            t for t in tests if operands.get(t) not in found.tested or not (own is None or t in own)
        ]
        if own is None and line.op.variadic:
            mine += [f"type_({n}) in SEQUENCES" for n in found.tested]
        mine = needed([*mine, *found.tests, *["out is None"] * o.out])
        if found.first:  # machine code looks at lists of ints itself
            early = [found.lists.get(operands.get(t, ""), t) for t in mine]
            lines += [f"if {' and '.join(early) or 'True'}:", *found.first]
        lines.append(f"if {' and '.join(mine) or 'True'}:")
        lines += found.lines
        env.update(found.names)
    if call.out == "derived":
        into = run
        if "computed" in call.words:
            slot = values["dtype"]
            into = run.replace(f"dtype={slot}", f"dtype=dtype_into({slot}, out)")
        write = f"write_out({name!r}, {into}, out, {call.words!r})"
        lines += [f"if {condition}:", f"  if out is None: return {run}", *apart]
        if "dtype" in values and "computed" not in call.words:
            lines.append(f"  check_dtype({values['dtype']}, out)")
        lines.append(f"  return {write}")
    else:
        # the return has a line of its own: tracebacks show it
        lines += [f"if {condition}:", *apart, f"  return {run}"]
    return lines


def unused_test(p: Parameter, slot: str) -> str:
    """The test that an argument which the body does not know says nothing."""
    if p.name == "pin_memory":
        return f"not {slot}"
    if p.name == "non_blocking":
        return ""
    if p.name == "layout":
        return f"({slot} is None or {slot} is strided)"
    if p.name == "memory_format":
        return ""
    if p.default is None or type(p.default) is bool:
        return f"{slot} is {p.default}"
    return f"{slot} == {p.default!r}"


def check(p: Parameter, slot: str) -> str:
    """The cheapest test that an argument plainly is of its type; empty where all is taken."""
    if p.name == "pin_memory":
        return f"not {slot}"
    tests = []
    for kind in p.type.kinds:
        test = TESTS.get(kind)
        if test is None and kind.endswith("]"):
            base = kind[: kind.index("[")]
            test = LISTS[base]
            if kind[-2] != "[":
                test = f"({test} or {TESTS[base]})"
        if not test:
            return ""
        tests.append(test.replace("?", slot))
    if p.type.optional:
        tests.insert(0, f"{slot} is None")
    return f"({' or '.join(tests)})" if len(tests) > 1 else tests[0]


TESTS: dict[str, str] = {
    "Tensor": "type_(?) in TENSORS",
    "int": "type_(?) is int",
    "float": "type_(?) in REALS",
    "bool": "(? is False or ? is True)",
    "str": "type_(?) is str",
    "complex": "type_(?) in NUMBERS",
    "Scalar": "type_(?) in NUMBERS",
    "ScalarType": "type_(?) is dtype_",
    "Device": "type_(?) in DEVICES",
    "Layout": "type_(?) is layout_",
    "MemoryFormat": "type_(?) is memory_format_",
    "Generator": "",
    "any": "",
    "Stream": "",
    "Storage": "",
}
LISTS: dict[str, str] = {
    "int": "(type_(?) in SEQUENCES and INTS.issuperset(map_(type_, ?)))",
    "float": "(type_(?) in SEQUENCES and REALS.issuperset(map_(type_, ?)))",
    "Scalar": "(type_(?) in SEQUENCES and NUMBERS.issuperset(map_(type_, ?)))",
    "bool": "(type_(?) in SEQUENCES)",
    "Tensor": "(type_(?) in SEQUENCES and TENSORS.issuperset(map_(type_, ?)))",
    "Tensor?": "(type_(?) in SEQUENCES)",
    "str": "(type_(?) in SEQUENCES)",
    "any": "(type_(?) in SEQUENCES)",
}


# ------------------------------------------------------------------------------------- in place


def inplace_body(d: Declared, name: str) -> Any:
    """The body of NAME_, from the body of NAME."""
    f, several, apart = d.run, not isinstance(d.body, Op), stands_apart(d.name, d.out)
    said = d.inplace or frozenset()
    exact, unrecorded, typed = "exact" in said, "unrecorded" in said, "typed" in said
    separate, expanded = "separate" in d.out, "expanded" in said
    if "view" in said:

        def body(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            views.check_inplace(self, name, True)
            if state.grad or self.is_leaf:
                views.become(self, f(self, *args, **kwargs))
            else:  # what has a history keeps it, also where nothing is recorded
                with enable_grad():
                    views.become(self, f(self, *args, **kwargs))
            views.mutated(self)
            return self

    else:

        def body(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if typed and kwargs.get("dtype") not in (None, self.dtype):
                raise RuntimeError(
                    f"{name}: Bad in-place call: input tensor dtype {self.dtype} and output tensor"
                    f" dtype {kwargs['dtype']} should match"
                )
            if apart and args:
                check_operands(self, name, args, separate)
            x = self
            if several and state.grad and recorded(self, args, kwargs):
                x = standin(self)  # several ops may save self, which is about to be overwritten
            result = f(x, *args, **kwargs)
            return views.inplace(self, name, result, False, args, exact, unrecorded, expanded)

    return body


def recorded(self: Tensor, args: Any, kwargs: Any) -> bool:
    """Whether an operation on these would be recorded."""
    return self._n is not None or any(
        [isinstance(a, Tensor) and a._n is not None for a in (*args, *kwargs.values())]
    )


def standin(self: Tensor) -> Tensor:
    """A copy of self's values in self's place in the graph."""
    from ..arrays.lookup import namespace
    from ..engine.tensor import wrap

    return wrap(namespace(self._a).copy(self._a), self._n)


# ------------------------------------------------------------------------------ what users read


def dress(
    f: Any, d: Declared, name: str, namespace: str, kind: str, overloads: tuple[Overload, ...]
) -> Any:
    """Give a callable the name, the signature and the documentation that users look for."""
    f.__name__ = name
    method = kind in (METHOD, INPLACE)
    f.__qualname__ = f"Tensor.{name}" if method else name
    f.__module__ = f"wengert.{namespace}" if namespace else "wengert"
    f.__signature__ = shown_signature(overloads, d.foreign)
    source = d.body.fwd if isinstance(d.body, Op) else d.body
    f.__wrapped__ = source
    doc = d.body.doc if isinstance(d.body, Op) else d.body.__doc__
    inplace = kind in (INPLACE, INPLACE_FUNCTION)
    path = f.__qualname__ if method or not namespace else f"{namespace}.{name}"
    if inplace:
        changed = overloads[0].parameters[0].name
        said = f"{name[:-1]}() {IN_PLACE}{changed}."
        doc = f"{said}\n\n{inspect.cleandoc(doc or '').partition('>>> ')[0]}"
    known = (path, name) if inplace else (path, name, f"{d.namespace}.{d.name}".lstrip("."))
    own = "" if inplace else d.name
    f.__doc__ = documentation(name, overloads, doc, known, own, kind == METHOD, d.body)
    f.declared = d
    if isinstance(d.body, Op) and kind in (FUNCTION, METHOD):
        f.op = d.body
    return f
