"""An update rule: what `start` and `update` of an optimizer are, and how a step applies them.

Parameters with equal options and counters form a batch, which takes its step with one formula on
raw arrays. Steps that are differentiated or traced, and rules that are not elementwise, work on
Tensors. Groups, hooks and saving are in `optimizer.py`.
"""

from __future__ import annotations

import functools
import inspect
import struct
from collections.abc import Callable
from typing import Any, TypeVar, overload

from ..api import functions as T
from ..arrays.lookup import INTERPRETER, NS, RANK
from ..base.dtypes import float32, float64, get_default_dtype
from ..base.modes import enable_grad, set_grad_enabled
from ..engine import native
from ..engine.tensor import Tensor
from ..engine.views import mutated
from .chunks import Batch
from .formula import record
from .hyperparameters import number, scalar
from .parameter_batch import Repeat, Work, array_names, cohorts

# options that this module deals with; `update` does not see them
FLAGS = frozenset(
    ("params", "param_names", "maximize", "foreach", "fused", "capturable", "differentiable")
)

T_ = TypeVar("T_")  # what a closure returns
NO_STATE: dict[str, Any] = {}  # one object for all, to be recognized at the next step


@functools.cache
def options_of(method: Callable[..., Any]) -> tuple[str, ...] | None:
    """The options that a `start` or `update` asks for by name; None: all of them."""
    parameters = inspect.signature(method).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def select(method: Any, group: dict[str, Any], value: Callable[[Any], Any]) -> dict[str, Any]:
    """The options in group that method wants, each passed through value."""
    names = options_of(method.__func__)
    if names is None:
        names = tuple(k for k in group if k not in FLAGS)
    return {name: value(group[name]) for name in names}


class State(dict):
    """The state of one parameter as `update` sees it: arrays, and counters as numbers."""

    kept: dict[str, Any]  # the counters as they are kept: 0-dimensional tensors

    def multiply(self, name: str, factor: Any) -> Any:
        """Multiply a counter in the precision in which it is kept; returns the product."""
        single = isinstance(self.kept[name], Tensor) and self.kept[name].dtype is float32
        if single and isinstance(factor, float):
            self[name] = _single(self[name] * _single(factor))
        else:
            self[name] = self[name] * factor
        return self[name]


def here(p: Tensor) -> Tensor:
    """What elementwise updates change: of a tensor dealt to ranks, this rank's part."""
    part: Tensor = p.on_part(p)[0] if hasattr(p, "on_part") else p
    return part


def _single(x: float) -> float:
    """x rounded to single precision."""
    (rounded,) = struct.unpack("f", struct.pack("f", x))
    return rounded


