"""Parameters of a group whose counters are equal, so that one formula updates them all.

A cohort is made once and kept as long as `fits` finds everything in its place: users may replace
parameters' data, states and counters between two steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..api import functions as T
from ..base import source
from ..engine import native
from ..engine.node import tick
from ..engine.tensor import Tensor
from ..engine.views import CHANGES, last_change, mutated, owner
from .chunks import Batch
from .formula import Formula
from .hyperparameters import number

Work = tuple[Tensor, Tensor, dict[str, Any]]  # a parameter, its gradient, its state


class Cohort:
    """The members at some places of a step's work.

    names: their state arrays; those of made are still None, and the update will make them.
    """

    def __init__(
        self,
        lib: Any,
        work: Sequence[Work],
        places: Sequence[int],
        counters: Sequence[str],
        names: Sequence[str],
        made: Sequence[str],
    ) -> None:
        self.lib, self.places, self.counters = lib, places, counters
        self.names, self.made = names, made
        self.members: list[Any] = []
        for i in places:
            p, _, state = work[i]
            arrays = [None if name in made else state[name]._a for name in names]
            counts = [state[c]._a if isinstance(state[c], Tensor) else None for c in counters]
            self.members.append((p, p._a, state, arrays, counts))
        self.length = len(work[places[0]][2])
        # states that are made now, and counters that are no tensors, have no place to be found in
        self.lasts = not made and not any(c is None for c in self.members[0][4])
        self.batch: Batch | None = None
        self.changes: list[Any] = []  # what the engine keeps of each member's memory
        self._note_counts()

    def run(self, formula: Formula, gradients: Sequence[Any], scalars: Sequence[float]) -> None:
        """Apply formula to all members, given the arrays of their gradients."""
        if self.batch is None:
            self.batch = Batch(self.lib, [self._row(formula, *m[:4]) for m in self.members])
        self.batch.run(formula, gradients, scalars)

    def _row(self, formula: Formula, p: Tensor, a: Any, state: Any, arrays: Sequence[Any]) -> Any:
        """The arrays of a member; the parameter's own stands in for those that are not used."""
        row = [a, None]
        for column, (name, x) in enumerate(zip(self.names, arrays), 2):
            used = column in formula.reads or column in formula.outputs
            if x is None and used:
                state[name] = T.empty_like(p, requires_grad=False)
                x = state[name]._a
            elif x is None or x.shape != a.shape:
                if used:
                    raise RuntimeError(
                        f"optimizer.step: a parameter has shape {tuple(p.shape)}, but its state "
                        f"{name} has {tuple(x.shape)}: was a state_dict of another model loaded?"
                    )
                self.lasts = False
                x = a
            row.append(x)
        return tuple(row)

    def _note_counts(self) -> None:
        counts = self.members[0][4]
        self.counts = [c.item() for c in counts] if self.lasts else []

    def fits(self, work: Sequence[Work]) -> bool:
        """Whether the members are at their places, with the same arrays and equal counters."""
        if not self.lasts:
            return False
        names, counters, expected = self.names, self.counters, self.counts
        for i, (p, a, state, arrays, counts) in zip(self.places, self.members):
            q, _, s = work[i]
            if q is not p or p._a is not a or s is not state or len(s) != self.length:
                return False
            for name, x in zip(names, arrays):
                t = s.get(name)
                if t is None or t._a is not x:
                    return False
            for name, x, value in zip(counters, counts, expected):
                t = s.get(name)
                if t.__class__ is not Tensor or t._a is not x or x.item() != value:
                    return False
        return True

    def finish(self, after: dict[str, Any]) -> None:
        """Announce the change of all members, and set their counters."""
        self.announce()
        values = [after[c] for c in self.counters]
        if values:
            for _, _, state, _, counts in self.members:
                for name, x, value in zip(self.counters, counts, values):
                    if x is None:
                        state[name] = value
                    else:
                        x[...] = value
        self._note_counts()

    def announce(self) -> None:
        """What `mutated` does for each member, with one look at the time and place for all."""
        if self.changes:
            now = last_change[0] = tick()
            code, lasti = source.here()
            for change in self.changes:
                change.count += 1
                change.tick, change.code, change.lasti = now, code, lasti
            return
        for p, *_ in self.members:
            mutated(p)
        found = [CHANGES.get(id(owner(a))) for _, a, *_ in self.members]
        if not any(change is None for change in found):
            self.changes = found


class Repeat:
    """A group whose parameters form one cohort: a step needs gradients alone while all else is as
    it was. Where there are states, machine code looks whether it is; without it nobody does.

    options: everything but the parameters and states that decides this.
    """

    def __init__(self, cohort: Cohort, states: Any, options: Any) -> None:
        self.cohort, self.states, self.options = cohort, states, options
        self.count = len(states)
        self.members = [(p, a, p._n) for p, a, *_ in cohort.members]

    def gradients(self, params: Sequence[Tensor], states: Any, options: Any) -> list[Any] | None:
        """The arrays of the gradients, or None if anything is not as it was."""
        if len(params) != len(self.members) or len(states) != self.count:
            return None
        if states is not self.states or options != self.options:
            return None
        c = self.cohort
        if c.names or c.counters:
            look = native.steady
            if look is None or not c.lasts:
                return None
            return look(params, states, c.members, c.names, c.counters, c.counts, c.length)
        found = []
        for p, (q, a, leaf) in zip(params, self.members):
            if p is not q or p._a is not a or p._n is not leaf or leaf is None:
                return None
            g = leaf.grad
            if g.__class__ is not Tensor or g._a.__class__ is not a.__class__:
                return None
            found.append(g._a)
        return found


def array_names(state: dict[str, Any], counters: Sequence[str]) -> tuple[str, ...]:
    """The entries of a state that are arrays or still None; users may keep other things there."""
    return tuple(
        [k for k, v in state.items() if (v is None or isinstance(v, Tensor)) and k not in counters]
    )


def cohorts(
    libraries: dict[type, Any], work: Sequence[Work], counters: Sequence[str]
) -> list[Cohort]:
    """work, divided into cohorts."""
    alike: dict[Any, list[int]] = {}
    times: Counter[int] = Counter()
    for i, (p, _, state) in enumerate(work):
        a = p._a
        names = array_names(state, counters)
        made = tuple([k for k in names if state[k] is None])
        counts = tuple([number(state[c]) for c in counters])
        # a parameter that is listed twice is updated twice, one after the other
        again = times[id(p)]
        times[id(p)] += 1
        key = (type(a), a.dtype, getattr(a, "device", None), names, made, counts, again)
        alike.setdefault(key, []).append(i)
    return [
        Cohort(libraries[key[0]], work, places, counters, key[3], key[4])
        for key, places in alike.items()
    ]
