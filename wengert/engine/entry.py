"""The eager entry of an op: one straight line of code for its commonest calls, generated.

What makes a small operation cheap is that nothing is looped over or looked up that is known when
the op is declared. Each function below writes the lines of one step; whatever is unusual (mixed
dtypes or devices, odd numbers, interpreters, modes, out=) leaves for `dispatch.slow`, which knows
the general way. For `mul` the text is

    def mul(input, other, *, out=None):
      if out is not None: return slow(op, (input, other, ), {}, out)
      try:
        a0 = input._a; n0 = input._n; d = a0.dtype; t = type(a0)
      except AttributeError: return slow(op, (input, other, ), {}, out)
      if isinstance(other, Tensor):
        a1 = other._a; n1 = other._n
        if a1.dtype is not d or type(a1) is not t:
          if type(a1) is not t: return slow(op, (input, other, ), {}, out)
          if (d is F32 or d is F64) and a1.dtype in WHOLE:
            a1 = NS[t].astype(a1, d)
          elif d in WHOLE and (a1.dtype is F32 or a1.dtype is F64):
            d = a1.dtype; a0 = NS[t].astype(a0, d)
          else: return slow(op, (input, other, ), {}, out)
      else:
        s = type(other)
        if s is float and (d is F32 or d is F64) or s is int and (d is F32 or d is F64 or d is I64):
          a1 = number[t](other, d); n1 = None
        else: return slow(op, (input, other, ), {}, out)
      if d is not F32 and (d is BF16 or (d is F16) and a0.size > 4095): return slow(op, (input, other, ), {}, out)
      try: f = (direct if a0.flags.c_contiguous else impl)[t]
      except AttributeError: f = impl[t]
      if f is None: return slow(op, (input, other, ), {}, out)
      try: o0 = f(a0, a1)
      except REFUSALS as e: raise explain(op, (a0, a1, ), e) from None
      if type(o0) is not t: o0 = NS[t].asarray(o0)
      r0 = next(empty_tensors); r0._a = o0; r0._n = None
      r0._x = everyone.mark
      if (n0 is not None or n1 is not None) and (not everyone.off or state.grad):
        n = Node()
        n.parents = (n0, n1, )
        n.saved = (a1, a0, )
        n.seq = tick(); n.hooks = n.more = None
        fr = frame(1); c = fr.f_code
        if c is not latest.code:
          if INTERNAL[c.co_filename]:
            while INTERNAL[c.co_filename] and (up := fr.f_back): fr = up; c = fr.f_code
          else: latest.code = c
        n.code = c; n.lasti = fr.f_lasti
        n.shape = o0.shape; n.dtype = o0.dtype; r0._n = n
      return r0
"""  # noqa: E501

from __future__ import annotations

import itertools
import operator
import sys
import weakref
from collections.abc import Callable
from typing import Any

from ..arrays.lookup import HOSTED, NS, NUMBER, SCALARS
from ..base import dtypes, generated
from ..base.frames import INTERNAL, LAST
from ..base.modes import everyone, state
from . import dispatch, native, op_modes, views
from .backward_step import build_backward
from .error_context import REFUSALS, explain
from .node import Slot, tick
from .op import Op
from .op_modes import ACTIVE
from .out_argument import write_out
from .plan import DTYPE, INPUT, OUTPUT, REST, SHAPE, Origin, public_name
from .tensor import Tensor

