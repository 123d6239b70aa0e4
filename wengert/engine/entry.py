"""The eager entry of an op and its backward step, unrolled from a template for its arity.

This is the project's only exec (as in dataclasses): one straight line of code per op instead of
loops over arguments is what makes a small operation cheap. Whatever is unusual (mixed dtypes or
devices, scalars in odd places, interpreters, out=) goes to `dispatch.slow`.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

from ..arrays.lookup import NS, NUMBER
from ..base import dtypes
from ..base.modes import everyone, state
from . import dispatch, op_modes, views
from .error_context import explain
from .node import Slot, tick
from .op import PUBLIC_NAME, Op
from .source import INTERNAL, outside
from .tensor import Tensor


def public_name(op: Op, name: str) -> str:
    """x and y are `input` and `other` to users, unless the op has a parameter of that name
    already.
    """
    new = PUBLIC_NAME.get(name, name)
    return name if new in op.static or new in op.inputs else new


def build_entry(
    op: Op, careful: Callable[..., Any] | None = None, front: Any = None
) -> Callable[..., Any]:
    """The function users call: op(inputs..., static..., *, out=None).

    careful: build the short form for the commonest call of a public function, which takes every
    other call (and those that the library refuses): x.view(2, 3) for a static argument `shape`,
    x[2] for `key`, x.sum() for none. front (a signature.Front): build it for all plain calls.
    """
    if op.kind == "composite":
        return composite_entry(op)
    if op.variadic:
        return variadic_entry(op)
    op.build_backward()
    lines: list[str] = []
    w = lines.append
    ins = [public_name(op, i) for i in op.inputs]
    static = list(op.static)
    signature = [f"{p}=None" if i in op.optional else p for p, i in zip(ins, op.inputs)]
    signature += [f"{k}=default_{k}" for k in static]
    rest = ""
    if front:
        ins = front.names[: len(ins)]
        w(f"def {front.name}({', '.join(front.head)}, **kw):")
        w(f"  if kw: return careful({', '.join(front.names)}, **kw)")
        if front.plain:
            w(f"  if not ({front.plain}): return careful({', '.join(front.names)})")
    elif careful and static == ["key"]:
        w(f"def {op.name}({ins[0]}, key):")
        w(f"  if type(key) is not int: return careful({ins[0]}, key)")
        rest = "key"
    elif careful:
        rest = f"*{static[0]}" if static else "*args"
        odd = f"kw or not {rest[1:]} or type({rest[1:]}[0]) is not int" if static else "kw or args"
        w(f"def {op.name}({ins[0]}, {rest}, **kw):")
        w(f"  if {odd}: return careful({ins[0]}, {rest}, **kw)")
    else:
        w(f"def {op.name}({', '.join(signature)}, *, out=None):")
    slow = (
        f"return slow(op, ({''.join(p + ', ' for p in ins)}),"
        f" {{{', '.join(f'{k!r}: {k}' for k in static)}}}, out)"
    )
    if front:
        slow = f"return careful({', '.join(front.names)})"
    elif careful:
        slow = f"return careful({ins[0]}, {rest})"
    else:
        w(f"  if out is not None: {slow}")
    w("  try:")
    w(f"    a0 = {ins[0]}._a; n0 = {ins[0]}._n; d = a0.dtype; t = type(a0)")
    w(f"  except AttributeError: {slow}")
    if op.types == "float":
        w(f"  if d is not F32 and d is not F64: {slow}")
    scalars = op.types in ("promote", "float") and len(ins) == 2 and not op.tensors_only
    for i, p in enumerate(ins[1:], 1):
        w(f"  if isinstance({p}, Tensor):")
        w(f"    a{i} = {p}._a; n{i} = {p}._n")
        check = f"a{i}.dtype is not d or " if op.types != "any" else ""
        w(f"    if {check}type(a{i}) is not t: {slow}")
        if op.inputs[i] in op.optional:
            w(f"  elif {p} is None: a{i} = n{i} = None")
        if scalars:
            w("  else:")
            w(f"    s = type({p})")
            w(
                "    if (s is float and (d is F32 or d is F64)) or (s is int and (d is F32 or d is"
                f" F64 or d is I64)): a{i} = {p if op.keeps_numbers else f'number[t]({p}, d)'};"
                f" n{i} = None"
            )
            w(f"    else: {slow}")
        else:
            w(f"  else: {slow}")
    if op.types == "promote" and len(ins) == 1 or op.types in ("promote", "float"):
        w(f"  if d is BF16: {slow}")  # its Python scalars are not weak, its library functions few
    w("  try: f = impl[t]")
    w(f"  except KeyError: {slow}")
    args = ", ".join([f"a{i}" for i in range(len(ins))] + static)
    outs = ", ".join(f"o{i}" for i in range(len(op.names)))
    w(f"  try: {outs} = f({args})")
    if careful:
        w(f"  except (ValueError, TypeError, IndexError): {slow}")
    else:
        raws = ", ".join(f"a{i}" for i in range(len(ins)))
        w(f"  except (ValueError, TypeError) as e: raise explain(op, ({raws},), e) from e")
    if len(op.names) == 1:
        w("  if type(o0) is not t: o0 = NS[t].asarray(o0)")
    shown = max(1, len(op.outputs))
    for i in range(shown):
        w(f"  r{i} = new(Tensor); r{i}._a = o{i}; r{i}._n = r{i}._x = None")
    nodes = " or ".join(
        f"n{i} is not None" for i, name in enumerate(op.inputs) if op.joint or name in op.rules
    )
    if op.differentiable and nodes:
        w(f"  if ({nodes}) and (not everyone.off or state.grad):")
        w("    n = new(Node)")
        kept = [
            f"n{i}" if op.joint or name in op.rules else "None" for i, name in enumerate(op.inputs)
        ]
        w(f"    n.parents = ({', '.join(kept)},)")
        w(f"    n.saved = ({''.join(_value(op, s) + ', ' for s in op.saved)})")
        w("    n.seq = tick(); n.hooks = n.more = None")
        w("    fr = frame(1); c = fr.f_code")
        w("    if INTERNAL[c.co_filename]: fr = outside(fr); c = fr.f_code")
        w("    n.code = c; n.lasti = fr.f_lasti")
        if op.many:
            each = [f"o{i}" for i in range(len(op.outputs))]
            w(
                f"    n.shape = ({''.join(f'{o}.shape, ' for o in each)}); n.dtype ="
                f" ({''.join(f'{o}.dtype, ' for o in each)})"
            )
            for i, name in enumerate(op.outputs):
                if name not in op.integer:
                    w(f"    r{i}._n = Slot(n, {i}, o{i}.shape, o{i}.dtype)")
        else:
            w("    n.shape = o0.shape; n.dtype = o0.dtype; r0._n = n")
    if op.view is True:  # the commonest case of views.register, without the call
        w(f"  if {ins[0]}._x is not None: register({', '.join([ins[0], 'r0', 'op', *static])})")
        w("  elif not everyone.off or state.grad:")
        w(f"    x = new(View); x.base = {ins[0]}; x.op = op; x.up = None; r0._x = x")
        w(f"    x.static = ({''.join(k + ', ' for k in static)})")
        w(f"    x = new(Viewed); x.views = (ref(r0),); {ins[0]}._x = x")
    elif op.view:
        w(f"  register({', '.join([ins[0], 'r0', 'op', *static])})")
    w("  return " + ", ".join(f"r{i}" for i in range(shown)))
    env: dict[str, Any] = dict(
        Tensor=Tensor,
        Node=op.node,
        new=object.__new__,
        state=state,
        everyone=everyone,
        tick=tick,
        frame=sys._getframe,
        INTERNAL=INTERNAL,
        outside=outside,
        number=NUMBER,
        impl=op.impl,
        op=op,
        slow=dispatch.slow,
        NS=NS,
        Slot=Slot,
        register=views.register,
        View=views.View,
        Viewed=views.Viewed,
        ref=weakref.ref,
        careful=careful,
        explain=explain,
        F32=dtypes.float32.np,
        F64=dtypes.float64.np,
        I64=dtypes.int64.np,
        BF16=dtypes.bfloat16.np,
        __name__="wengert.engine.entry",
        **{f"default_{k}": v for k, v in op.static.items()},
    )
    if front:
        env.update(front.env)
    exec(compile("\n".join(lines), f"<wengert {op.name}>", "exec"), env)
    return env[front.name] if front else _dress(env[op.name], op)


def _dress(f: Any, op: Op) -> Any:
    f.__doc__ = op.doc
    f.__module__ = "wengert"
    f.__qualname__ = f.__name__ = op.name
    f.op = op
    return f


def _value(op: Op, s: str) -> str:
    """The expression in the entry for something a rule asked for."""
    if s in op.names:
        return f"o{op.names.index(s)}"
    if s in op.static:
        return s
    if s in op.inputs:
        return f"a{op.inputs.index(s)}"
    name, what = s.rsplit("_", 1)
    i = op.inputs.index(name)
    return (
        (
            f"(a{i}.shape if type(a{i}) is t else ())"
            if what == "shape"
            else f"(a{i}.dtype if type(a{i}) is t else None)"
        )
        if i
        else f"a{i}.{what}"
    )


def composite_entry(op: Op) -> Callable[..., Any]:
    """A composite runs its body on whatever it is given: its parts record themselves."""
    fwd, ns = op.fwd, NS[Tensor]

    def f(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if op_modes.ACTIVE and (mode := op_modes.runner(op)) is not None:
            r = op_modes.run(mode, op, args, kwargs, lambda args, kwargs: fwd(ns, *args, **kwargs))
        else:
            r = fwd(ns, *args, **kwargs)
        return r if out is None else dispatch.write_out(op.name, r, out)

    return _dress(f, op)


def variadic_entry(op: Op) -> Callable[..., Any]:
    """Ops over any number of arrays: op(fixed..., *arrays, static...)."""
    op.build_backward()
    defaults = op.static

    def f(*arrays: Any, out: Any = None, **static: Any) -> Any:
        return dispatch.slow(op, arrays, {**defaults, **static} if static else defaults, out)

    return _dress(f, op)


def build_backward(op: Op) -> tuple[Any, Any]:
    """The two forms of the backward step; rules run only for parents that want theirs.

    backward(xp, g, saved, parents) -> gradients, one per parent;
    step(xp, g, saved, parents, grads, meet) leaves them in grads, the reverse pass's table, or
    calls meet(grads, parent, gradient) where one is there already. An op with one rule for all
    inputs, or with any number of them, has no step.
    """
    if not op.differentiable:
        return None, None
    if op.joint or op.variadic:
        return _joint_backward(op), None
    head = _unpacking(op)
    names = [f"n{i}" for i in range(len(op.inputs))]
    head.append(f"  {''.join(x + ', ' for x in names)} = parents")
    env: dict[str, Any] = {"__name__": "wengert.engine.entry"}
    results, steps = [], []
    for i, name in enumerate(op.inputs):
        if name not in op.rules:
            results.append("None")
            continue
        env[f"r{i}"] = op.rules[name]
        own = {f"{name}_shape": f"n{i}.shape", f"{name}_dtype": f"n{i}.dtype"}
        call = f"r{i}({', '.join([own.get(x, x) for x in op.needs[name]])})"
        results.append(f"(None if n{i} is None else {call})")
        steps += [
            f"  if n{i} is not None:",
            f"    d = {call}",
            "    if d is not None:",
            f"      if n{i} in grads: meet(grads, n{i}, d)",
            f"      else: grads[n{i}] = d",
        ]
    lines = [f"def {op.name}_backward(xp, g, saved, parents):", *head]
    lines.append(f"  return ({''.join(r + ', ' for r in results)})")
    lines += [f"def {op.name}_step(xp, g, saved, parents, grads, meet):", *head, *steps]
    exec(compile("\n".join(lines), f"<wengert {op.name} backward>", "exec"), env)
    return env[f"{op.name}_backward"], env[f"{op.name}_step"]


def _unpacking(op: Op) -> list[str]:
    """The lines that give the saved values and gradients their names."""
    lines = []
    if op.saved:
        lines.append(f"  {', '.join(op.saved)}{',' if len(op.saved) == 1 else ''} = saved")
    if op.many:
        lines.append(f"  {', '.join('g_' + o for o in op.outputs)} = g")
    if any("needs" in x for x in op.needs.values()):
        lines.append("  needs = tuple([p is not None for p in parents])")
    return lines


def _joint_backward(op: Op) -> Any:
    """backward() of an op with one rule for all inputs, or with any number of inputs."""
    lines = [f"def {op.name}_backward(xp, g, saved, parents):", *_unpacking(op)]
    w = lines.append
    env: dict[str, Any] = {"__name__": "wengert.engine.entry"}
    if op.joint:
        env["rule"] = op.joint
        w(f"  return rule({', '.join(op.needs['*'])})")
    else:
        w(f"  {''.join(f'n{i}, ' for i in range(len(op.inputs)))}*rest, = parents")
        calls = []
        for i, name in enumerate(op.inputs):
            call = "None"
            if name in op.rules:
                env[f"r{i}"] = op.rules[name]
                own = {f"{name}_shape": f"n{i}.shape", f"{name}_dtype": f"n{i}.dtype"}
                args = ", ".join([own.get(x, x) for x in op.needs[name]])
                call = f"(None if n{i} is None else r{i}({args}))"
            calls.append(call)
        more = "[None] * len(rest)"
        if op.variadic in op.rules:
            env["rv"] = op.rules[op.variadic]
            args = ", ".join(op.needs[op.variadic])
            more = f"(rv({args}) if any([p is not None for p in rest]) else {more})"
        w(f"  return ({''.join(c + ', ' for c in calls)}*{more},)")
    exec(compile("\n".join(lines), f"<wengert {op.name} backward>", "exec"), env)
    return env[f"{op.name}_backward"]
