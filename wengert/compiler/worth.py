"""Whether a compiled call is worth its price: a call has to look at its guards and to gather and
record arrays, before and beside what it computes. What is less than that runs as it stands.

The prices are microseconds, measured on one machine; only what they are to each other matters.
They are counted, never measured at run time: what a program computes must not depend on the load.
"""

from __future__ import annotations

from typing import Any

from .. import native_calls
from .group import Group
from .launched import Alike
from .plan import Plan
from .section import Section

CALL, RECORDED = 4.5, 16.0  # a compiled call, and one with its backward pass
MODULE = 2.0  # a call of a module
OP, WORD = 0.35, 0.8  # an op of the engine in machine code: elementwise or a view, or another
LOOP = 100.0  # a loop, or a choice, that Python would go through
TEXT = 1.5  # more for an op where calls are Python's
ELEMENTS = 4000  # that pass memory in a microsecond
GROWTH = 4  # how many times as large arguments may be, until that is to be looked at again


def worthwhile(plan: Plan, modules: int, nested: bool) -> bool:
    """Whether a plan is better than the function as it stands. modules: how many the function can
    reach; nested: whether it differentiates or maps functions, whose ops cost several times more.
    """
    if nested or plan.effects or plan.gradients:
        return True
    price = CALL if plan.backward is None else RECORDED
    more = TEXT if native_calls.refusal() else 0.0
    programs = [plan.program] if plan.backward is None else [plan.program, plan.backward]
    gain = MODULE * modules
    for program in programs:
        gain += sum(_price(n) + more for n in program.nodes)
        gain += sum(_passes(item) for item in program.items) / ELEMENTS
    return gain > price


def _price(node: Any) -> float:
    if "body" in node.static or "bodies" in node.static:
        return LOOP
    return OP if node.op.kind == "elementwise" or node.op.view else WORD


def _passes(item: Any) -> int:
    """Elements that are not written to memory, since a kernel hands them on."""
    if type(item) is Section:
        return sum(map(_passes, item.pieces))
    if type(item) not in (Group, Alike):
        return 0
    made = sum(v.size for n in item.nodes for v in n.outputs)
    return made - sum(v.size for v in item.outputs)


def elements(leaves: Any) -> int:
    """The size of the largest argument."""
    return max([x._a.size for x in leaves if hasattr(x, "_a")], default=0)
