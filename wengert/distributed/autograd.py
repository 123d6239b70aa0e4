"""torch.distributed.autograd: backward passes through calls of rpc.

A context notes which tensors were sent in which message, and as which leaves they arrived. The
backward pass of a process ends at its leaves; gradients of those that had arrived go back to where
they came from, and are added up there. A value that was sent twice has its graph passed through for
each message, which is the same by linearity.
"""

from __future__ import annotations

import itertools
import threading
from typing import Any

from ..autodiff.grad_api import backward as local_backward
from ..base.futures import wait_all
from ..engine.tensor import Tensor
from .rpc import contexts
from .rpc.agent import SHIFT, agent
from .rpc.contexts import Context

__all__ = ["backward", "context", "get_gradients"]


_backward_lock = threading.RLock()  # .grad of leaves is lent to a pass
_counter = itertools.count()


class context:
    """A block whose remote calls the backward pass can go through; gives the context's number.

    >>> rpc, dist_autograd = torch.distributed.rpc, torch.distributed.autograd
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> w = torch.ones(2, requires_grad=True)
    >>> with dist_autograd.context() as context_id:
    ...     y = rpc.rpc_sync("one", torch.mul, args=(w, 3))
    ...     dist_autograd.backward(context_id, [y.sum()])
    ...     print(dist_autograd.get_gradients(context_id)[w])
    tensor([3., 3.])
    >>> rpc.shutdown()
    """

    def __enter__(self) -> int:
        if contexts.current() is not None:
            raise RuntimeError(
                "distributed.autograd: a context is open in this thread already: they do not nest"
            )
        made = contexts.context_of(agent().me.id << SHIFT | next(_counter))
        contexts.enter(made)
        return made.id

    def __exit__(self, *exc: object) -> None:
        found = contexts.current()
        contexts.enter(None)
        if found is not None:
            release(found.id)


def release(number: int) -> None:
    """Forget a context, here and in the processes that it went to."""
    found = contexts.forget(number)
    if found is not None:
        me = agent()
        for peer in found.peers - {me.me.id}:
            me.call(peer, release, (number,), internal=True)


def get_gradients(context_id: int) -> dict[Tensor, Tensor]:
    """The gradients that a context has for leaves of this process, by leaf.

    context_id: what context() gave.

    Raises RuntimeError where context_id is of the wrong type.

    >>> rpc, dist_autograd = torch.distributed.rpc, torch.distributed.autograd
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> w = torch.ones(2, requires_grad=True)
    >>> with dist_autograd.context() as context_id:
    ...     dist_autograd.backward(context_id, [(3 * w).sum()])
    ...     print(dist_autograd.get_gradients(context_id)[w])
    tensor([3., 3.])
    >>> rpc.shutdown()
    """
    return dict(contexts.known(context_id).gradients)


def backward(context_id: int, roots: list[Tensor], retain_graph: bool = False) -> None:
    """The backward pass from numbers of this process, through all that took part.

    Gradients are added to those of the context, not to .grad: see get_gradients.

    Args:
        context_id: what the block `with context() as context_id` gave.
        roots: tensors of one element.
        retain_graph: accepted: graphs are kept as long as the context.

    Raises:
        RuntimeError: there is no such context, or a root is not one number, or has no history.

    Roots are scalars, or of shape (1,).

    >>> rpc, dist_autograd = torch.distributed.rpc, torch.distributed.autograd
    >>> options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    >>> rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    >>> w = torch.ones(2, requires_grad=True)
    >>> with dist_autograd.context() as context_id:
    ...     dist_autograd.backward(context_id, [(3 * w).sum()])
    ...     print(dist_autograd.get_gradients(context_id)[w])
    tensor([3., 3.])
    >>> rpc.shutdown()
    """
    c = contexts.known(context_id)
    if not roots:
        raise RuntimeError("No tensors provided for gradient computation.")
    for t in roots:
        if not t.requires_grad:
            raise RuntimeError("requires_grad not set on root")
        if t.numel() != 1:
            raise RuntimeError(
                f"{t!r} is not a scalar, all roots need to be scalar: write .sum() or .mean()"
            )
    passed(c, list(roots), [None] * len(roots))


def leaves_of(outputs: list[Tensor]) -> list[Tensor]:
    """The leaves that a backward pass from outputs ends at."""
    found = {id(t): t for t in outputs if t.grad_fn is None}
    seen: set[Any] = set()
    waiting = [t.grad_fn for t in outputs if t.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found[id(leaf)] = leaf
        waiting.extend([n for n, _ in node.next_functions if n is not None])
    return list(found.values())


def passed(c: Context, outputs: list[Tensor], gradients: list[Any]) -> None:
    """One process's part of a pass, and then that of those whose tensors it has used."""
    leaves = leaves_of(outputs)
    with _backward_lock:
        kept = [t.grad for t in leaves]
        for t in leaves:
            t.grad = None
        try:
            local_backward(outputs, gradients, retain_graph=True)
            found = {id(t): (t, t.grad) for t in leaves if t.grad is not None}
        finally:
            for t, g in zip(leaves, kept):
                t.grad = g
    back = []
    me = agent()
    with c.lock:
        for number, (sender, arrived) in c.received.items():
            given = [found.pop(id(t), (t, None))[1] for t in arrived]
            if any(g is not None for g in given):
                back.append((sender, number, given))
        for t, g in found.values():
            before = c.gradients.get(t)
            c.gradients[t] = g.detach() if before is None else before + g
    wait_all(
        [me.call(sender, further, (c.id, n, given), internal=True) for sender, n, given in back]
    )


def further(number: int, message: int, gradients: list[Any]) -> None:
    """Go on from the tensors of a message that this process has sent."""
    c = contexts.known(number)
    with c.lock:
        sent = c.sent[message]
    pairs = [(t, g) for t, g in zip(sent, gradients) if g is not None]
    passed(c, [t for t, _ in pairs], [g for _, g in pairs])
