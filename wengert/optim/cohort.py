"""Parameters of a group whose counters are equal, so that one formula updates them all.

A cohort is made once and kept as long as `fits` finds everything in its place: users may replace
parameters' data, states and counters between two steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..engine.tensor import Tensor
from ..engine.views import mutated
from ..tensor import functions as T
from .pieces import Batch
from .scalars import number

Work = tuple[Tensor, Tensor, dict[str, Any]]  # a parameter, its gradient, its state


class Cohort:
    """The members at some places of a step's work.

    names: their state arrays. made: those that are still None and that the update will make.
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
        self.places, self.counters, self.names, self.made = places, counters, names, made
        self.members: list[Any] = []
        rows = []
        for i in places:
            p, _, state = work[i]
            for name in made:
                state[name] = T.empty_like(p, requires_grad=False)
            arrays = [state[name]._a for name in names]
            for name, a in zip(names, arrays):
                if a.shape != p._a.shape:
                    raise RuntimeError(
                        f"optimizer.step: a parameter has shape {tuple(p.shape)}, but its state "
                        f"{name} has {tuple(a.shape)}: was a state_dict of another model loaded?"
                    )
            counts = [state[c]._a if isinstance(state[c], Tensor) else None for c in counters]
            self.members.append((p, p._a, state, arrays, counts))
            rows.append((p._a, None, *arrays))
        self.length = len(work[places[0]][2])
        # states that are made now, and counters that are no tensors, have no place to be found in
        self.lasts = not made and not any(c is None for c in self.members[0][4])
        self.batch = Batch(lib, rows)
        self._note_counts()

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
        values = [after[c] for c in self.counters]
        for p, _, state, _, counts in self.members:
            mutated(p)
            for name, x, value in zip(self.counters, counts, values):
                if x is None:
                    state[name] = value
                else:
                    x[...] = value
        self._note_counts()


def cohorts(
    libraries: dict[type, Any], work: Sequence[Work], counters: Sequence[str]
) -> list[Cohort]:
    """work, divided into cohorts."""
    alike: dict[Any, list[int]] = {}
    times: Counter[int] = Counter()
    for i, (p, _, state) in enumerate(work):
        a = p._a
        names = tuple([k for k in state if k not in counters])
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
