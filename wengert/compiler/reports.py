"""What has become of a compiled function: as text, as rows, and as a page.

Not here: how a page is drawn (`report_page.py`).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arrays.cuda_launcher import launchable
from ..base import source
from ..kernels import compiler
from .calls import Calls
from .group import Group
from .launched import Alike
from .plan import Plan
from .program import Program
from .section import Section

WORD, VIEW, KERNEL, SECTION = "library", "view", "kernel", "section"
ROUNDS = 5  # calls that are timed


@dataclass
class Row:
    """A kernel, a section of several, or a call of the library. bytes: read and written, none for a
    view. seconds: the least of some calls, None where none was timed. line: where in the program
    it begins.
    """

    plan: int
    program: str
    kind: str
    ops: list[str]
    shape: tuple[int, ...]
    bytes: int
    inner: int  # bytes that a section keeps to itself
    line: str
    seconds: float | None = None


class Report(str):
    """The text of a report; `rows` has its kernels and calls, `notes` what fell back and why."""

    rows: list[Row]
    notes: list[str]
    about: str

    def __new__(cls, text: str, about: str, rows: list[Row], notes: list[str]) -> Report:
        r = super().__new__(cls, text)
        r.about, r.rows, r.notes = about, rows, notes
        return r

    def _repr_html_(self) -> str:
        from .report_page import table

        return table(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, which needs nothing else; returns its path."""
        from .report_page import page

        where = Path(path)
        where.write_text(page(self), encoding="utf-8")
        return where


def report(f: Any, *args: Any, **kwargs: Any) -> Report:
    """What a function or module that `torch.compile` returned has been compiled to.

    f: the compiled function. args, kwargs: with any, the function is called with them (seven times:
    a training step trains), to time each kernel. Gives its plans with their kernels, what these
    join, the library's words between them, how many bytes go through both, and why it runs as it
    stands if it does: a text, with `rows` to read and `save(path)` for a page, which a notebook
    shows by itself. TypeError for what was not compiled.

    >>> f = torch.compile(lambda x: (x * 2 + 1).tanh())
    >>> _ = f(torch.ones(30_000)), f(torch.ones(30_000))
    >>> print(torch.compiler.report(f).splitlines()[0])
    <lambda>: 1 plan; 1 call captured, 1 compiled, 0 as it stands
    """
    calls = calls_of(f)
    if calls is None and not args and not kwargs:
        return Report("not called yet", "", [], [])
    times: dict[int, list[float]] = {}
    if args or kwargs:
        for _ in range(2):
            f(*args, **kwargs)
        calls = calls_of(f)
        assert calls is not None
        times = timed(calls, f, args, kwargs)
    assert calls is not None
    counts, n = calls.counts, len(calls.plans)
    captured = counts["captured"]
    lines = [f"{calls.title()}: {n} plan{'s' * (n != 1)}; "]
    lines[0] += f"{captured} call{'s' * (captured != 1)} captured, "
    lines[0] += f"{counts['compiled']} compiled, {counts['as it stands']} as it stands"
    notes = []
    if calls.light:
        notes.append(
            f"It runs as it stands for arguments of up to {calls.light:,} elements: what it does "
            "costs less than a compiled call"
        )
    if calls.given_up:
        notes.append(f"It runs as it stands: {calls.given_up}")
    notes += [f"Compiled again, because this was different: {why}" for why in calls.misses]
    rows: list[Row] = []
    text = [*lines, *notes]
    for i, plan in enumerate(calls.plans):
        own = [
            row
            for name, program in programs(plan)
            for row in rows_of(i, name, program, times.get(id(program)))
        ]
        head = about(i, plan)
        notes.append(head)
        text += ["", head, *of_plan(plan, own)]
        rows += own
    return Report("\n".join(text), lines[0], rows, notes)


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


def timed(calls: Calls, f: Any, args: Any, kwargs: Any) -> dict[int, list[float]]:
    """The least seconds of each item of the programs that a call runs, by the program's id."""
    every = [p for plan in calls.plans for _, p in programs(plan)]
    whole = [p.run for p in every]
    notes = {}
    for p in every:
        p.run, notes[id(p)] = p.timed(time.perf_counter)
    try:
        for _ in range(ROUNDS):
            f(*args, **kwargs)
    finally:
        for p, run in zip(every, whole):
            p.run = run
    found = {}
    for p in every:
        n = len(p.items) + 1
        rounds = [notes[id(p)][i : i + n] for i in range(0, len(notes[id(p)]), n)]
        if rounds:
            spans = [[b - a for a, b in zip(r, r[1:])] for r in rounds]
            found[id(p)] = [min(each) for each in zip(*spans)]
    return found


def programs(plan: Plan) -> list[tuple[str, Program]]:
    """The programs of a plan, by name."""
    if plan.backward is None:
        return [("program", plan.program)]
    return [("forward", plan.program), ("backward", plan.backward)]