SHARED: dict[str, Any] = dict(
    Tensor=Tensor,
    new=object.__new__,
    # next(empty_tensors) is new(Tensor) without a tuple of arguments; Tensor() is for users
    empty_tensors=itertools.starmap(object.__new__, itertools.repeat((Tensor,))),
    state=state,
    everyone=everyone,
    tick=tick,
    frame=sys._getframe,
    INTERNAL=INTERNAL,
    latest=LAST,
    number=NUMBER,
    SCALARS=SCALARS,
    slow=dispatch.slow,
    NS=NS,
    map_=map,
    array_of=operator.attrgetter("_a"),
    node_of=operator.attrgetter("_n"),
    shape_of=operator.attrgetter("shape"),
    dtype_of=operator.attrgetter("dtype"),
    Slot=Slot,
    register=views.register,
    View=views.View,
    Viewed=views.Viewed,
    ref=weakref.ref,
    explain=explain,
    REFUSALS=REFUSALS,
    F32=dtypes.float32.np,
    F64=dtypes.float64.np,
    I64=dtypes.int64.np,
    RARE=frozenset([d.np for some in dtypes.RARE.values() for d in some]),
    WHOLE=frozenset([x.np for x in dtypes.ALL if x.category == dtypes.INTEGRAL]),
    F16=dtypes.float16.np,
    BF16=dtypes.bfloat16.np,
    C32=dtypes.complex32.np,
    C64=dtypes.complex64.np,
    C128=dtypes.complex128.np,
    BOOL=dtypes.bool.np,
    U64=dtypes.uint64.np,
    ACTIVE=ACTIVE,
    HOSTED=HOSTED,
    le=operator.le,
    REFUSED=(*REFUSALS, LookupError, OverflowError),
)  # what the texts of all ops use


def build_entry(op: Op) -> Callable[..., Any]:
    """The function users call: op(inputs..., static..., *, out=None)."""
    if op.kind == "composite":
        return composite_entry(op)
    if not op.built:
        build_backward(op)
    if op.variadic:
        return variadic_entry(op)
    names = [public_name(op, i) for i in op.inputs]
    static = list(op.static)
    parameters = [f"{p}=None" if i in op.optional else p for p, i in zip(names, op.inputs)]
    parameters += [f"{k}=default_{k}" for k in static]
    given = "{" + ", ".join([f"{k!r}: {k}" for k in static]) + "}"
    slow = f"return slow(op, {group(names)}, {given}, out)"
    lines = [f"def {op.name}({', '.join(parameters)}, *, out=None):"]
    lines.append(f"  if out is not None: {slow}")
    env: dict[str, Any] = {f"default_{k}": v for k, v in op.static.items()}
    lines += native.ask(op, names, env)
    lines += unwrap(op, names, slow) + call(op, slow, "")
    lines += wrap(op) + record(op) + view(op, names[0]) + result(op)
    return native.remakable(finished(op, lines, env), lambda: build_entry(op))


def build_item(op: Op, careful: Callable[..., Any], sliced: Op | None = None) -> Callable[..., Any]:
    """x[2] as a line, and x[1:] and x[1:3] by the op `sliced`; `careful` takes every other key,
    and what the library refuses.
    """
    if not op.built:
        build_backward(op)
    slow = "return careful(self, key)"
    env: dict[str, Any] = {"careful": careful, "ENDS": (int, type(None))}
    lines = [f"def {op.name}(self, key):"]
    if sliced is None:
        lines += [
            f"  if key.step is not None: {slow}",
            "  start, stop = key.start, key.stop",
            f"  if start is stop or type(start) not in ENDS or type(stop) not in ENDS: {slow}",
            "  key = (key,)",
        ]
    else:
        env["by_slice"] = build_item(sliced, careful)
        other = "return (by_slice if type(key) is slice else careful)(self, key)"
        lines += [f"  if type(key) is not int: {other}", *native.ask(op, ["self"], env)]
    lines += unwrap(op, ["self"], slow) + call(op, slow, slow)
    lines += wrap(op) + record(op) + view(op, "self") + result(op)
    f = finished(op, lines, env)
    f.__doc__ = careful.__doc__
    return native.remakable(f, lambda: build_item(op, careful, sliced))


def build_parts(op: Op) -> Callable[..., Any]:
    """f(self, keys): the op's views of one tensor at many keys, as a tuple."""
    if not op.built:
        build_backward(op)
    slow = "return tuple([op.entry(self, key) for key in keys])"
    asked: dict[str, Any] = {}
    start = [f"def {op.name}_parts(self, keys):"]
    start += native.ask(op, ["self", "keys"], asked, native.Kind(parts=True), [])
    start += unwrap(op, ["self"], slow)
    start += ["  f = impl[t]", f"  if f is None: {slow}", "  parts = []"]
    node = record(op)
    if node:  # all are made at one place
        where = place()[1:]
        start += [f"  recorded = {node[0].strip()[3:-1]}", "  if recorded:", *where]
        start[-1] = "    at = fr.f_lasti"
        node = ["  if recorded:", *[x for x in node[1:] if x not in where]]
        node.insert(-1, "    n.code = c; n.lasti = at")
    start.append("  for key in keys:")
    each = ["  o0 = f(a0, key)", *wrap(op), *node, *view(op, "self", True), "  parts.append(r0)"]
    lines = [*start, *[f"  {x}" for x in each], "  return tuple(parts)"]
    names = {**SHARED, **own(op), **asked}
    f = generated.functions(f"parts by {op.name}", lines, names)[f"{op.name}_parts"]
    return native.remakable(f, lambda: build_parts(op))


