"""backward() and grad(): where to start, what to reach, and what to give back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import attrgetter
from typing import Any

from ..arrays.capabilities import writeable
from ..arrays.lookup import HOSTED, LIBRARY, NS, RANK, default_namespace, namespace
from ..base import warmup
from ..base.advice import advise
from ..base.modes import record, state
from ..engine import native, recording
from ..engine.backward import collect, run, walk
from ..engine.node import LEAF
from ..engine.tensor import Tensor, tensor_of, wrap
from . import anomaly
from .batched import vmap_raw
from .graph import GradientEdge

node_of = attrgetter("_n")


def raw_saved(node: Any, place: int) -> Any:
    """What a node has saved at a place, to be given hooks."""
    from .saved_values import SavedTensor

    return SavedTensor(node, place)


recording.raw_saved = raw_saved


def seeds_for(outputs: Sequence[Tensor], gradients: Any, create: bool, what: str) -> list[Any]:
    """The cotangents of outputs, checked: ones for scalars."""
    if len(gradients) != len(outputs):
        raise RuntimeError(f"{what}: got {len(outputs)} tensors and {len(gradients)} gradients")
    seeds: list[Any] = []
    for t, g in zip(outputs, gradients):
        if isinstance(g, Tensor):
            a, b = g._a, t._a
            if a.dtype is b.dtype and a.shape == b.shape:
                seeds.append(g if create else a)
                continue
        if g is None:
            if t._n is None:
                seeds.append(None)
                continue
            if t._a.size != 1:
                place = "" if t._n.code is None else f"\n  It was recorded at {t._n.where()}"
                raise RuntimeError(
                    "grad can be implicitly created only for scalar outputs; the output has shape"
                    f" {tuple(t._a.shape)}: reduce it (.sum(), .mean()) or pass a gradient of that"
                    f" shape{place}"
                )
            if t.dtype.is_complex:
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {t.dtype}"
                )
            xp = namespace(t._a)
            g = xp.ones_like(t._a)
            seeds.append(tensor_of(g) if create else g)
            continue
        if not isinstance(g, Tensor):
            raise TypeError(
                f"{what}: gradients can be either Tensors or None, but got {type(g).__name__}"
            )
        if tuple(g._a.shape) != tuple(t._a.shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output has a shape of {tuple(g._a.shape)} and output has"
                f" a shape of {tuple(t._a.shape)}: pass a gradient of the output's shape"
            )
        if g.dtype.is_complex != t.dtype.is_complex and t._n is not None:
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same"
                f" dtype. Mismatch: grad_output is {g.dtype}, output is {t.dtype}"
            )
        seeds.append(g if create else g._a)
    return seeds


def given(gradients: Any, n: int, what: str) -> Any:
    """The cotangents of n outputs as a sequence, whatever form they were given in."""
    if gradients is None:
        return [None] * n
    if isinstance(gradients, Tensor):
        return (gradients,)
    try:
        return tuple(gradients)
    except TypeError:
        raise TypeError(
            f"{what}: gradients can be either Tensors or None, but got {type(gradients).__name__}:"
            " pass a Tensor of the output's shape"
        ) from None


def require_graph(outputs: Sequence[Tensor]) -> None:
    for i, t in enumerate(outputs):
        if t._n is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn: nothing"
                " was recorded for it. Was it computed from tensors with requires_grad=True,"
                " outside of torch.no_grad(), without .detach() or .item()?"
            )


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
    grad_variables: Any = None,
) -> None:
    """Add the gradients of tensors to the `.grad` of the leaves (torch.autograd.backward).

    tensors, grad_tensors: one Tensor or a sequence; the cotangents have the outputs' shapes.
    inputs: accumulate only into these. grad_variables: the former name of grad_tensors.

    retain_graph: keep what was saved, for another pass; None: as create_graph. create_graph:
    record the pass itself, for derivatives of derivatives.

    tensors have any shape. Raises TypeError where tensors is of the wrong type; RuntimeError where
    tensors holds integers, booleans or complex numbers.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.autograd.backward((3 * x).sum())
    >>> x.grad
    tensor([3., 3.])
    """
    if create_graph:
        advise(
            "Using backward() with create_graph=True will create a reference cycle between the"
            " parameter and its gradient which can cause a memory leak. We recommend using"
            " autograd.grad when creating the graph to avoid this. If you have to use this"
            " function, make sure to reset the .grad fields of your parameters to None after use to"
            " break the cycle and avoid the leak.",
            once=True,
        )
    outs: Any = (tensors,) if isinstance(tensors, (Tensor, GradientEdge)) else tuple(tensors)
    if grad_variables is not None:
        advise("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning)
    gs = given(grad_variables if grad_tensors is None else grad_tensors, len(outs), "backward")
    outs, roots = edges(outs)
    if None in roots:
        require_graph(outs)
    if inputs is not None:
        inputs = (inputs,) if isinstance(inputs, (Tensor, GradientEdge)) else tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward` cannot be empty.")
    seeds = seeds_for(outs, gs, create_graph, "backward")
    retain = create_graph if retain_graph is None else retain_graph
    only = None
    if inputs is not None:
        nodes = []
        for i, t in enumerate(inputs):
            if t._n is None:
                raise RuntimeError(
                    f"One of the differentiated Tensors (input {i}) does not require grad"
                )
            nodes.append(t._n)
            if t._n.role != LEAF:
                t.retain_grad()  # for good, as in PyTorch
        only = {*nodes, *(between(roots, nodes, walk(roots)) or collect(roots))}
        only = {n for n in only if n.role != LEAF or n in nodes}
    args: Any = (roots, seeds, retain, create_graph, only, {}, True)
    plain = inputs is None and not (create_graph or state.levels)
    if plain and native.backward is not None and len(outs) == 1 and type(outs[0]) is Tensor:
        with_mode(watched(native.backward, outs[0], gs[0]), False, *args)
    else:
        with_mode(run, create_graph, *args)


def watched(machine: Callable[..., Any], out: Tensor, gradient: Any) -> Callable[..., None]:
    """A pass in machine code, if nothing but hooks of leaves is in its way, or else run()."""

    def f(roots: Any, seeds: Any, retain: bool, *rest: Any) -> None:
        if machine(out, retain, gradient, True) is not None:
            run(roots, seeds, retain, *rest)

    return f


def edges(outs: Sequence[Any]) -> tuple[Sequence[Any], list[Any]]:
    """Outputs given as tensors or edges, with their nodes."""
    try:
        return outs, list(map(node_of, outs))
    except AttributeError:  # some are edges
        pass
    roots = [o.end() if isinstance(o, GradientEdge) else o._n for o in outs]
    return [edge_tensor(o) if isinstance(o, GradientEdge) else o for o in outs], roots


def edge_tensor(e: GradientEdge) -> Any:
    """A stand-in tensor for an edge (its shape and dtype are all that is asked)."""
    n = e.end()
    return wrap(default_namespace().zeros(n.shape, n.dtype), n)


class Pass:
    """What runs now: for hooks that ask whether a node will be reached."""

    def __init__(
        self, roots: Sequence[Any], only: set[Any] | None, partial: bool, before: Any
    ) -> None:
        self.roots, self.only, self.before = roots, only, before
        self.partial = partial  # whether it is for chosen tensors and not for all leaves
        self.nodes: set[Any] | None = None
        self.device: Any = None  # the namespace of the current device
        self.devices: ExitStack | None = None  # their contexts, once there are several
        self.callbacks: list[Callable[[], object]] = []  # for its end

    def on(self, xp: Any) -> None:
        """Make a namespace's device the current one, for the rest of the pass."""
        if xp is not self.device:
            self.device = xp
            self.devices = self.devices or ExitStack()
            self.devices.enter_context(xp.current())

    def reaches(self, n: Any) -> bool:
        """Whether the pass runs node n."""
        if self.nodes is None:
            self.nodes = set(collect(self.roots))
        return n in self.nodes and (self.only is None or n in self.only)


