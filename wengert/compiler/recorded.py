"""A compiled call within a graph that is being recorded: one node, whose backward is a program.

What the backward pass needs is kept by the node alone, and handed over to the program, which lets
each array go after its last use: a compiled step holds no more memory than eager mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autodiff import grad_api
from ..autodiff.function import Function
from ..autodiff.function_node import BackwardCFunction
from ..base import source
from ..base.modes import enable_grad, state
from ..base.pytree import flatten
from ..engine import views
from ..engine.node import FREED, FUNCTION, FUNCTION_MANY, Slot, freed, tick
from ..engine.tensor import Tensor, wrap
from . import storage


class Call:
    """A call that was recorded: what its backward pass reads, and what it was called with. record:
    of its shapes, in a plan for many.
    """

    __slots__ = ("args", "kwargs", "record", "saved", "states", "tick")

    def __init__(self, plan: Any, saved: list[Any], args: Any, kwargs: Any, record: Any) -> None:
        self.saved, self.args, self.kwargs, self.record = saved, args, kwargs, record
        self.tick = tick()
        self.states = plan.states() if plan.draws else ()


class CompiledFunction(Function):
    """What the node is called after; hooks of the node see its backward as a Function's."""

    @staticmethod
    def forward(*args: Any) -> Any:
        raise NotImplementedError("a compiled call is recorded by its plan")

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        node = ctx._node
        given = list(gs)
        if state.grad:
            return node.again(given)
        found = node.gradients([None if g is None else g._a for g in given], True)
        return tuple([None if a is None else wrap(storage.as_array(a)) for a in found])


class CompiledFunctionBackward(BackwardCFunction):
    """The node. plan: whose call it is; call: None once the graph has been freed."""

    function = CompiledFunction
    _forward_cls = CompiledFunction
    plan: Any
    call: Call | None

    def apply_backward(self, g: Any, create: bool, retain: bool) -> Any:
        """The gradients of the tensors that the plan has from elsewhere."""
        gs = g if type(g) is list else [g]
        if self.call is None:
            raise freed(self)
        if self.more is not None:
            result = super().apply_backward(g, create, retain)
        elif create:
            result = self.again([wrap(storage.as_array(x)) if _bare(x) else x for x in gs])
        else:
            return self.gradients([x._a if isinstance(x, Tensor) else x for x in gs], retain)
        if not retain:
            self.call = None
        return result

    def gradients(self, gs: list[Any], retain: bool) -> tuple[Any, ...]:
        """Run the program of the backward pass on arrays; None stands for nothing."""
        call, plan = self.call, self.plan
        if call is None:
            raise freed(self)
        if views.last_change[0] > call.tick:
            self.check(call)
        record = call.record
        for i, x in enumerate(gs):
            if x is None:
                v = plan.seeds[i]
                shape = v.shape if record is None else record.shapes[i]
                gs[i] = storage.filled(v.home, shape, 0, v.dtype)
        saved = call.saved
        if retain:
            saved = saved.copy()
        else:
            self.call = None
            del call
        given = () if record is None else (record.backward,)
        with plan.lock:
            found = plan.backward.run(*given, saved, *gs)
        return plan.spread(found)

    def check(self, call: Call) -> None:
        """RuntimeError if what the backward pass reads was changed since."""
        for a in (*call.saved, *self.plan.memory):
            change = views.changed_since(a, call.tick)
            if change is not None:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: [{a.dtype} {list(a.shape)}], in the compiled "
                    f"{self.plan.title}\n  It was changed at "
                    f"{source.describe(change.code, change.lasti)}\nHint: change it after "
                    "backward(), or save a copy with .clone()."
                )

    def again(self, gs: Sequence[Any]) -> tuple[Any, ...]:
        """Gradients that are recorded themselves: by the function as it stands."""
        call, plan = self.call, self.plan
        if call is None:
            raise freed(self)
        leaves = flatten((call.args, call.kwargs))[0]
        tensors = [t if at is None else leaves[at] for at, t, _ in plan.pulled]
        now = [(x, x.state()) for x, _ in call.states]
        for x, before in call.states:
            x.set_state(before)
        nodes = {id(t): (t, t._n) for t in tensors}
        try:
            with enable_grad():
                for t, n in nodes.values():  # one of them may depend on another
                    if n is not None:
                        t._n = t.view_as(t)._n
                out = plan.f(*call.args, **call.kwargs)
            outs = [t for t in flatten(out)[0] if isinstance(t, Tensor) and t._n is not None]
            wanted = [zeros_like(t) if g is None else g for g, t in zip(gs, outs)]
            return tuple(
                grad_api.grad(
                    outs[: len(wanted)], tensors, wanted, create_graph=True, allow_unused=True
                )
            )
        finally:
            for t, n in nodes.values():
                t._n = n
            for x, after in now:
                x.set_state(after)


class CompiledFunctionManyBackward(CompiledFunctionBackward):
    """The node of a call that returns several tensors."""

    role = FUNCTION_MANY


CompiledFunctionManyBackward.__name__ = CompiledFunctionBackward.__name__
CompiledFunctionBackward.role = FUNCTION
for _kind in (CompiledFunctionBackward, CompiledFunctionManyBackward):
    _kind.__module__ = "torch.autograd.function"


def zeros_like(t: Tensor) -> Tensor:
    """Zeros where a tensor is."""
    return wrap(storage.filled(storage.home(t._a), t._a.shape, 0, t._a.dtype))


def _bare(x: Any) -> bool:
    return x is not None and not isinstance(x, Tensor)


def record(plan: Any, call: Call, tensors: Sequence[Tensor], outs: Sequence[Tensor]) -> None:
    """Join the recorded results of a call to a new node. tensors: what they depend on."""
    many = len(outs) > 1
    n = (CompiledFunctionManyBackward if many else CompiledFunctionBackward)()
    n.plan, n.call = plan, call
    n.parents = tuple([t._n for t in tensors])
    n.needs_input_grad = (True,) * len(n.parents)
    n.materialize = False
    n.seq = n._tick = call.tick
    n.code, n.lasti = source.here(3)
    if many:
        n.shape = tuple([t._a.shape for t in outs])
        n.dtype = tuple([t._a.dtype for t in outs])
        for i, t in enumerate(outs):
            t._n = Slot(n, i, t._a.shape, t._a.dtype)
    else:
        (t,) = outs
        n.shape, n.dtype = t._a.shape, t._a.dtype
        t._n = n


class Used(Function):
    """A result whose graph was used up within the compiled function."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return wrap(x._a)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        raise RuntimeError(FREED)
