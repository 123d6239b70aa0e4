"""The backward step of an op's nodes: its rules in a straight line, generated from their needs.

Two forms: backward(xp, g, saved, parents) returns the gradients, one per parent. step(xp, g, saved,
parents, grads, meet) leaves them in grads, the table of the reverse pass, or calls meet(grads,
parent, gradient) where one waits already. Rules run only for parents that want theirs. For
`mul.vjp(x=lambda g, y: g * y, y=lambda g, x: g * x)` the text is

    def mul_backward(xp, g, saved, parents):
      y, x = saved
      n0, n1, = parents
      return ((None if n0 is None else r0(g, y)), (None if n1 is None else r1(g, x)), )
    def mul_step(xp, g, saved, parents, grads, meet):
      y, x = saved
      n0, n1, = parents
      if n0 is not None:
        d = r0(g, y)
        if d is not None:
          if n0 in grads: meet(grads, n0, d)
          else: grads[n0] = d
      if n1 is not None:
        d = r1(g, x)
        if d is not None:
          if n1 in grads: meet(grads, n1, d)
          else: grads[n1] = d
"""

from __future__ import annotations

from typing import Any

from ..base import generated
from .op import Op
from .sharing import addable


def build_backward(op: Op) -> None:
    """Make both forms, at an op's first use. An op with one rule for all inputs, or with any number
    of them, has no step.
    """
    op.backward = step = None
    if op.differentiable:
        made = generated.functions(f"{op.name} backward", text(op), rules(op))
        op.backward, step = made[f"{op.name}_backward"], made.get(f"{op.name}_step")
        op.part = made.get(f"{op.name}_part")
    op.node.backward = staticmethod(op.backward)
    op.node.step = step and staticmethod(step)
    op.built = True


def rules(op: Op) -> dict[str, Any]:
    """The rules under the names that the text uses."""
    found: dict[str, Any] = {"rule": op.joint, "rest_rule": op.rules.get(op.variadic or "")}
    found["addable"] = addable
    for i, name in enumerate(op.inputs):
        found[f"r{i}"] = op.rules.get(name)
        found[f"p{i}"] = op.part_rules.get(name, (None,))[0]
    return found


def text(op: Op) -> list[str]:
    """The lines of the functions."""
    head = unpacking(op)
    lines = [f"def {op.name}_backward(xp, g, saved, parents):", *head]
    if op.joint is not None:
        return [*lines, f"  return rule({', '.join(op.needs['*'])})"]
    nodes = "".join([f"n{i}, " for i in range(len(op.inputs))])
    calls = [call(op, i) for i in range(len(op.inputs))]
    each = "".join([f"(None if n{i} is None else {c}), " if c else "None, " for i, c in calls])
    if op.variadic:
        more = "[None] * len(rest)"
        if op.variadic in op.rules:
            wanted = "any([p is not None for p in rest])"
            more = f"(rest_rule({', '.join(op.needs[op.variadic])}) if {wanted} else {more})"
        return [*lines, f"  {nodes}*rest, = parents", f"  return ({each}*{more},)"]
    names = f"  {nodes}= parents"
    lines += [names, f"  return ({each})"]
    if len(op.inputs) == 1 and op.inputs[0] in op.part_rules:
        given = ", ".join(op.part_rules[op.inputs[0]][1])
        lines += [f"def {op.name}_part(xp, waiting, g, saved):", *head, f"  p0({given})"]
    lines += [f"def {op.name}_step(xp, g, saved, parents, grads, meet):", *head, names]
    for i, c in calls:
        if c:
            lines += [f"  if n{i} is not None:"]
            if op.inputs[i] in op.part_rules:
                names = ", ".join(op.part_rules[op.inputs[i]][1])
                lines += [
                    f"    if n{i} in grads and addable(grads, n{i}, g):",
                    f"      waiting = grads[n{i}]",
                    f"      p{i}({names})",
                    "      return",
                ]
            lines += [
                f"    d = {c}",
                "    if d is not None:",
                f"      if n{i} in grads: meet(grads, n{i}, d)",
                f"      else: grads[n{i}] = d",
            ]
    return lines


def unpacking(op: Op) -> list[str]:
    """The lines that give the saved values and gradients their names."""
    lines = []
    if op.saved:
        lines.append(f"  {', '.join(op.saved)}{',' if len(op.saved) == 1 else ''} = saved")
    if op.many:
        lines.append(f"  {''.join(['g_' + o + ', ' for o in op.graded])} = g")
    if any("needs" in names for names in op.needs.values()):
        lines.append("  needs = tuple([p is not None for p in parents])")
    return lines


def call(op: Op, i: int) -> tuple[int, str]:
    """(i, the call of the rule for input i), "" without a rule. The input's own shape and dtype are
    those of its node.
    """
    name = op.inputs[i]
    if name not in op.rules:
        return i, ""
    own = {f"{name}_shape": f"n{i}.shape", f"{name}_dtype": f"n{i}.dtype"}
    return i, f"r{i}({', '.join([own.get(x, x) for x in op.needs[name]])})"