class Rule:
    """The part of an optimizer that changes parameters; see `Optimizer` for how to write one."""

    elementwise = True
    counters: tuple[str, ...] = ()
    sparse: str | None = None  # takes sparse gradients: None, "too", or "only" them
    state: Any
    defaults: dict[str, Any]
    param_groups: list[dict[str, Any]]

    # ---- what an optimizer defines

    def start(self, *args: Any, **options: Any) -> dict[str, Any]:
        """start(p, **options): the state of p before its first step."""
        return {}

    def update(self, *args: Any, **options: Any) -> None:
        """update(p, g, state, **options): change p, given its gradient g and its state."""
        raise NotImplementedError

    def only_rows(self, group: dict[str, Any]) -> bool:
        """Whether a sparse gradient leaves alone the rows that it does not hold."""
        return True

    @staticmethod
    def like(p: Tensor, value: float) -> Tensor:
        """A state tensor like p, full of value (in both parts if p is complex)."""
        if value == 0:
            return T.zeros_like(p)
        return T.full_like(p, complex(value, value) if p.is_complex() else value)

    # ---- a step

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], T_]) -> T_: ...

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have gradients; returns what closure returns.

        closure: evaluates the model again, calls backward() and returns the loss.
        """
        if type(self).update is Rule.update:
            raise NotImplementedError(f"{type(self).__name__} defines neither update() nor step()")
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with set_grad_enabled(bool(self.defaults.get("differentiable", False))):
            for i, group in enumerate(self.param_groups):
                self._step(i, group)
        return loss

    def _step(self, i: int, group: dict[str, Any]) -> None:
        """One step of the parameters of group number i."""
        if self._repeated(i, group):
            return
        work: list[Work] = []
        libraries: dict[type, Any] = {}
        as_tensors = group.get("differentiable", False) or not self.elementwise
        if as_tensors and group.get("foreach") and group.get("differentiable"):
            raise AssertionError("_foreach ops don't support autograd: leave foreach=True out")
        states, options = self.state, None
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            kind = type(p._a)
            if kind not in libraries:
                libraries[kind] = library(kind)
            lib = libraries[kind]
            rows = False
            if g.is_sparse:
                g, rows = self._sparse(g, group)
            elif self.sparse == "only":
                raise RuntimeError(
                    f"{type(self).__name__} does not support dense gradients, "
                    "please consider Adam instead"
                )
            state, own = states.get(p), p
            if lib is None and not as_tensors and hasattr(p, "on_part"):
                p, g = p.on_part(g)  # each rank changes its part
                lib = libraries[type(p._a)] = library(type(p._a))
            if not state:
                if options is None:
                    options = select(self.start, group, number)
                new = self.start(p, **options)
                state = self._begin(own, group, new) if new or group.get("fused") else NO_STATE
            if rows and lib is None:
                self._update_row_tensors(p, g, state, group)
            elif rows:
                self._update_rows(p, g, state, group, lib)
            elif as_tensors or lib is None:
                self._update_tensors(p, g, state, group)
            else:
                work.append((p, g, state))
        if work:
            self._update_arrays(i, work, group, libraries)

    def _sparse(self, g: Tensor, group: dict[str, Any]) -> tuple[Tensor, bool]:
        """g without repetitions and True, or made dense and False."""
        if self.sparse is None:
            raise RuntimeError(
                f"{type(self).__name__} does not support sparse gradients, please consider "
                "SparseAdam (or Adagrad, or SGD) instead"
            )
        if group.get("weight_decay", 0) != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        rows = self.only_rows(group) and not group.get("differentiable", False)
        return (g.coalesce(), True) if rows else (g.to_dense(), False)

    def _begin(self, p: Tensor, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        """Keep the state that `start` has made for p, its counters as tensors."""
        if group.get("fused") and not p.is_floating_point():
            raise RuntimeError(
                "`fused=True` requires all the params to be floating point Tensors of supported "
                f"devices: ['cpu', 'cuda'] but {p.dtype} and {p.device.type}"
            )
        if not state:
            return NO_STATE
        on_device = group.get("capturable") or group.get("fused")
        for name in self.counters:
            if isinstance(state[name], float):
                state[name] = T.tensor(
                    state[name],
                    dtype=counter_dtype(group),
                    device=p.device if on_device else "cpu",
                )
        self.state[p].update(state)
        return self.state[p]

    def _bind(
        self, group: dict[str, Any], value: Callable[[Any], Any]
    ) -> Callable[[Any, Any, dict[str, Any]], None]:
        """update with its options filled in; to maximize, it gets the negative gradient."""
        options = select(self.update, group, value)
        if group.get("maximize", False):
            return lambda p, g, state: self.update(p, g.neg(), state, **options)
        return lambda p, g, state: self.update(p, g, state, **options)

    def _counts(self, state: dict[str, Any], value: Callable[[Any], Any] = number) -> State:
        """The counters of a state, each passed through value, "step" advanced."""
        counts = State({c: value(state[c]) for c in self.counters})
        counts.kept = state
        if "step" in counts:
            counts["step"] = counts["step"] + 1
        return counts

    def _keep_counts(self, state: dict[str, Any], after: dict[str, Any]) -> None:
        """Store the counters as update left them."""
        for name in self.counters:
            old, new = state[name], after[name]
            if not isinstance(old, Tensor):
                state[name] = new
            elif isinstance(new, Tensor):
                old.copy_(new)
            else:
                old.fill_(new)

    # ---- the three ways to apply update

    def _update_arrays(
        self, i: int, work: list[Work], group: dict[str, Any], libraries: dict[type, Any]
    ) -> None:
        """On raw arrays: parameters with equal counters together, with one formula."""
        kept = self.__dict__.setdefault("_cohorts", {})
        plan = kept.get(i, ())
        if sum(len(c.places) for c in plan) != len(work) or not all(c.fits(work) for c in plan):
            plan = kept[i] = cohorts(libraries, work, self.counters)
        update = self._bind(group, number)
        for c in plan:
            after = self._counts(work[c.places[0]][2])
            formula, scalars = record(update, c.names, after, c.made)
            c.run(formula, [work[k][1]._a for k in c.places], scalars)
            c.finish(after)
        c, repeats = plan[0], self.__dict__.setdefault("_repeats", {})
        repeats.pop(i, None)
        params = group["params"]
        asked = native.steady is not None or not (c.names or c.counters)  # else none would be taken
        whole = asked and c.lasts and len(c.places) == len(params)
        if whole and all([p.is_leaf for p in params]):
            repeats[i] = Repeat(c, self.state, self._deciding(group))

    def _deciding(self, group: dict[str, Any]) -> Any:
        """The options that decide how a step is taken and whether there are states."""
        flags = [group.get(name) for name in ("differentiable", "fused")]
        return flags, select(self.start, group, number)

    def _repeated(self, i: int, group: dict[str, Any]) -> bool:
        """Take the step without looking for states, if it is like the last one."""
        repeat = self.__dict__.get("_repeats", {}).get(i)
        if repeat is None:
            return False
        found = repeat.gradients(group["params"], self.state, self._deciding(group))
        if found is None:
            return False
        c = repeat.cohort
        after = self._counts(c.members[0][2])
        formula, scalars = record(self._bind(group, number), c.names, after)
        c.run(formula, found, scalars)
        c.finish(after)
        return True

    def _update_rows(
        self, p: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any], lib: Any
    ) -> None:
        """On the rows that a coalesced sparse gradient holds."""
        names = array_names(state, self.counters)
        after = self._counts(state)
        formula, scalars = record(self._bind(group, number), names, after)
        self._keep_counts(state, after)
        values = g._values()._a
        if values.size == 0:
            return
        at = tuple(g._indices()._a)
        homes = [p._a, None, *(state[name]._a for name in names)]
        row = tuple(None if home is None else home[at] for home in homes)
        batch = Batch(lib, [row])
        batch.steps = after.get("step", 0)
        batch.run(formula, [values], scalars)
        for column in formula.outputs:
            homes[column][at] = row[column]
        mutated(p)

    def _update_row_tensors(
        self, p: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """The same with Tensor operations, on copies of the rows."""
        if not g._values().numel():
            self._keep_counts(state, self._counts(state))
            return
        at = tuple(g._indices().unbind(0))
        homes = {name: state[name] for name in array_names(state, self.counters)}
        rows = {**state, **{name: home[at] for name, home in homes.items()}}
        part = p.detach()[at]
        self._update_tensors(part, g._values(), rows, group)
        p.detach()[at] = part
        for name, value in rows.items():
            if name in homes:
                homes[name][at] = value
            else:
                state[name] = value

    def _update_tensors(
        self, p: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """With Tensor operations: recorded by autograd, traced, or not elementwise."""
        update = self._bind(group, scalar)
        # a trace must serve for every step: nothing may be read
        traced = RANK.get(type(p._a)) == INTERPRETER
        after = self._counts(state, scalar if traced else number)
        if not self.elementwise:
            after.update({k: v for k, v in state.items() if k not in self.counters})
            update(p, g, after)
            if state is not NO_STATE:
                state.update({k: v for k, v in after.items() if k not in self.counters})
                self._keep_counts(state, after)
            return
        names = array_names(state, self.counters)
        made = [k for k in names if state[k] is None]
        formula, scalars = record(update, names, after, made)
        homes = [p, g, *(state[name] for name in names)]
        # clones, lest the next step change what autograd has saved
        columns = [t if t is None else as_real(t.clone()) for t in homes]
        for column, value in formula.run_tensors(columns, scalars).items():
            value = T.view_as_complex(value) if p.is_complex() else value
            if homes[column] is None:
                state[names[column - 2]] = value.clone()
            else:
                homes[column].copy_(value)
        self._keep_counts(state, after)


def as_real(t: Tensor) -> Tensor:
    """t, a complex one as pairs of real numbers."""
    return T.view_as_real(t) if t.is_complex() else t


def library(kind: type) -> Any:
    """The array library whose arrays an update can run on directly, or None."""
    lib = getattr(NS[kind], "library", None)
    return lib if getattr(lib, "ndarray", None) is kind else None


def counter_dtype(group: dict[str, Any]) -> Any:
    """The dtype of counters: float32 unless float64 is the default dtype."""
    return float64 if get_default_dtype() is float64 and not group.get("fused") else float32