def group(names: list[str]) -> str:
    """The text of a tuple."""
    return "(" + "".join([name + ", " for name in names]) + ")"


def unwrap(
    op: Op, names: list[str], slow: str, other: str = "", write: bool = False, mixed: bool = True
) -> list[str]:
    """Arrays a0 a1 ..., nodes n0 n1 ..., dtype d and array type t of plain operands. other: what to
    do with operands that are no Tensors (default: what is done with all that are not plain). write:
    whether the first is written to. mixed: whether one may hold whole numbers beside another.
    """
    other = other or slow
    lines = ["  try:"]
    lines.append(f"    a0 = {names[0]}._a; n0 = {names[0]}._n; d = a0.dtype; t = type(a0)")
    lines.append(f"  except AttributeError: {other}")
    if op.types == "float" or op.inexact:
        lines.append(f"  if d is not F32 and d is not F64: {slow}")
    promotes = op.types in ("promote", "float")
    for i, p in enumerate(names[1:], 1):
        same = f"a{i}.dtype is not d or " if op.types != "any" else ""
        lines.append(f"  if isinstance({p}, Tensor):")
        lines.append(f"    a{i} = {p}._a; n{i} = {p}._n")
        if (
            promotes and mixed and len(names) == 2
        ):  # of whole numbers and others the dtype of the others
            lines += [
                "    if a1.dtype is not d or type(a1) is not t:",
                f"      if type(a1) is not t: {slow}",
                "      if (d is F32 or d is F64) and a1.dtype in WHOLE:",
                "        a1 = NS[t].astype(a1, d)",
            ]
            if op.types == "promote" and not write:
                lines += [
                    "      elif d in WHOLE and (a1.dtype is F32 or a1.dtype is F64):",
                    "        d = a1.dtype; a0 = NS[t].astype(a0, d)",
                ]
            lines.append(f"      else: {slow}")
        else:
            lines.append(f"    if {same}type(a{i}) is not t: {slow}")
        if op.inputs[i] in op.optional:
            lines.append(f"  elif {p} is None: a{i} = n{i} = None")
        if promotes and len(names) == 2 and not op.tensors_only:
            weak = "s is float and (d is F32 or d is F64) or"
            weak += " s is int and (d is F32 or d is F64 or d is I64)"
            number = p if op.keeps_numbers else f"number[t]({p}, d)"
            lines += [
                "  else:",
                f"    s = type({p})",
                f"    if {weak}:",
                f"      a{i} = {number}; n{i} = None",
            ]
            if other != slow:
                lines.append(f"    elif s not in SCALARS: {other}")
            lines.append(f"    else: {slow}")
        else:
            lines.append(f"  else: {other}")
    if op.types == "float" or op.inexact:
        return lines
    odd = []
    if op.rounds:
        odd = ["BF16", "F16"]
    elif promotes:  # its Python scalars are not weak, its library functions few
        odd = ["BF16"]
    tests = [f"d is {x}" for x in (*odd, *(("C64", "C128", "C32") if op.real else ()))]
    if op.kind == "elementwise":  # of half precision much is soonest done in one pass
        large = [f"d is {x}" for x in ("BF16", "F16") if x not in odd]
        tests += [f"({' or '.join(large)}) and a0.size > 4095"] * bool(large)
    if op.lacks:
        lines.append(f"  if d is not F32 and d is not F64 and d is not I64 and d in RARE: {slow}")
    if tests:
        plain = "d is not F32" + " and d is not F64" * bool(op.real)
        lines.append(f"  if {plain} and ({' or '.join(tests)}): {slow}")
    return lines


