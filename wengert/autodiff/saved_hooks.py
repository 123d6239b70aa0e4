"""Saved-tensor hooks: what is kept for the backward pass in the hands of the user.

Each pair of hooks is a mode (see `op_modes.py`) that packs what new nodes have saved. What nodes of
user-defined Functions save is packed here too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..arrays.lookup import NS
from ..base.modes import Recording, no_grad
from ..engine.interp import Interp
from ..engine.node import LEAF
from ..engine.op import Op
from ..engine.op_modes import Mode
from ..engine.recording import Deferred, defer
from ..engine.tensor import Tensor, tensor_of, wrap

Pack = Callable[[Tensor], Any]
Unpack = Callable[[Any], Tensor]


class _Hooks(threading.local):
    """The pairs of hooks in force, the innermost last, and what is known of them."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Pack, Unpack]] = []
        self.disabled: str | None = None
        self.running = 0  # how many there were when the one that runs was called, else 0


HOOKS = _Hooks()


class Packed(Deferred):
    """A saved array in the hands of the user's hooks."""

    __slots__ = ("value", "unpack", "of", "node", "history")

    def __init__(self, array: Any, pair: tuple[Pack, Unpack], node: Any = None) -> None:
        self.unpack = pair[1]
        self.of = (tuple(array.shape), array.dtype)
        self.node = node  # of tensors that a Function has saved
        t = array if isinstance(array, Tensor) else tensor_of(array)
        self.history = has_history(t._a)
        before = t._version
        self.value = called(pair[0], t, self.history)
        if t._version != before:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as"
                " input to pack hook cannot be modified by in-place operations as this can lead to"
                " unexpected side-effects."
            )

    def tensor(self, ctx: Any) -> Tensor:
        """The tensor that the Function of ctx has saved, in its place in the graph."""
        node = self.node.slot(ctx) if hasattr(self.node, "slot") else self.node
        return wrap(self.array(), node)

    def array(self) -> Any:
        """The array again."""
        t = called(self.unpack, self.value, self.history)
        if not isinstance(t, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(t).__name__}"
            )
        if self.history and not has_history(t._a):
            raise RuntimeError(
                "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks that"
                " keep no history where a derivative is differentiated again: enter the hooks"
                " inside of the innermost function"
            )
        return t._a


def called(hook: Callable[[Any], Any], x: Any, history: bool) -> Any:
    """What a hook gives. Nothing is recorded, unless x holds what an outer transform has recorded:
    that goes on, without hooks.
    """
    before, HOOKS.running = HOOKS.running, len(HOOKS.pairs)
    try:
        with Recording() if history else no_grad():
            return hook(x)
    finally:
        HOOKS.running = before


def has_history(a: Any) -> bool:
    """Whether an interpreter's array holds what an outer transform has recorded."""
    if isinstance(a, Tensor):
        return a._n is not None or has_history(a._a)
    parts = ("content", "tangent") if isinstance(a, Interp) else ()
    return any([has_history(getattr(a, part, None)) for part in parts])


def pack_node(n: Any) -> None:
    """Hand what an op's node has saved to the innermost hooks."""
    if not n.saved or len(HOOKS.pairs) == HOOKS.running:  # of what a hook does itself
        return
    pair, op = HOOKS.pairs[-1], n.op
    arrays = {*op.arrays, *op.names}
    used = op.plan.needed(n.parents)

    n.saved = tuple(
        [x if s not in arrays or s in used else None for s, x in zip(op.saved, n.saved)]
    )
    defer(n, lambda a, parent: Packed(given(a, parent), pair))


def given(a: Any, parent: Any) -> Tensor:
    """What hooks see of a saved array: an input in its place in the graph, a leaf itself. Results
    have no node there, since a hook that keeps one would close a circle.
    """
    if parent is not None and parent.role == LEAF:
        leaf: Tensor = parent.variable
        if leaf._a is a:
            return leaf
    t = tensor_of(a)
    t._n = parent
    return t


class saved_tensors_hooks(Mode):
    """Within it, pack_hook(tensor) decides what is kept for the backward pass of what is computed.

    Args:
        pack_hook: is given each tensor that an operation saves; what it returns is kept instead.
        unpack_hook: is given that when the backward pass needs it, and returns the tensor.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
    ...     y = x * x
    >>> y.sum().backward()
    """

    def __init__(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        self.pair = (pack_hook, unpack_hook)

    def wants(self, op: Op) -> bool:
        """Ops whose nodes save something."""
        return bool(op.saved)

    def recorded(self, node: Any) -> None:
        """Pack what a new node has saved, if these are the innermost hooks."""
        if HOOKS.pairs[-1] is self.pair:
            pack_node(node)

    def __enter__(self) -> None:
        if HOOKS.disabled is not None:
            raise RuntimeError(HOOKS.disabled)
        HOOKS.pairs.append(self.pair)
        super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        HOOKS.pairs.pop()


class save_on_cpu(saved_tensors_hooks):
    """Within it, what operations on other devices save is kept in the CPU's memory.

    Args:
        pin_memory: accepted for programs that ask for it; pages are not pinned.
        device_type: of the device that the tensors return to.

    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = torch.ones(1, requires_grad=True).exp()
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(
            lambda t: (t.device, t.cpu() if t.device.type != "cpu" else t.clone()),
            lambda kept: kept[1].to(kept[0]),
        )


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within it, entering saved_tensors_hooks raises RuntimeError(error_message).

    >>> with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     y = torch.ones(1, requires_grad=True).exp()
    """
    if HOOKS.pairs:
        raise RuntimeError(error_message)
    before, HOOKS.disabled = HOOKS.disabled, error_message
    try:
        yield
    finally:
        HOOKS.disabled = before


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Copies]:
    """Within it, saved tensors may be changed in place: operations save copies.

    >>> x = torch.zeros(2, requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = (2 * x).sin_().mul_(3)
    """
    copies = _Copies()
    with saved_tensors_hooks(copies.pack, copies.unpack):
        try:
            yield copies
        finally:
            copies.clear()


class _Copies:
    """What allow_mutation_on_saved_tensors keeps until its block ends."""

    def __init__(self) -> None:
        self.ended = False

    def pack(self, t: Tensor) -> Any:
        return wrap(NS[type(t._a)].copy(t._a))

    def unpack(self, kept: Any) -> Any:
        if self.ended:
            raise RuntimeError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in "
                "which the graph was originally recorded."
            )
        return kept

    def clear(self) -> None:
        """Let backward passes fail from now on."""
        self.ended = True
