"""torch.utils.checkpoint: parts of a graph that are computed again instead of being kept.

The form without re-entry packs what operations save as empty places (`autodiff/saved_hooks.py`);
the first place that the backward pass opens runs the function again and fills all of them.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..api.generator import fork_rng, get_rng_state, set_rng_state
from ..api.overrides import DisableTorchFunction
from ..autodiff.function import Function
from ..autodiff.grad_api import backward
from ..autodiff.saved_hooks import saved_tensors_hooks
from ..base.advice import advise
from ..base.modes import enable_grad, no_grad, state
from ..engine.error_context import clear_errors
from ..engine.op_modes import as_then, carried
from ..engine.tensor import Tensor, wrap
from .checkpoint_policy import Log

__all__ = [
    "CheckpointError", "CheckpointFunction", "check_backward_validity", "checkpoint",
    "checkpoint_sequential", "detach_variable", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]  # fmt: skip


class CheckpointError(RuntimeError):
    """Running the function again saved other tensors than the first time."""


class _Enough(Exception):
    """Everything that is needed has been computed again."""


_early_stop: list[bool | None] = [None]
_debug: list[bool | None] = [None]


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within it, early_stop= of all checkpoints that are made.

    enable: whether.

    >>> with set_checkpoint_early_stop(False):
    ...     print("as it is")
    as it is
    """
    before, _early_stop[0] = _early_stop[0], enable
    try:
        yield
    finally:
        _early_stop[0] = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within it, debug= of all checkpoints; None leaves the choice to them.

    enabled: whether.

    >>> with set_checkpoint_debug_enabled(None):
    ...     print("as it is")
    as it is
    """
    before, _debug[0] = _debug[0], enabled
    try:
        yield
    finally:
        _debug[0] = before


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: the default around the first and the second run.

    >>> first, second = noop_context_fn()
    >>> with first:
    ...     print("as it is")
    as it is
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


class _Place:
    """Where a saved tensor will be when the function has run again."""

    __slots__ = ("frame", "facts", "value", "__weakref__")

    def __init__(self, frame: _Frame, facts: Any) -> None:
        self.frame, self.facts, self.value = frame, facts, None


class _Frame:
    """One checkpointed call: how to run it again, and the places that its operations made."""

    def __init__(self, run: Callable[..., Any], check: bool) -> None:
        self.run, self.check = run, check
        self.places: list[Any] = []  # weak references, in the order of saving
        self.inputs: Any = None  # gives the tensors among the arguments
        self.logs: list[Log] = []  # of the first and of the latest run, for debug=True
        self.depth = _depth()

    def pack(self, t: Tensor) -> Any:
        if _depth() > self.depth:  # a transform inside has its own passes, within this run
            return t
        place = _Place(self, (tuple(t.shape), t.dtype, t.device))
        self.places.append(weakref.ref(place))
        return place

    def unpack(self, place: Any) -> Tensor:
        if isinstance(place, Tensor):
            return place
        if place.value is None:
            self.again()
        value, place.value = place.value, None  # used once: memory goes as the pass goes on
        if value is None:
            raise CheckpointError(
                "torch.utils.checkpoint: a tensor that was saved in the first run was not saved "
                "when the function ran again: does it do the same each time?"
            )
        return value

    def again(self) -> None:
        """Run the function again and fill the places."""
        count, depth = 0, _depth()

        def keep(t: Tensor) -> Any:
            nonlocal count
            if _depth() > depth:
                return t
            if count >= len(self.places):
                self.fail(f"{len(self.places)} tensors were saved first, and now more")
            place = self.places[count]()
            count += 1
            if place is not None:
                facts = (tuple(t.shape), t.dtype, t.device)
                if self.check and facts != place.facts:
                    self.fail(
                        f"tensor {count - 1} was first {_shown(place.facts)} and is now "
                        f"{_shown(facts)}"
                    )
                place.value = wrap(t._a)
            if self.stop and count == len(self.places):
                raise _Enough
            return wrap(t._a)

        def refuse(t: Any) -> Tensor:
            return t

        with (
            contextlib.suppress(_Enough),
            enable_grad(),
            saved_tensors_hooks(keep, refuse),
            self.logged(1),
        ):
            self.run(self.inputs())
        if count < len(self.places):
            self.fail(f"{len(self.places)} tensors were saved first, and now {count}")

    stop = True
    debug = False

    def logged(self, which: int) -> Any:
        """The context that lists the operations of a run, if they are wanted."""
        if not self.debug:
            return contextlib.nullcontext()
        del self.logs[which:]
        self.logs.append(Log())
        return self.logs[-1]

    def fail(self, what: str) -> None:
        text = (
            "torch.utils.checkpoint: the function did not save the same tensors when it ran again: "
            f"{what}. It must do the same each time; check what depends on state outside of it."
        )
        for title, log in zip(("first run", "second run"), self.logs):
            text += f"\n\nOperations of the {title}:\n  " + "\n  ".join(log.lines)
        if not self.logs:
            text += " debug=True lists the operations of both runs."
        raise CheckpointError(text)


def _depth() -> int:
    """How many transforms that differentiate are open: a vmap has no passes of its own."""
    return state.levels - len(state.vmap)


def _shown(facts: Any) -> str:
    return f"{facts[1]} {list(facts[0])} on {facts[2]}"


class _Inputs(Function):
    """Saves the arguments, so that an outer checkpoint may drop them too."""

    @staticmethod
    def forward(ctx: Any, carrier: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return wrap(carrier._a)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise AssertionError("nothing depends on the carrier of saved arguments")

    @staticmethod
    def jvp(ctx: Any, carrier: Any, *tangents: Any) -> Any:
        return carrier  # the carrier never changes


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn if no tensor among inputs requires grad, so that none will get a gradient.

    Tensors have any shape. Raises TypeError where inputs is of the wrong type.

    >>> check_backward_validity([torch.ones(2, requires_grad=True)])
    """
    if not any(isinstance(t, Tensor) and t.requires_grad for t in inputs):
        advise("None of the inputs have requires_grad=True. Gradients will be None")


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors detached, each requiring grad if it did before; other values as they are.

    Tensors have any shape. Raises RuntimeError for anything but a tuple.

    inputs: the arguments.

    >>> detach_variable((torch.ones(1, requires_grad=True), 3))
    (tensor([1.], requires_grad=True), 3)
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported, not {type(inputs).__name__}")
    return tuple(
        [t.detach().requires_grad_(t.requires_grad) if isinstance(t, Tensor) else t for t in inputs]
    )


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default", debug: bool = False, early_stop: bool = True,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """function(*args) whose intermediate results are computed again in the backward pass.

    Args:
        function: does the same each time it is called with the same arguments.
        use_reentrant: False (recommended) is described above; True runs the function without a
            graph first, and backward() within the backward pass.
        context_fn: gives the contexts of the first and of the second run.
        preserve_rng_state: draw the same random numbers in the second run (default True).
        determinism_check: "default" compares shapes, dtypes and devices of what is saved; "none".
        debug: list the operations of both runs if they differ.
        early_stop: end the second run at the last tensor that is needed.

    Tensors have any shape. Raises ValueError for arguments that do not go together, CheckpointError
    (a RuntimeError) if the second run differs; TypeError where function is of the wrong type or an
    argument is no tensor.

    >>> block, x = torch.nn.Linear(4, 4), torch.ones(2, 4)
    >>> y = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant is None:
        advise(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Pass use_reentrant=False, which is recommended, or True to keep the old behaviour.",
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ('default', 'none'), not {determinism_check!r}"
        )
    first, second = context_fn()
    modes = [carry() for carry in carried]
    with DisableTorchFunction():
        rng = get_rng_state() if preserve else None
    tensors = [a for a in args if isinstance(a, Tensor)]
    plan = [_TENSOR if isinstance(a, Tensor) else a for a in args]  # without the tensors themselves

    def run(values: Sequence[Tensor]) -> None:
        it = iter(values)
        full = [next(it) if a is _TENSOR else a for a in plan]
        with _rng(rng), as_then(modes), second:
            function(*full, **kwargs)

    frame = _Frame(run, determinism_check == "default")
    frame.stop = early_stop if _early_stop[0] is None else _early_stop[0]
    frame.debug = debug if _debug[0] is None else _debug[0]
    with DisableTorchFunction():
        frame.inputs = _kept(tensors)
    if frame.inputs is None:
        with first:
            return function(*args, **kwargs)
    with saved_tensors_hooks(frame.pack, frame.unpack), frame.logged(0), first:
        return function(*args, **kwargs)


