"""DistributedOptimizer: optimizers in the processes that own parameters (rpc)."""

from __future__ import annotations

import threading
from typing import Any

from ...base.futures import wait_all
from .. import autograd
from ..rpc.reference import RRef, remote, rpc_async

__all__ = ["DistributedOptimizer"]

_lock = threading.Lock()  # .grad of parameters is lent to a step


class Local:
    """The optimizer of the parameters that one process owns."""

    def __init__(self, kind: Any, references: list[RRef], args: Any, kwargs: Any) -> None:
        self.params = [r.local_value() for r in references]
        self.optimizer = kind(self.params, *args, **kwargs)

    def step(self, context_id: int) -> None:
        """A step with the gradients of a context."""
        gradients = autograd.get_gradients(context_id)
        with _lock:
            kept = [p.grad for p in self.params]
            try:
                for p in self.params:
                    p.grad = gradients.get(p)
                self.optimizer.step()
            finally:
                for p, g in zip(self.params, kept):
                    p.grad = g


def step(made: RRef, context_id: int) -> None:
    made.local_value().step(context_id)


class DistributedOptimizer:
    """An optimizer of parameters that several processes own, for gradients of
    distributed.autograd.

    Args:
        optimizer_class: of torch.optim.
        params_rref: references to the parameters.
        *args, **kwargs: for the optimizer of each process.
    """

    def __init__(
        self, optimizer_class: Any, params_rref: list[RRef], *args: Any, **kwargs: Any
    ) -> None:
        by_owner: dict[Any, list[RRef]] = {}
        for r in params_rref:
            by_owner.setdefault(r.owner(), []).append(r)
        self.remote_optimizers = [
            remote(owner, Local, (optimizer_class, refs, args, kwargs))
            for owner, refs in by_owner.items()
        ]
        wait_all([r._made for r in self.remote_optimizers if r._made is not None])
        self.is_functional_optim = False

    def step(self, context_id: int) -> None:
        """A step of every parameter with its gradient of a context."""
        autograd.get_gradients(context_id)  # or there is no such context
        wait_all([
            rpc_async(r.owner(), step, (r, context_id)) for r in self.remote_optimizers
        ])  # fmt: skip
