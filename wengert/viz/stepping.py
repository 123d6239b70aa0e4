"""The reverse pass written down: what arrives at each node, and what it passes on.

One ordinary pass runs with hooks on every node of the graph. Nothing of it stays: the leaves'
`.grad` is not touched, the graph is kept, and the nodes' hooks are as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..arrays.lookup import LIBRARY, NS, RANK, namespace
from ..autodiff.grad_api import with_mode
from ..engine.backward import collect, run, unbroadcast
from ..engine.node import FUNCTION, FUNCTION_MANY, OP, OP_MANY, WRITE, Slot
from ..engine.tensor import Tensor
from .array_summary import summary

BRIEFLY = 1200  # nodes from which on gradients are told in statistics only


class Steps:
    """The steps of one reverse pass, in its order: dicts for the page.

    A step: `v` the vertex, `in` what arrives at each of its outputs, `out` what goes to each of
    its operands (None where nothing goes).
    """

    def __init__(self, number: dict[Any, int]) -> None:
        self.number = number
        self.told: list[dict[str, Any]] = []
        self.at: dict[Any, dict[str, Any]] = {}
        self.sent: dict[Any, tuple[Any, Any]] = {}  # node -> (array on its way to it, summary)
        self.brief = len(number) > BRIEFLY
        self.error = ""

    def tell(self, g: Any) -> Any:
        """The summary of a gradient (None stays None)."""
        if g is None:
            return None
        a = g._a if isinstance(g, Tensor) else g
        return (
            summary(a, self.brief) if RANK.get(type(a), LIBRARY) == LIBRARY else {"s": "", "d": ""}
        )

    def step(self, n: Any) -> dict[str, Any]:
        """The step of a node, begun if it is new."""
        if n not in self.at:
            self.at[n] = {"v": self.number[n], "in": [], "out": []}
            self.told.append(self.at[n])
        return self.at[n]

    def arrived(self, n: Any, g: Any) -> None:
        """A node's whole incoming gradient is there."""
        a, told = self.sent.pop(n, (None, None))
        told = told if a is g else self.tell(g)
        if type(n) is not Slot:
            self.step(n)["in"] = [told]
            if n.role == WRITE:  # those run no hooks of their own
                self.passed(n, n.run(namespace(g), g), None)

    def arrived_as_tensor(self, n: Any, g: Tensor) -> None:
        """`arrived`, as a tensor's hook."""
        self.arrived(n, g._a)

    def passed(self, n: Any, outgoing: Any, incoming: Any) -> None:
        """A node has run."""
        s = self.step(n)
        if incoming is not None and n.many:
            s["in"] = [self.tell(g) for g in incoming]
        s["out"] = []
        for p, g in zip(n.parents, outgoing):
            told = self.tell(g) if p is not None else None
            if told is not None:
                self.sent[p] = (g._a if isinstance(g, Tensor) else g, told)
                dims = summed_over(tuple(g.shape), p.shape)
                if dims:  # what arrives is the sum; both are told
                    a = g._a if isinstance(g, Tensor) else g
                    whole = unbroadcast(namespace(a), a, tuple(p.shape))
                    told = {**told, "over": dims, "sum": self.tell(whole)}
            s["out"].append(told)


def summed_over(given: tuple[int, ...], wanted: Any) -> str:
    """The dimensions over which a gradient is summed because its operand was broadcast.

    >>> summed_over((4, 3), (3,)), summed_over((4, 3), (4, 1)), summed_over((4, 3), (4, 3))
    ('dim 0', 'dim 1', '')
    """
    if wanted is None or type(wanted) is list or given == tuple(wanted):
        return ""
    extra = len(given) - len(wanted)
    if extra < 0:
        return ""
    dims = [i for i in range(len(given)) if i < extra or wanted[i - extra] == 1 != given[i]]
    return "dim" + "s" * (len(dims) > 1) + " " + ", ".join(map(str, dims)) if dims else ""


@contextmanager
def listening(nodes: Sequence[Any], steps: Steps) -> Iterator[None]:
    """Within it, a pass over the nodes tells steps; their own hooks stay and come first."""
    before = [(n, n.hooks, n.more) for n in nodes]
    key = object()
    for n in nodes:
        if not n.many:
            n.hooks = {**(n.hooks or {}), key: partial(steps.arrived_as_tensor, n)}
        if n.role in (OP, OP_MANY, FUNCTION, FUNCTION_MANY):
            more = n.more or {}
            n.more = {**more, "post": {**more.get("post", {}), key: partial(steps.passed, n)}}
    try:
        yield
    finally:
        for n, hooks, more in before:
            n.hooks, n.more = hooks, more


def reverse_pass(
    outputs: Sequence[Tensor], gradients: Sequence[Tensor | None], number: dict[Any, int]
) -> Steps:
    """Run the reverse pass of outputs and write it down; an error ends it and is kept as text.

    gradients: what the outputs receive; None: ones.
    """
    roots = [t._n for t in outputs]
    seeds = [
        NS[type(t._a)].ones_like(t._a) if g is None else g._a for t, g in zip(outputs, gradients)
    ]
    steps = Steps(number)
    with listening(collect(roots), steps):
        try:
            with_mode(run, False, roots, seeds, True, False, None, {}, False)
        except Exception as e:  # whatever a rule or a user's hook raises belongs on the page
            steps.error = f"{type(e).__name__}: {e}"
    steps.at, steps.sent = {}, {}
    return steps