_TENSOR = object()  # stands for a tensor among the arguments


def _kept(tensors: list[Tensor]) -> Callable[[], list[Tensor]] | None:
    """A function that gives the arguments again, from where an outer checkpoint may put them; None
    in forward mode, whose tangents are not computed again.
    """
    from ..api import functions as T

    if not tensors:
        return list
    with enable_grad():
        carrier = _Inputs.apply(T.empty(0, requires_grad=True), *[wrap(t._a) for t in tensors])
    node = carrier._n
    flags = [t.requires_grad for t in tensors]
    if node is None:
        return None

    def again() -> list[Tensor]:
        return [wrap(t._a).requires_grad_(f) for t, f in zip(node.saved_tensors, flags)]

    return again


@contextlib.contextmanager
def _rng(rng_state: Any) -> Iterator[None]:
    """Within it, random numbers are drawn from a saved state."""
    if rng_state is None:
        yield
        return
    with fork_rng():
        set_rng_state(rng_state)
        yield


class CheckpointFunction(Function):
    """The form with re-entry: no graph first, and a backward pass within the backward pass.

    >>> from wengert.utils.checkpoint import checkpoint
    >>> x = torch.ones(2, requires_grad=True)
    >>> checkpoint(torch.sin, x, use_reentrant=True).sum().backward()
    >>> x.grad
    tensor([0.5403, 0.5403])
    >>> f = lambda x: x.sin()
    >>> x = torch.ones(1, requires_grad=True)
    >>> torch.utils.checkpoint.CheckpointFunction.apply(f, True, x).backward()
    >>> x.grad
    tensor([0.5403])
    """

    @staticmethod
    def forward(ctx: Any, run_function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        """run_function of args; preserve_rng_state: it draws the same numbers again."""
        ctx.function_, ctx.rng = run_function, get_rng_state() if preserve_rng_state else None
        ctx.modes = [carry() for carry in carried]
        ctx.args = [None if isinstance(a, Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.flags = [args[i].requires_grad for i in ctx.places]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        if not any(ctx.flags):
            advise("None of the inputs have requires_grad=True. Gradients will be None")
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        running = state.backward
        if running is not None and running.partial:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        args = list(ctx.args)
        for i, t, flag in zip(ctx.places, ctx.saved_tensors, ctx.flags):
            args[i] = wrap(t._a).requires_grad_(flag)
        with _rng(ctx.rng), as_then(ctx.modes), enable_grad():
            outs = ctx.function_(*args)
        outs = (outs,) if isinstance(outs, Tensor) else outs
        pairs = [(o, g) for o, g in zip(outs, grads) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[a.grad if isinstance(a, Tensor) else None for a in args])


@clear_errors
def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A sequence of modules in segments, each of which but the last is a checkpoint.

    Args:
        functions: nn.Sequential or a list of callables, applied one after another.
        segments: how many parts.

    input: what the first module gets.

    input has any shape that the first module takes. Raises TypeError where functions, segments or
    input is of the wrong type, segments is out of range, input has a shape that does not fit or
    input holds values out of range; RuntimeError where input has a shape that does not fit.

    >>> model, x = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh()), torch.ones(2, 4)
    >>> y = torch.utils.checkpoint.checkpoint_sequential(model, 2, x, use_reentrant=False)
    """
    if use_reentrant is None:
        advise(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly: use_reentrant=False is recommended.",
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments

    def part(start: int, end: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for f in steps[start:end]:
                x = f(x)
            return x

        return run

    at, x = 0, input
    for _ in range(segments - 1):
        x = checkpoint(
            part(at, at + size), x, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
        at += size
    return part(at, len(steps))(x)
