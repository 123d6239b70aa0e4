"""ZeroRedundancyOptimizer: each rank keeps the state of some parameters and updates those.

Gradients and parameters are whole on every rank, as with DistributedDataParallel; sharding those
too is `fsdp/`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ...base.modes import enable_grad
from ...engine.tensor import Tensor
from ...optim.optimizer import Optimizer
from ..collectives import broadcast
from ..objects import _gather
from ..process_group import pick

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer of a given class that holds, on each rank, the state of a share of the
    parameters only. A step gives the same parameters as that class alone.

    Args:
        params: as for any optimizer, the same on all ranks.
        optimizer_class: such as torch.optim.AdamW.
        process_group: the ranks; all by default.
        parameters_as_bucket_view: accepted; parameters are sent from where they are.
        defaults: the options of optimizer_class.

    Raises:
        NotImplementedError: overlap_with_ddp.

    Parameters have any shape.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> p = torch.ones(2, requires_grad=True)
    >>> optimizer = dist.optim.ZeroRedundancyOptimizer([p], torch.optim.SGD, lr=0.5)
    >>> p.grad = torch.ones(2)
    >>> optimizer.step()
    >>> p
    tensor([0.5000, 0.5000], requires_grad=True)
    >>> dist.destroy_process_group()
    """

    def __init__(
        self, params: Any, optimizer_class: type[Optimizer], process_group: Any = None,
        parameters_as_bucket_view: bool = False, overlap_with_ddp: bool = False, **defaults: Any,
    ) -> None:  # fmt: skip
        if overlap_with_ddp:
            raise NotImplementedError(
                "ZeroRedundancyOptimizer: overlap_with_ddp is not in wengert: call step() after "
                "the backward pass"
            )
        if not (isinstance(optimizer_class, type) and issubclass(optimizer_class, Optimizer)):
            raise TypeError(f"optimizer_class must be an Optimizer's class, not {optimizer_class}")
        self.process_group = pick(process_group)
        self.rank, self.world_size = self.process_group.me, self.process_group.n
        self.owner: dict[int, int] = {}  # id of a parameter -> the rank that updates it
        self.load = [0] * self.world_size  # elements of each rank
        self.optim: Optimizer | None = None
        self.consolidated: dict[str, Any] | None = None
        super().__init__(params, defaults)
        self.optim = optimizer_class([self._share(g) for g in self.param_groups], **defaults)
        for group, local in zip(self.param_groups, self.optim.param_groups):
            for name, value in local.items():
                group.setdefault(name, value)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; they are dealt to the ranks, the largest first to who has least.

        Parameters have any shape. Raises TypeError where param_group is of the wrong type.

        >>> p, q = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)
        >>> optimizer = dist.optim.ZeroRedundancyOptimizer([p], torch.optim.SGD, lr=0.5)
        >>> optimizer.add_param_group({"params": [q], "lr": 0.1})
        >>> len(optimizer.param_groups)
        2
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in sorted(group["params"], key=lambda p: -p.numel()):
            rank = self.load.index(min(self.load))
            self.owner[id(p)] = rank
            self.load[rank] += p.numel()
        if self.optim is not None:
            self.optim.add_param_group(self._share(group))

    def _share(self, group: dict[str, Any]) -> dict[str, Any]:
        """A group with this rank's parameters only."""
        mine = [p for p in group["params"] if self.owner[id(p)] == self.rank]
        return {**{k: v for k, v in group.items() if k != "param_names"}, "params": mine}

    def _every(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _same_options(self) -> None:
        """Give the local optimizer what schedulers have changed in the groups here."""
        assert self.optim is not None
        for group, local in zip(self.param_groups, self.optim.param_groups):
            local.update({k: v for k, v in group.items() if k not in ("params", "param_names")})

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Update this rank's parameters, and get the others' from their owners."""
        assert self.optim is not None
        self.consolidated = None
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._same_options()
        self.optim.step(**kwargs)
        works = [
            broadcast(
                p.detach(), group=self.process_group, group_src=self.owner[id(p)], async_op=True
            )
            for p in self._every()
        ]
        for work in works:
            assert work is not None
            work.wait()
        return loss

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Collect the whole state on rank `to`, for state_dict() there. All ranks call this.

        >>> p = torch.ones(2, requires_grad=True)
        >>> optimizer = dist.optim.ZeroRedundancyOptimizer([p], torch.optim.SGD, lr=0.5)
        >>> optimizer.consolidate_state_dict()
        >>> state = optimizer.state_dict()
        >>> optimizer.load_state_dict(state)
        >>> state["param_groups"][0]["lr"]
        0.5
        """
        assert self.optim is not None
        self._same_options()
        numbers = {id(p): i for i, p in enumerate(self._every())}
        mine = {numbers[id(p)]: s for p, s in self.optim.state.items()}
        parts = _gather(self.process_group, mine, "consolidate_state_dict")
        if self.rank == to:
            whole = super().state_dict()
            whole["state"] = {i: s for i, s in sorted((i, s) for x in parts for i, s in x.items())}
            self.consolidated = whole

    def state_dict(self) -> dict[str, Any]:
        """The whole state, as optimizer_class would give it. RuntimeError where it has not been
        collected since the last step.
        """
        if self.consolidated is None:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call "
                f"`consolidate_state_dict(to={self.rank})` on all ranks beforehand if you meant "
                "to save the global state."
            )
        return self.consolidated

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a whole state; each rank keeps its share of it."""
        assert self.optim is not None
        self.consolidated = None
        numbers = {id(p): i for i, p in enumerate(self._every())}
        super().load_state_dict({**state_dict, "state": {}})
        self._same_options()
        local = self.optim.state_dict()
        mine = [p for group in self.optim.param_groups for p in group["params"]]
        local["state"] = {
            i: deepcopy(state_dict["state"][numbers[id(p)]])
            for i, p in enumerate(mine)
            if numbers[id(p)] in state_dict["state"]
        }
        self.optim.load_state_dict(local)
