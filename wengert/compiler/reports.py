"""What has become of a compiled function, as text."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .calls import Calls
from .group import Group
from .plan import Plan
from .program import Program
from .section import Section


def report(f: Any) -> str:
    """What a function or module that `torch.compile` returned has been compiled to.

    f: the compiled function. Gives its plans with their kernels, what these join, the library's
    words between them, how many bytes go through both, and why it runs as it stands if it does.
    TypeError for what was not compiled.

    >>> f = torch.compile(lambda x: (x * 2 + 1).tanh())
    >>> _ = f(torch.ones(30_000)), f(torch.ones(30_000))
    >>> print(torch.compiler.report(f).splitlines()[0])
    <lambda>: 1 plan; 1 call captured, 1 compiled, 0 as it stands
    """
    calls = calls_of(f)
    if calls is None:
        return "not called yet"
    counts, n = calls.counts, len(calls.plans)
    captured = counts["captured"]
    lines = [f"{calls.title()}: {n} plan{'s' * (n != 1)}; "]
    lines[0] += f"{captured} call{'s' * (captured != 1)} captured, "
    lines[0] += f"{counts['compiled']} compiled, {counts['as it stands']} as it stands"
    if calls.light:
        lines.append(
            f"It runs as it stands for arguments of up to {calls.light:,} elements: what it does "
            "costs less than a compiled call"
        )
    if calls.given_up:
        lines.append(f"It runs as it stands: {calls.given_up}")
    lines += [f"Compiled again, because this was different: {why}" for why in calls.misses]
    for i, plan in enumerate(calls.plans):
        lines += ["", *of_plan(i, plan)]
    return "\n".join(lines)


def calls_of(f: Any) -> Calls | None:
    """The calls of what torch.compile returned; None before the first."""
    own = getattr(f, "__dict__", {})
    if "_orig_mod" in own.get("_modules", ()):
        f = own.get("_calls")
        if f is None:
            return None
    if not hasattr(f, "_torchdynamo_orig_callable"):
        raise TypeError(f"report(): {f!r} was not returned by torch.compile")
    found: Calls | None = getattr(f, "calls", None)
    return found


def of_plan(i: int, plan: Plan) -> list[str]:
    g = plan.graph
    lines = [f"plan {i}: {len(g.nodes)} nodes, {len(plan.guards.facts)} guards, "]
    lines[0] += f"{len(g.effects)} tensors changed in place, {len(g.outputs)} returned"
    lines += of_program("forward" if plan.backward is not None else "program", plan.program)
    if plan.backward is not None:
        lines.append(f"  {len(plan.saved)} arrays kept for the backward pass")
        lines += of_program("backward", plan.backward)
    return lines


def nodes_of(piece: Any) -> list[Any]:
    """The nodes that a part of a section does."""
    return piece.nodes if type(piece) is Group else [piece.node]


def of_program(name: str, program: Program) -> list[str]:
    """The kernels and words of a program."""
    groups = [x for x in program.items if type(x) is Group]
    parts = [x for x in program.items if type(x) is Section]
    words = [x for x in program.items if type(x) not in (Group, Section)]
    inner = [nodes_of(p) for s in parts for p in s.pieces]
    joined = sum(len(g.nodes) for g in groups) + sum(map(len, inner))
    kernels = len(groups) + len(parts)
    lines = [f"  {name}: {kernels} kernels for {joined} nodes, {len(words)} words, "]
    lines[0] += f"{len(program.in_place)} results written over what they replace"
    for g in groups:
        size = sum(v.size * v.dtype.itemsize for v in (*g.values(), *g.outputs))
        names = " ".join(n.op.name for n in g.nodes)
        lines.append(f"    kernel over {list(g.shape)}, {size:,} bytes: {names}")
    for s in parts:
        lines.append(f"    section of {len(s.pieces)} parts, {s.bytes:,} bytes between them:")
        same = Counter(" ".join(n.op.name for n in nodes_of(p)) for p in s.pieces)
        lines += [f"      {n} x {text}" for text, n in same.items()]
    counted = Counter(n.op.name for n in words).most_common()
    if counted:
        lines.append("    words: " + ", ".join(f"{n} {name}" for name, n in counted))
    return lines