def call(op: Op, slow: str, refused: str, prepared: list[str] | None = None) -> list[str]:
    """The outputs o0 o1 ... of the implementation. refused: what to do if it does not like the
    arguments; "": explain and raise. prepared: lines before it, which may fail in the same way.
    """
    arrays = [f"a{i}" for i in range(len(op.inputs))]
    outs = ", ".join([f"o{i}" for i in range(len(op.names))])
    lines = [table(op), f"  if f is None: {slow}"]
    if op.kind == "elementwise" and len(arrays) == 2 and not op.static:
        lines = [
            "  try: f = (direct if a0.flags.c_contiguous else impl)[t]",
            "  except AttributeError: f = impl[t]",
            f"  if f is None: {slow}",
        ]
    run = f"{outs} = f({', '.join([*arrays, *op.static])})"
    lines += (
        ["  try:", *[f"    {x}" for x in prepared], f"    {run}"] if prepared else [f"  try: {run}"]
    )
    if refused:
        lines.append(f"  except REFUSED: {refused}")
    else:
        explained = f"raise explain(op, {group(arrays)}, e) from None"
        lines.append(f"  except REFUSALS as e: {explained}")
    return lines


def table(op: Op) -> str:
    """The line that finds the implementation: where results lie in C order, the one whose results
    wrap() puts in it; where there are float32 and float64 alone, the one for these.
    """
    one = op.kind == "elementwise" and len(op.inputs) == 1 and not op.static
    floats = one and (op.types == "float" or op.inexact)
    return f"  f = {'direct' if op.in_order else 'floats' if floats else 'impl'}[t]"


def wrap(op: Op) -> list[str]:
    """The visible outputs as Tensors r0 r1 ..."""
    lines = []
    for i in range(len(op.names)):
        word = "if"
        if len(op.names) == 1 or op.many and i < visible(op):  # scalars stand for 0-d arrays
            none = f" and o{i} is not None" * op.many
            lines.append(f"  if type(o{i}) is not t{none}: o{i} = NS[t].asarray(o{i})")
            word = "elif"
        if op.in_order:
            ours = f"type(o{i}) is t and " * (len(op.names) > 1)
            plain, put = f"o{i}.flags.c_contiguous", f"contiguous(o{i})"
            if op.channels_last:
                first = ["a0", "a1"][: op.deciding]
                plain = " and ".join([plain, *[f"{a}.flags.c_contiguous" for a in first]])
                put = f"formatted(o{i}, {op.channels_last}, {group(first)})"
            lines.append(f"  {word} {ours}t in HOSTED and not ({plain}): o{i} = NS[t].{put}")
    for i in range(visible(op)):
        lines.append(f"  r{i} = next(empty_tensors); r{i}._a = o{i}; r{i}._n = None")
        lines.append(f"  r{i}._x = everyone.mark")
    return lines


def visible(op: Op) -> int:
    """How many outputs users see."""
    return max(1, len(op.outputs))


def record(op: Op) -> list[str]:
    """The node, as recording.record() makes it."""
    wanted = op.plan.wanted
    if True not in wanted:
        return []
    nodes = " or ".join([f"n{i} is not None" for i, w in enumerate(wanted) if w])
    lines = [
        f"  if ({nodes}) and (not everyone.off or state.grad):",
        "    n = Node()",
        f"    n.parents = {group([f'n{i}' if w else 'None' for i, w in enumerate(wanted)])}",
        f"    n.saved = {group([value(o) for o in op.plan.saved])}",
        *place(),
    ]
    if not op.many:
        return [*lines, "    n.shape = o0.shape; n.dtype = o0.dtype; r0._n = n"]
    each = range(len(op.graded))
    lines.append(f"    n.shape = {group([f'o{i}.shape' for i in each])}")
    lines.append(f"    n.dtype = {group([f'o{i}.dtype' for i in each])}")
    for i, name in enumerate(op.graded):
        if name not in op.integer:
            lines += [  # as Slot() does
                f"    q{i} = new(Slot); q{i}.parents = (n,); q{i}.saved = (); q{i}.index = {i}",
                f"    q{i}.shape = o{i}.shape; q{i}.dtype = o{i}.dtype; q{i}.seq = tick()",
                f"    q{i}.hooks = q{i}.more = None; q{i}.code = c; q{i}.lasti = n.lasti",
                f"    r{i}._n = q{i}",
            ]
    return lines


