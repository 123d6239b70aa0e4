"""What torch.autograd.graph offers beyond saved-tensor hooks: edges, hooks on several tensors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..base.hooks import RemovableHandle, hooked
from ..base.modes import state
from ..engine import views
from ..engine.error_context import clear_errors
from ..engine.node import Slot
from ..engine.tensor import Tensor

__all__ = [
    "GradientEdge", "get_gradient_edge", "increment_version", "register_multi_grad_hook",
    "set_warn_on_accumulate_grad_stream_mismatch",
]  # fmt: skip


class GradientEdge(NamedTuple):
    """Where a gradient flows: a node and the index of one of its outputs.

    output_nr: which result of the node. ownership_token: accepted.

    >>> x = torch.ones(2, requires_grad=True)
    >>> edge = torch.autograd.graph.get_gradient_edge(x * 2)
    >>> edge.node.name(), edge.output_nr
    ('MulBackward0', 0)
    """

    node: Any
    output_nr: int = 0
    ownership_token: Any = None  # the slot of that output, kept alive

    def end(self) -> Any:
        """What the reverse pass knows this output by."""
        if type(self.ownership_token) is Slot:
            return self.ownership_token
        n = self.node
        if not n.many:
            return n
        i = self.output_nr
        return Slot(n, i, n.shape[i], n.dtype[i])


@clear_errors
def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor flows: the node that computed it, or the leaf's own.

    The tensor has any shape. Raises RuntimeError for tensors that require no grad; TypeError where
    tensor is no tensor.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.autograd.graph.get_gradient_edge(x * 2).node
    <MulBackward0 object at ...>
    """
    n = tensor._n
    if n is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients: call .requires_grad_() on it first"
        )
    return GradientEdge(n.parents[0], n.index, n) if type(n) is Slot else GradientEdge(n, 0)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Say that the memory of tensors was changed from outside: graphs that saved it are stale.

    tensor: a tensor, or several.

    Tensors have any shape. Raises TypeError where tensor is of the wrong type.

    >>> x = torch.ones(1)
    >>> torch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if not isinstance(t, Tensor):
            raise TypeError(f"increment_version: expected a Tensor, got {type(t).__name__}")
        views.mutated(t)


class _Watch:
    """One hook on several tensors."""

    def __init__(self, tensors: Sequence[Any], fn: Callable[..., Any], mode: str) -> None:
        self.nodes = [t.end() if isinstance(t, GradientEdge) else t._n for t in tensors]
        self.fn, self.mode = fn, mode
        self.lock = threading.Lock()
        self.now: Any = None  # the pass that the rest is about
        self.grads: list[Any] = []
        self.missing = 0

    def arrived(self, i: int, g: Tensor) -> None:
        """The gradient of tensor i has been computed."""
        with self.lock:
            running = state.backward
            if running is not self.now:
                self.now = running
                self.grads = [None] * len(self.nodes)
                self.missing = sum(running.reaches(n) for n in self.nodes)
                self.fired = False
            self.grads[i] = g
            self.missing -= 1
            if self.mode == "any":
                ready, self.fired = not self.fired, True
            else:
                ready = self.missing == 0
            grads = self.grads
        if ready:
            self.fn(g) if self.mode == "any" else self.fn(grads)
        if self.missing == 0:
            self.now, self.grads = None, []


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., Any], *, mode: str = "all"
) -> _Handles:
    """Call fn once in each backward pass that reaches some of the tensors.

    Args:
        tensors: tensors that require grad.
        fn: mode "all": gets a list with the gradients of all, None for those that the pass does
            not reach, when the last one is there; mode "any": gets the first one.

    Returns a handle whose remove() takes the hook away. Tensors have any shape. Raises ValueError
    for other modes; TypeError where tensors is of the wrong type.

    >>> x, y = torch.ones(2, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook([x, y], print)
    >>> (3 * x + y).backward()
    [tensor(3.), tensor(1.)]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    for t in tensors:
        if isinstance(t, Tensor) and t._n is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    watch = _Watch(tensors, fn, mode)
    handles = []
    for i, n in enumerate(watch.nodes):
        if n.hooks is None:
            n.hooks = {}
        handles.append(hooked(n.hooks, lambda g, i=i: watch.arrived(i, g)))
    return _Handles(handles)


class _Handles:
    """Removes several hooks as one."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Take the hooks out."""
        for h in self.handles:
            h.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Whether backward warns of gradients that arrive from another stream: it never does here.

    enabled: whether to warn. Raises RuntimeError where enabled is no bool.

    >>> torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    """
    if not isinstance(enabled, bool):
        raise RuntimeError(f"enabled must be a bool, but got {type(enabled).__name__}")