def with_mode(f: Any, create: bool, *args: Any) -> None:
    """Run a pass with recording on only for create_graph (lower interpreter levels keep recording).

    args: those of run().
    """
    grad, before = state.grad, state.backward
    this = Pass(args[0], args[4], args[4] is not None or not args[6], before)
    try:  # from here on: a signal's handler may raise anywhere
        record(create or (grad and state.levels > 0))
        state.backward = this
        if anomaly.MODE.anomaly:
            anomaly.watch(collect(args[0]))
        f(*args)
        callbacks = this.callbacks
        while callbacks:
            callbacks.pop(0)()
    finally:
        state.backward = before
        try:
            record(grad)
        except BaseException:  # raised before the first line of it was reached
            record(grad)
            raise
        if this.devices is not None:
            this.devices.close()


def queue_callback(callback: Callable[[], object]) -> None:
    """Have callback called once, at the end of the backward pass that runs in this thread, when all
    gradients are there; for hooks that start work which has to be waited for.

    Callbacks run in the order they came in, may queue others, and record nothing (but for
    create_graph). If the pass fails they are not called. RuntimeError outside of a backward pass.
    """
    if state.backward is None:
        raise RuntimeError("Final callbacks can only be installed during backward pass.")
    state.backward.callbacks.append(callback)


def between(
    roots: Sequence[Any], targets: Sequence[Any], walked: tuple[list[Any], dict[Any, int]]
) -> set[Any] | None:
    """The nodes on paths from roots to targets; None if every path leads to a target. walked: what
    walk(roots) gave.
    """
    order, users = walked
    good = set(targets)
    if users.keys() <= good:
        for t in good:
            if t.role != LEAF:
                break
        else:
            return None
    for n in reversed(order):
        if n not in good:
            for p in n.parents:
                if p in good:
                    good.add(n)
                    break
    return good