def place() -> list[str]:
    """Where and when a node was made."""
    return [
        "    n.seq = tick(); n.hooks = n.more = None",
        "    fr = frame(1); c = fr.f_code",
        "    if c is not latest.code:",  # as in a loop: there is no need to look at its file again
        "      if INTERNAL[c.co_filename]:",
        "        while INTERNAL[c.co_filename] and (up := fr.f_back): fr = up; c = fr.f_code",
        "      else: latest.code = c",
        "    n.code = c; n.lasti = fr.f_lasti",
    ]


def value(origin: Origin) -> str:
    """The expression for a value that a rule asks for."""
    what, key = origin
    if what is OUTPUT:
        return f"o{key}"
    if what is INPUT:
        return f"a{key}"
    if what is SHAPE or what is DTYPE:
        number = "()" if what is SHAPE else "None"
        return f"(a{key}.{what} if type(a{key}) is t else {number})" if key else f"a0.{what}"
    return str(key)


def view(op: Op, first: str, together: bool = False) -> list[str]:
    """Note that the result shares the memory of the first operand, as views.register() does.
    together: whether several are made, which live at the same time.
    """
    if not op.view:
        return []
    register = f"register({', '.join([first, 'r0', 'op', *op.static])})"
    recording = "not everyone.off or state.grad"
    of_view = "type(x) is View and not x.quiet and type(w := x.base._x) is Viewed"
    made = f"v = View(); v.op = op; v.static = {group(list(op.static))}; r0._x = v"
    whole = f"    {made}; v.base = {first}; v.up = None"
    keep = ["    if len(w) & 31: w.append(ref(r0))", f"    else: {register}"]
    if not together:  # most views live for a moment: in the place of the last one
        keep = ["    if w[-1]() is None: w[-1] = ref(r0)", "    el" + keep[0][4:], keep[1]]
    lines = [  # the commonest cases of register, without the call; what is Viewed is tracked
        f"  x = {first}._x",
        "  if x is None:",
        f"    if {recording}:",
        f"  {whole}",
        f"      x = Viewed(); x.views = [ref(r0)]; {first}._x = x",
        f"    elif n0 is not None or state.levels: {register}",
        "    else: r0._x = None",
        f"  elif type(x) is Viewed and (w := x.views) and ({recording}):",
        whole,
        *keep,
        f"  elif {of_view} and (w := w.views) and ({recording}):",
        f"    {made}; v.base = x.base; v.up = x",
        *keep,
        f"  else: {register}",
    ]
    if op.view is True:
        return lines
    return [
        "  b = o0.base",
        "  if b is a0 or b is not None and b is a0.base:",
        *[f"  {x}" for x in lines],
        f"  elif b is not None: {register}",
    ]


def result(op: Op) -> list[str]:
    """What the function returns."""
    return ["  return " + ", ".join([f"r{i}" for i in range(visible(op))])]


def finished(op: Op, lines: list[str], more: dict[str, Any]) -> Callable[..., Any]:
    """The function of a text."""
    names = {**SHARED, **own(op), **more}
    return dressed(op, generated.functions(op.name, lines, names)[op.name])


def own(op: Op) -> dict[str, Any]:
    """What a text calls the op's own things."""
    return {
        "op": op,
        "impl": op.impl,
        "direct": op.impl.direct,
        "floats": op.impl.floats,
        "Node": op.node,
    }


def dressed(op: Op, f: Any) -> Any:
    """An entry with its op's name and documentation."""
    f.__doc__ = op.doc
    f.__module__ = "wengert"
    f.__qualname__ = f.__name__ = op.name
    f.op = op
    return f


