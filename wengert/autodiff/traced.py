"""Tracing: arrays that carry a value and write down every op done to them.

The program that comes out is a list of (op, inputs, static, outputs) over slot numbers; `replay`
runs it on other inputs of the same shapes. Forward, backward and update rules all trace, because
all of them are written in the vocabulary.
"""

from __future__ import annotations

from typing import Any

from ..engine.interp import Interp, interpreter, run_op
from ..engine.op import Op


class Program:
    """A straight-line program: steps over numbered slots."""

    def __init__(self) -> None:
        self.steps: list[tuple[Op, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = []
        self.slots = 0

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def keep(self, wanted: list[int]) -> None:
        """Drop the steps that the wanted slots do not need."""
        needed, kept = set(wanted), []
        for step in reversed(self.steps):
            if not needed.isdisjoint(step[3]):
                kept.append(step)
                needed.update([a.slot for a in step[1] if type(a) is Ref])
        self.steps = kept[::-1]

    def constants(self) -> list[Any]:
        """The arrays that the steps use and do not compute."""
        return [a for s in self.steps for a in s[1] if type(a) is not Ref and hasattr(a, "dtype")]


class Ref:
    """A slot as an operand of a step."""

    __slots__ = ("slot",)

    def __init__(self, slot: int) -> None:
        self.slot = slot


def traced_apply(op: Op, ins: Any, static: dict[str, Any], level: int) -> Any:
    """Run the op on the values and write it down."""
    program = next(a.program for a in ins if isinstance(a, Traced) and a.level == level)
    mine = [isinstance(a, Traced) and a.level == level for a in ins]
    outs = run_op(op, [a.content if m else a for a, m in zip(ins, mine)], static)
    many = outs if len(op.names) > 1 else (outs,)
    results = tuple([Traced(level, program, o) for o in many])
    program.steps.append(
        (
            op,
            tuple([Ref(a.slot) if m else a for a, m in zip(ins, mine)]),
            static,
            tuple([r.slot for r in results]),
        )
    )
    return results if len(op.names) > 1 else results[0]


@interpreter(traced_apply)
class Traced(Interp):
    """An array whose every use is written down."""

    __slots__ = ("program", "content", "slot")

    def __init__(self, level: int, program: Program, content: Any) -> None:
        self.level, self.program, self.content = level, program, content
        self.slot = program.slot()

    def __repr__(self) -> str:
        return f"Traced(slot {self.slot}, {self.dtype}{list(self.shape)})"


def replay(program: Program, inputs: dict[int, Any], wanted: list[int]) -> list[Any]:
    """Run a program: slot -> array for its inputs, and the slots to return."""
    values: dict[int, Any] = dict(inputs)
    for op, ins, static, outs in program.steps:
        result = run_op(op, [values[a.slot] if type(a) is Ref else a for a in ins], static)
        for slot, r in zip(outs, result if len(op.names) > 1 else (result,)):
            values[slot] = r
    return [values[s] for s in wanted]