def about(i: int, plan: Plan) -> str:
    """One line about a plan."""
    g = plan.graph
    return (
        f"plan {i}: {len(g.nodes)} nodes, {len(plan.guards.facts)} guards, "
        f"{len(g.effects)} tensors changed in place, {len(g.outputs)} returned"
    )


def nodes_of(piece: Any) -> list[Any]:
    """The nodes that an item of a program, or a part of a section, does."""
    if type(piece) is Section:
        return [n for p in piece.pieces for n in nodes_of(p)]
    if type(piece) in (Group, Alike):
        return list(piece.nodes)
    return [getattr(piece, "node", piece)]


def rows_of(i: int, name: str, program: Program, times: list[float] | None) -> list[Row]:
    """The items of a program."""
    rows = []
    for k, item in enumerate(program.items):
        nodes = nodes_of(item)
        kind = {Group: KERNEL, Alike: KERNEL, Section: SECTION}.get(type(item))
        kind = kind or (VIEW if nodes[0].op.view is True else WORD)
        shape = item.shape if kind == KERNEL else item.outputs[0].shape if item.outputs else ()
        size = sum(v.size * v.dtype.itemsize for v in (*item.values(), *item.outputs))
        inner = item.bytes if kind == SECTION else 0
        size *= kind != VIEW
        file, number, _, text = source.line(*nodes[0].place)
        line = f"{os.path.basename(file)}:{number}" + (f"  {text.strip()}" if text else "")
        rows.append(Row(i, name, kind, [n.op.name for n in nodes], tuple(shape), size, inner, line))
        if times:
            rows[-1].seconds = times[k]
    return rows


def of_plan(plan: Plan, rows: list[Row]) -> list[str]:
    """The lines of a plan's programs."""
    lines = []
    for name, program in programs(plan):
        if name == "backward":
            lines.append(f"  {len(plan.saved)} arrays kept for the backward pass")
        lines += of_program(name, program, [r for r in rows if r.program == name])
    for name, program in programs(plan):
        lines += [f"  {name}: {why}" for why in unjoined(program)]
    if plan.replay is not None:
        r = plan.replay
        lines.append(
            f"  no CUDA graph: {r.why}" if r.why else f"  {r.launches} calls by CUDA graph"
        )
    return lines


def unjoined(program: Program) -> list[str]:
    """Why nodes on a device are the library's calls where they could be kernels."""
    homes = {n.home.name: n.home for n in program.nodes if n.home is not None}
    why = [
        f"nothing is joined on {name}: " + ("simulated devices take no kernels" if compiler.target()
        else "llvmlite, which makes kernels, is not installed")
        for name, home in homes.items() if not launchable(home)
    ]  # fmt: skip
    for call in program.kernels:
        launcher = getattr(call, "launcher", None)
        if launcher is not None and None in launcher.functions.values():
            why.append(f"{launcher.kernel.name} is not used: it differs, or does not load")
    return why


def spent(rows: list[Row], text: str) -> str:
    """The time of rows in a text with {} for it; nothing where none was timed."""
    seconds = [r.seconds for r in rows if r.seconds is not None]
    return text.format(f"{1e6 * sum(seconds):,.1f} us") if seconds else ""


def of_program(name: str, program: Program, rows: list[Row]) -> list[str]:
    """The kernels and words of a program."""
    words = [r for r in rows if r.kind in (WORD, VIEW)]
    kernels = [r for r in rows if r.kind in (KERNEL, SECTION)]
    joined = sum(len(r.ops) for r in kernels)
    lines = [f"  {name}: {len(kernels)} kernels for {joined} nodes, {len(words)} words, "]
    lines[0] += f"{len(program.in_place)} results written over what they replace"
    lines[0] += spent(rows, ", {}")
    for r, item in zip(rows, program.items):
        if r.kind == KERNEL:
            parts = item.groups if type(item) is Alike else [item]
            over = f"{len(parts)} groups" if len(parts) > 1 else f"{list(r.shape)}"
            head = f"    kernel over {over}, {r.bytes:,} bytes{spent([r], ', {}')}"
            lines.append(f"{head}: {' '.join(n.op.name for n in parts[0].nodes)}")
    for r, s in zip(rows, program.items):
        if type(s) is Section:
            head = f"    section of {len(s.pieces)} parts, {s.bytes:,} bytes between them"
            lines.append(f"{head}{spent([r], ', {}')}:")
            same = Counter(" ".join(n.op.name for n in nodes_of(p)) for p in s.pieces)
            lines += [f"      {n} x {text}" for text, n in same.items()]
    counted = Counter(r.ops[0] for r in words).most_common()
    if counted:
        names = ", ".join(f"{n} {name}" for name, n in counted)
        lines.append(f"    words{spent(words, ' ({})')}: {names}")
    return lines
