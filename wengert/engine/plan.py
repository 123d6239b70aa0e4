"""The plan of an op: where each value comes from that its rules ask for, which inputs have rules,
and the names of all of these as users see them.

Whoever records an op, runs its rules or tells about them reads it here: the text of the entry, the
general way, interpreters, the reverse pass, error texts. Nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .op import Op

# What a value is that a rule asks for. The key of an Origin is said behind it.
INPUT = "input"  # number of the input
REST = "rest"  # slice of the operands: the arrays of an op over any number of them
SHAPE, DTYPE = "shape", "dtype"  # of the input of that number, or of the operands of that slice
STATIC = "static"  # name of the static argument
OUTPUT = "output"  # number of the output
PASSED = "passed"  # name of what the reverse pass hands over: xp, g, g_NAME, needs

# rule-writers' short names as users know them
PUBLIC = {"x": "input", "y": "other", "w": "weight", "out": "output"}


class Origin(NamedTuple):
    """Where a value comes from."""

    what: str
    key: Any


class Plan:
    """What is known about recording an op once its rules are given."""

    def __init__(self, op: Op) -> None:
        every = op.joint is not None
        self.op = op
        self.saved = tuple([origin(op, name) for name in op.saved])
        self.wanted = tuple([every or name in op.rules for name in op.inputs])
        self.rest_wanted = op.variadic is not None and (every or op.variadic in op.rules)
        self.all_wanted = False not in self.wanted and (self.rest_wanted or not op.variadic)

    def wants(self, i: int) -> bool:
        """Whether operand i gets a gradient."""
        return self.wanted[i] if i < len(self.wanted) else self.rest_wanted

    def parents(self, nodes: Any) -> list[Any]:
        """The nodes of the operands that get a gradient; None for the others."""
        return [n if self.wants(i) else None for i, n in enumerate(nodes)]

    def input_name(self, i: int) -> Any:
        """The name of the input that operand i belongs to."""
        return self.op.inputs[i] if i < len(self.op.inputs) else self.op.variadic

    def needed(self, parents: Any) -> set[str]:
        """The saved values that rules ask for which run for these parents."""
        op = self.op
        if op.joint is not None:
            return set(op.saved)
        run = {self.input_name(i) for i, p in enumerate(parents) if p is not None}
        return {need for name in run for need in op.needs.get(name, ())}


def origin(op: Op, name: str) -> Origin:
    """Where a rule of op finds what it calls `name`."""
    if name in op.names:
        return Origin(OUTPUT, op.names.index(name))
    if name in op.static:
        return Origin(STATIC, name)
    if name in op.inputs:
        return Origin(INPUT, op.inputs.index(name))
    rest = slice(len(op.inputs), None)
    if name == op.variadic:
        return Origin(REST, rest)
    stem, _, what = name.rpartition("_")
    if what in (SHAPE, DTYPE) and stem in op.arrays:
        what = SHAPE if what == SHAPE else DTYPE  # compared by identity
        return Origin(what, rest if stem == op.variadic else op.inputs.index(stem))
    return Origin(PASSED, name)


def public_name(op: Op, name: str) -> str:
    """The name of an input or output to users: x and y are `input` and `other`, unless the op has
    a parameter of that name already.
    """
    new = PUBLIC.get(name, name)
    return name if new in op.static or new in op.inputs else new