NO_INPUTS = "`inputs` argument to `grad()` cannot be empty."


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Gradients of outputs with respect to inputs, returned instead of accumulated
    (torch.autograd.grad).

    outputs, inputs: a Tensor or a sequence. grad_outputs: cotangents of the outputs' shapes
    (None: ones for scalars). allow_unused: give None for inputs that the outputs do not depend
    on, instead of an error. is_grads_batched: the cotangents have a batch dimension in front, and
    so have the results. only_inputs: always true.

    retain_graph: keep what was saved, for another pass; None: as create_graph. create_graph:
    record the pass itself, for derivatives of derivatives. materialize_grads: zeros instead of
    None for inputs that are not used.

    Raises TypeError where outputs or inputs is of the wrong type; RuntimeError where outputs or
    inputs holds integers, booleans or complex numbers, inputs has a shape that does not fit or
    inputs holds values out of range.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.autograd.grad((3 * x).sum(), x)
    (tensor([3., 3.]),)
    """
    if warmup.begin:
        warmup.used(10)
    ask = native.grad
    plain = only_inputs and not (create_graph or is_grads_batched or state.levels)
    if ask is not None and plain and (allow_unused or not materialize_grads):
        found = ask(outputs, inputs, grad_outputs, bool(retain_graph))
        if type(found) is tuple:
            if not found:
                raise RuntimeError(NO_INPUTS)
            return found
        if type(found) is list:  # some are not reached
            said = allow_unused, materialize_grads
            each = enumerate(zip((inputs,) if isinstance(inputs, Tensor) else inputs, found))
            return tuple([not_reached(i, t, *said) if g is None else g for i, (t, g) in each])
    if not only_inputs:
        advise(
            "only_inputs argument is deprecated and is ignored now (defaults to True)",
            FutureWarning,
        )
    outs: Any = (outputs,) if isinstance(outputs, (Tensor, GradientEdge)) else tuple(outputs)
    ins = (inputs,) if isinstance(inputs, (Tensor, GradientEdge)) else tuple(inputs)
    if not ins:
        raise RuntimeError(NO_INPUTS)
    plainly = type(grad_outputs) is list or type(grad_outputs) is tuple
    gs = grad_outputs if plainly else given(grad_outputs, len(outs), "grad")
    if allow_unused is None:
        allow_unused = materialize_grads
    if materialize_grads and not allow_unused:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            f"allow_unused={allow_unused}."
        )
    if is_grads_batched:

        def one(*cotangents: Any) -> Any:
            it = iter(cotangents)
            full = [None if g is None else next(it) for g in gs]
            return grad(
                outs, ins, full, retain_graph=True, create_graph=create_graph,
                allow_unused=allow_unused, materialize_grads=materialize_grads,
            )  # fmt: skip

        return tuple(vmap_raw(one, [g for g in gs if g is not None]))
    outs, roots = edges(outs)
    if None in roots:
        require_graph(outs)
    seeds = seeds_for(outs, gs, create_graph, "grad")
    nodes = []
    for i, t in enumerate(ins):
        n = t.end() if isinstance(t, GradientEdge) else t._n
        if n is None:
            raise RuntimeError(
                f"One of the differentiated Tensors does not require grad: inputs[{i}] of shape "
                f"{tuple(t._a.shape)}; call .requires_grad_() on it before the computation"
            )
        nodes.append(n)
    walked = walk(roots)
    only = between(roots, nodes, walked)
    captures: dict[Any, list[Any]] = {}
    for n in nodes:
        captures[n] = []
    retain = create_graph if retain_graph is None else retain_graph
    with_mode(run, create_graph, roots, seeds, retain, create_graph, only, captures, False, walked)
    result: list[Any] = []
    for i, (t, n) in enumerate(zip(ins, nodes)):
        got = captures[n]
        if not got:
            result.append(not_reached(i, t, allow_unused, materialize_grads))
        else:
            g = got[0]
            if not isinstance(g, Tensor):
                g = tensor_of(g if type(g) in HOSTED and g.base is None else own(g))
            # sparse tensors have theirs
            like = None if type(t) is Tensor else getattr(type(t), "gradient_like", None)
            result.append(g if like is None else like(t, g))
    return tuple(result)


def not_reached(i: int, t: Any, allow_unused: bool | None, materialize: bool) -> Any:
    """What grad() gives for input i, to which no gradient has come."""
    if not allow_unused:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph:"
            f" inputs[{i}]. Set allow_unused=True if this is the desired behavior."
        )
    if materialize and isinstance(t, Tensor):
        return tensor_of(namespace(t._a).zeros_like(t._a))
    return None


def own(g: Any) -> Any:
    """g, or a copy if it is a broadcast view that could not be written to."""
    if RANK.get(type(g), LIBRARY) == LIBRARY and g.base is not None:
        if 0 in g.strides or not writeable(g):
            return NS[type(g)].copy(g)
        return g
    return NS[type(g)].asarray(g)
