"""The calls of one compiled function: which plan serves a call, and what happens where none does.

A call without a plan is captured, which is the call itself, done as always. What the capture found
becomes a plan for the next calls like it. Where a capture was stopped, or there are too many plans,
the function runs as it stands from then on, and one warning says why.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..autodiff.saved_hooks import HOOKS
from ..base.advice import advise
from ..base.modes import state
from ..base.pytree import flatten
from ..engine.op_modes import HERE
from ..engine.tensor import Tensor
from . import decisions, scan_loop  # noqa: F401 (captures know loops by them)
from .capture import Capture, Redo
from .plan import Failed, Plan
from .settings import dynamo
from .settings import stance as STANCE
from .settle import Before, Settled, check_memory, record_backward, settle, undo
from .shapes import MOST, Position, common
from .surroundings import HOOKS as HOOKED
from .surroundings import look
from .worth import GROWTH, elements, worthwhile

LOCK = threading.RLock()  # held during a capture: functions may share tensors
OURS = ("torch", "wengert")  # packages whose kinds of tensors have no ways of their own
LIMIT = 8  # plans for one function
MANY = 16  # shapes that a plan for many knows before it is asked whether they come again
TRIES = 3  # captures in a row in which the function keeps new tensors


class Broken(RuntimeError):
    """What a function that has to be one graph does and a graph cannot hold."""


Broken.__name__ = Broken.__qualname__ = "Unsupported"
Broken.__module__ = "torch._dynamo.exc"


class Calls:
    """See the module. whole: an error instead of running as it stands."""

    def __init__(
        self, f: Callable[..., Any], whole: bool = False, limit: int | None = None,
        dynamic: bool | None = None, graphs: bool = False,
    ) -> None:  # fmt: skip
        self.f, self.whole, self.limit = f, whole, LIMIT if limit is None else limit
        self.dynamic, self.graphs = dynamic, graphs
        self.plans: list[Plan] = []
        self.met: set[Any] = set()  # shapes of arguments that are no plan's yet
        self.given_up = ""  # why the function runs as it stands
        self.said = False
        self.begun = whole  # whether an optimizer's first step, which makes its states, is over
        self.kept_new = 0  # captures in a row whose tensors escaped
        # arguments of up to so many elements cost less as it stands than compiled
        self.light = 0
        self.misses: list[str] = []
        self.counts = {"compiled": 0, "captured": 0, "as it stands": 0}

    def forget(self) -> None:
        """Begin anew."""
        self.plans, self.given_up, self.said, self.kept_new = [], "", False, 0
        self.misses, self.light, self.met = [], 0, set()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.light and not kwargs:
            for x in args:
                if type(x) is Tensor and x._a.size > self.light:
                    break
            else:
                return self.f(*args)
        if state.levels or HERE.modes or HOOKS.pairs or state.capture is not None:
            return self.f(*args, **kwargs)
        leaves: Any = flatten((args, kwargs))[0] if kwargs or not plain(args) else args
        for plan in self.plans:
            if plan.guards.fits(leaves):
                try:
                    found = plan.run(leaves, args, kwargs)
                except Failed:
                    return self.f(*args, **kwargs)  # which says what is wrong
                self.counts["compiled"] += 1
                return found
        small = self.light and elements(leaves) <= self.light
        if small or self.given_up or not self.takes(leaves) or self.passing(leaves):
            self.counts["as it stands"] += 1
            return self.f(*args, **kwargs)
        return self.capture(leaves, args, kwargs)

    def takes(self, leaves: Any) -> bool:
        """Whether a call like this may be captured now."""
        if self.plans and STANCE[0] == "fail_on_recompile":
            raise RuntimeError(
                f"{self.title()} would have to be compiled again, and the stance is "
                f"'fail_on_recompile': {self.plans[-1].guards.reason(leaves)} is different"
            )
        if self.plans and STANCE[0] == "eager_on_recompile":
            return False
        return not any(
            isinstance(x, Tensor) and type(x).__module__.partition(".")[0] not in OURS
            for x in leaves
        )

    def passing(self, leaves: Any) -> bool:
        """Whether arguments have shapes that may never come again: where most do not, they are
        worth a capture at their second coming.
        """
        for plan in self.plans:
            if MANY <= len(plan.records) > plan.uses:
                break
        else:
            return False
        shapes = tuple([x._a.shape for x in leaves if isinstance(x, Tensor)])
        if shapes in self.met:
            return False
        if len(self.met) >= MOST:
            self.met.clear()
        self.met.add(shapes)
        return True

    def capture(self, leaves: Any, args: Any, kwargs: Any) -> Any:
        """Make the call, and a plan for the next ones."""
        with LOCK:
            if len(self.plans) >= self.limit and not any(p.open for p in self.plans):
                self.exhausted()
                return self.f(*args, **kwargs)
            self.counts["captured"] += 1
            with uncollected():
                try:
                    return self.captured(leaves, args, kwargs, True)
                except Redo:
                    return self.captured(leaves, args, kwargs, False)

    def captured(self, leaves: Any, args: Any, kwargs: Any, numbers: bool) -> Any:
        """One capture. numbers: whether options of optimizers are inputs; if that is not possible,
        Redo is raised, and they are part of the plan.
        """
        roots = [("the function", self.f), *[(f"argument {i}", x) for i, x in enumerate(leaves)]]
        around = look([r for r in roots if not isinstance(r[1], Tensor)])
        if around.fresh and not self.begun:
            self.begun = True
            self.counts["captured"] -= 1
            return self.f(*args, **kwargs)
        last = self.plans[-1].guards if self.plans else None
        why = "" if last is None or any(p.open for p in self.plans) else last.reason(leaves)
        capture = Capture(around, numbers)
        settled = Settled(capture)
        before = Before(capture)
        try:
            with capture:
                capture.lift_all([x for x in leaves if isinstance(x, Tensor)])
                result = self.f(*args, **kwargs)
                settled.nested = capture.nested
                capture.check_draws()
                check_memory(capture)
                record_backward(capture, settled, result)
        except Exception as e:
            undo(capture, before)
            if numbers and capture.numbers:
                raise Redo from e
            result = self.f(*args, **kwargs)  # which raises, if that was the program's error
            what = str(e) if isinstance(e, Redo) else f"it fails where it is captured: {e!r}"
            self.stop((what, "", "keep that part out of the function"))
            return result
        except BaseException:
            undo(capture, before)
            raise
        settle(capture, settled, result, before)
        self.enter(capture, settled, leaves, why)
        return result

    def enter(self, capture: Capture, settled: Settled, leaves: Any, why: str) -> None:
        """Keep what was captured as a plan, if it can serve again. why: what was not as it was."""
        if capture.stopped is not None:
            self.stop(capture.stopped)
            return
        if settled.escaped:
            self.kept_new += 1
            if self.kept_new >= TRIES:
                self.stop(
                    (
                        "it keeps tensors that it has made, at every call",
                        "",
                        "return them, or copy_ them into a tensor that is there already",
                    )
                )
            return
        self.kept_new = 0
        made = Plan(self.f, settled, list(leaves))
        taken = next((p for p in self.plans if p.take(made.form)), None)
        plan = taken or made
        if not plan.guards.fits(leaves):
            if taken is not None:
                taken.records.pop(taken.open.key(made.form))  # type: ignore[union-attr]
            reason = plan.guards.reason(leaves)
            if reason == "whether there are gradients already":
                return  # the first step: there are some from now on
            self.stop((f"it changes {reason} itself", "", "change that outside of the function"))
            return
        if taken is not None:
            return
        if len(self.plans) >= self.limit:
            self.exhausted()
            return
        if self.plans:
            why = why or self.plans[-1].guards.reason(leaves)
            self.misses.append(why or "a plan that was dropped")
        plan.make(settled, self.slots(plan, leaves))
        if self.graphs:
            plan.replayed()
        if not worthwhile(plan, len(capture.surroundings.hooks) // len(HOOKED), settled.nested):
            self.light = GROWTH * max(1, elements(leaves))
            return
        plan.take(plan.form)
        self.plans.append(plan)

    def slots(self, plan: Plan, leaves: Any) -> set[Position] | None:
        """What a new plan leaves open, to be one for many shapes; None if it is for its own."""
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        marked = any(getattr(x, "_dynamo_dynamic_indices", None) for x in tensors)
        asked = self.dynamic or marked or any(p.open for p in self.plans)
        if self.dynamic is False or not (asked or dynamo.automatic_dynamic_shapes):
            return None
        slots = common(plan.form, [p.form for p in self.plans], 1 if asked else 2)
        for i, x in enumerate(leaves):  # dimensions that somebody says stay as they are
            still = getattr(x, "_dynamo_static_indices", ()) if isinstance(x, Tensor) else ()
            for p in self.plans:
                before = p.form.things.get(("argument", i), ())
                now = plan.form.things.get(("argument", i), ())
                if any(d < len(now) == len(before) and now[d] != before[d] for d in still):
                    return None
        return slots

    def exhausted(self) -> None:
        """Give up, since too much changes."""
        changing = dict.fromkeys(self.misses[-self.limit :])
        self.give_up(
            f"it was compiled {self.limit} times, and then something was different again: "
            f"{'; '.join(changing) or 'its surroundings'}"
        )

    def stop(self, stopped: tuple[str, str, str]) -> None:
        """Give up for a reason (what, the line, what to write)."""
        what, line, instead = stopped
        text = f"{what}" + (f"\n  {line}" if line else "") + f"\nHint: {instead}."
        if self.whole:
            raise Broken(f"{self.title()} cannot be compiled as one graph: {text}")
        self.give_up(text)

    def give_up(self, why: str) -> None:
        self.given_up = why
        if not self.said:
            self.said = True
            advise(f"torch.compile: {self.title()} runs as it stands from now on: {why}")

    def title(self) -> str:
        return getattr(self.f, "__qualname__", None) or type(self.f).__qualname__


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Garbage waits: a graph is many objects that live, and a look through all of a session's takes
    as long as to compile a network.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def plain(args: Any) -> bool:
    """Whether arguments are tensors and nothing else."""
    return all([type(x) is Tensor for x in args])
