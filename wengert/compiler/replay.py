"""Programs on a CUDA device as CUDA graphs: recorded once, then done again by one launch, where
`mode="reduce-overhead"` or "max-autotune" asks for it.

A graph works in the memory that it was recorded with: what a call gives is copied there first, and
what it returns is copied out. What cannot be recorded runs as it did before, for one reason, which
`report` tells. None of this has run on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..api.cuda_graphs import CUDAGraph, graph
from ..engine.overlap import owner
from . import storage
from .launched import Launches

WARM = 2  # calls before a graph is recorded: kernels are compared with the library's calls in them
MOST = 4  # graphs of one program, and how many may serve a single call one after the other


class Recorded:
    """A graph, where it reads what a call gives, and what it computes."""

    def __init__(self, graph: Any, inputs: list[Any], results: list[Any]) -> None:
        self.graph, self.inputs, self.results = graph, inputs, results


class Replay:
    """run(*given) of a program, by a graph once it is warm. written: the places of results that are
    written elsewhere at once, and need no copy; what is returned to the program comes before.
    """

    def __init__(self, program: Any, fixed: dict[int, Any], written: range) -> None:
        self.program, self.written, self.handed = program, frozenset(written), written.start
        self.owners = {id(owner(a)) for a in fixed.values()}
        self.why = refusal(program, fixed)  # why there is no graph
        self.calls, self.launches = 0, 0
        self.once = 0  # graphs in a row that served one call
        self.known: dict[Any, Recorded] = {}  # by the numbers that were given

    def __call__(self, *given: Any) -> list[Any]:
        """The results, in memory of their own."""
        if self.why:
            return self.program.run(*given)
        self.calls += 1
        numbers = tuple([a.item() for a in given if storage.home(a) is None])
        found = self.known.get(numbers)
        if found is None:
            if self.calls <= WARM:
                return self._warm(given)
            if self.once >= MOST:
                self.why = "numbers that it takes from this machine change at every call"
                self.known.clear()
                return self.program.run(*given)
            self.once += 1
            if len(self.known) >= MOST:
                del self.known[next(iter(self.known))]
            try:
                found = self.known[numbers] = self._record(given)
            except Exception as e:
                self.why = f"it cannot be recorded: {e}"
                return self.program.run(*given)
        else:
            self.once = 0
        for place, a in zip(found.inputs, given):
            if place is not None and place is not a:
                storage.write(place, a)
        found.graph.replay()
        self.launches += 1
        return [
            a if k in self.written or id(owner(a)) in self.owners else storage.copy(a)
            for k, a in enumerate(found.results)
        ]

    def _warm(self, given: Sequence[Any]) -> list[Any]:
        """A call in which each group is a launch of its own, as in a graph."""
        tables = [k for k in self.program.kernels if type(k) is Launches]
        for k in tables:
            k.one_by_one = True
        try:
            found: list[Any] = self.program.run(*given)
        finally:
            for k in tables:
                k.one_by_one = False
        return found

    def _record(self, given: Sequence[Any]) -> Recorded:
        inputs = [None if storage.home(a) is None else storage.copy(a) for a in given]
        recorded = CUDAGraph()
        with graph(recorded):
            results = self.program.run(*[g if a is None else a for a, g in zip(inputs, given)])
        own = {id(owner(a)) for a in inputs if a is not None}
        if any(id(owner(a)) in own for a in results[: self.handed]):
            raise RuntimeError("it returns memory of its arguments")
        return Recorded(recorded, inputs, results)


def refusal(program: Any, fixed: dict[int, Any]) -> str:
    """Why a program cannot be a graph; empty if it may be one."""
    homes = {n.home.name for n in program.nodes if n.home is not None}
    if len(homes) != 1 or not next(iter(homes)).startswith("cuda"):
        return f"it runs on {' and '.join(sorted(homes)) or 'the CPU'}, not on one CUDA device"
    if any(n.draws for n in program.nodes):
        return "it draws random numbers, which would be the same each time"
    if program.needs is not None:
        return "the shapes of its arguments change"
    used = {v.number for n in program.nodes for v in n.values()}
    if any(type(a) is np.ndarray and k in used for k, a in fixed.items()):
        return (
            "it reads tensors of the CPU, which may change (an optimizer counts its steps there: "
            "capturable=True)"
        )
    return ""