def composite_entry(op: Op) -> Callable[..., Any]:
    """A composite runs its body on whatever it is given: its parts record themselves."""
    fwd, ns = op.fwd, NS[Tensor]

    def f(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if ACTIVE and (mode := op_modes.runner(op)) is not None:
            r = op_modes.run(mode, op, args, kwargs, lambda args, kwargs: fwd(ns, *args, **kwargs))
        else:
            r = fwd(ns, *args, **kwargs)
        return r if out is None else write_out(op.name, r, out, op.out)

    return dressed(op, f)


def variadic_entry(op: Op) -> Callable[..., Any]:
    """Ops over any number of arrays: op(fixed..., *arrays, static...). For `cat` the text is

    def cat(*arrays, dim=default_dim, out=None):
      if out is not None or not arrays: return slow(op, arrays, {'dim': dim}, out)
      try:
        raws = list(map_(array_of, arrays)); a0 = raws[0]; d = a0.dtype; t = type(a0)
      except (AttributeError, IndexError): return slow(op, arrays, {'dim': dim}, out)
      for a in raws:
        if type(a) is not t or a.dtype is not d: return slow(op, arrays, {'dim': dim}, out)
      ...
      if not everyone.off or state.grad:
        nodes = list(map_(node_of, arrays))
        if nodes.count(None) < len(nodes):
          n = Node()
          ...
    """
    static = list(op.static)
    parameters = [f"{k}=default_{k}" for k in static]
    given = "{" + ", ".join([f"{k!r}: {k}" for k in static]) + "}"
    slow = f"return slow(op, arrays, {given}, out)"
    env: dict[str, Any] = {f"default_{k}": v for k, v in op.static.items()}
    lines = [
        f"def {op.name}(*arrays, {''.join(k + ', ' for k in parameters)}out=None):",
        f"  if out is not None or not arrays: {slow}",
        *native.ask(op, ["arrays"], env),
        *unwrap_all(op, "arrays", slow),
        *call_all(op, slow, ""),
        *wrap(op),
        *record_all(op, "arrays"),
        *result(op),
    ]
    return native.remakable(finished(op, lines, env), lambda: variadic_entry(op))


def unwrap_all(op: Op, tensors: str, slow: str, other: str = "") -> list[str]:
    """unwrap() of any number of tensors: their arrays are in the list raws."""
    same = " or a.dtype is not d" if op.types != "any" else ""
    lines = [
        "  try:",
        f"    raws = list(map_(array_of, {tensors})); a0 = raws[0]; d = a0.dtype; t = type(a0)",
        f"  except (AttributeError, IndexError): {other or slow}",
        "  for a in raws:",
        f"    if type(a) is not t{same}: {slow}",
    ]
    return [*lines, f"  if d is BF16: {slow}"] if op.types == "promote" else lines


def call_all(op: Op, slow: str, refused: str, prepared: list[str] | None = None) -> list[str]:
    """call() with the arrays in raws."""
    run = f"o0 = f(*raws, {', '.join([f'{k}={k}' for k in op.static])})"
    lines = [table(op), f"  if f is None: {slow}", "  try:"]
    lines += [f"    {x}" for x in (*(prepared or ()), run)]
    if refused:
        return [*lines, f"  except REFUSED: {refused}"]
    return [*lines, "  except REFUSALS as e: raise explain(op, raws, e) from None"]


def record_all(op: Op, tensors: str) -> list[str]:
    """record() of tensors whose arrays are in raws."""
    if not (True in op.plan.wanted or op.plan.rest_wanted):
        return []
    count = "" if op.plan.rest_wanted else f"[:{len(op.inputs)}]"
    return [
        "  if not everyone.off or state.grad:",
        f"    nodes = list(map_(node_of, {tensors}{count}))",
        *[f"    nodes[{i}] = None" for i, w in enumerate(op.plan.wanted) if not w],
        "    if nodes.count(None) < len(nodes):",
        "      n = Node()",
        "      n.parents = tuple(nodes)" + " + (None,) * (len(raws) - len(nodes))" * bool(count),
        f"      n.saved = {group([rest_value(o) for o in op.plan.saved])}",
        *[f"  {line}" for line in place()],
        "      n.shape = o0.shape; n.dtype = o0.dtype; r0._n = n",
    ]


def rest_value(origin: Origin) -> str:
    """value() where the operands are in a list."""
    what, key = origin
    if what is INPUT:
        return f"raws[{key}]"
    if what is REST:
        return f"tuple(raws[{key.start}:])"
    if type(key) is slice:
        of = "shape_of" if what is SHAPE else "dtype_of"
        return f"tuple(map_({of}, raws[{key.start}:]))"
    if what is SHAPE or what is DTYPE:
        return f"raws[{key}].{what}"
    return value(origin)
