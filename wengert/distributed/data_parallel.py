"""DistributedDataParallel: the same module on every rank, gradients averaged in backward passes.

What averages them is in `reducer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..base.modes import no_grad, state
from ..base.pytree import flatten
from ..engine.error_context import clear_errors
from ..nn.module import Module
from ..nn.parallel.data_parallel import scatter
from .algorithms.join import Join, Joinable, JoinHook
from .coalesced import broadcast_together
from .objects import _gather
from .process_group import pick
from .reduce_op import RedOpType
from .reducer import Reducer

__all__ = ["DistributedDataParallel"]

MEGABYTE = 1 << 20


class _Shadow(JoinHook):
    """What a rank without batches does while others have some."""

    def __init__(self, ddp: DistributedDataParallel) -> None:
        self.ddp = ddp

    def main_hook(self) -> None:
        self.ddp._count_active(False)
        self.ddp._send_buffers()
        if self.ddp._any_syncs(False):
            self.ddp.reducer.shadow()

    def post_hook(self, is_last_joiner: bool) -> None:
        rank = np.array([self.ddp.process_group.me if is_last_joiner else -1], np.int64)
        root = self.ddp.process_group.reduced("last to join", rank, RedOpType.MAX)
        broadcast_together(self.ddp._everything(), self.ddp.process_group, int(root[0]))


class DistributedDataParallel(Module, Joinable):
    """Wraps a module that every rank has, so that each backward pass leaves the average of all
    ranks' gradients in `.grad`. Parameters and buffers start as rank 0 has them.

    Args:
        module: with at least one parameter that requires a gradient.
        broadcast_buffers: buffers such as running statistics are rank 0's in each forward pass.
        process_group: the ranks; all by default.
        bucket_cap_mb: gradients travel in buckets of this size, 25 MB by default.
        find_unused_parameters: a forward pass may leave parameters out.
        gradient_as_bucket_view: `.grad` is a part of a bucket, which saves a copy; it is
            overwritten by the next backward pass.
        static_graph: which parameters are used never changes.
        device_ids: the one device of this rank, to which inputs are moved.
        output_device, dim, check_reduction: accepted.

    Raises:
        RuntimeError: no parameter requires a gradient, ranks have different parameters, or, in the
            forward pass, the last backward pass has not reached all parameters.

    init_sync: rank 0 gives its parameters to the others at first. delay_all_reduce_named_params:
    accepted. param_to_hook_all_reduce: accepted. mixed_precision: accepted. device_mesh: accepted.
    Tensors have any shape that the module takes.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> net(torch.ones(4, 2)).sum().backward()
    >>> net.module.bias.grad
    tensor([4.])
    >>> dist.destroy_process_group()
    """

    @clear_errors
    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0,
        broadcast_buffers: bool | None = None, init_sync: bool = True, process_group: Any = None,
        bucket_cap_mb: float | None = None, find_unused_parameters: bool = False,
        check_reduction: bool = False, gradient_as_bucket_view: bool = False,
        static_graph: bool = False, delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None, mixed_precision: Any = None, device_mesh: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        Joinable.__init__(self)
        for name, value in (
            ("delay_all_reduce_named_params", delay_all_reduce_named_params),
            ("param_to_hook_all_reduce", param_to_hook_all_reduce),
            ("mixed_precision", mixed_precision),
        ):
            if value is not None:
                raise NotImplementedError(f"DistributedDataParallel: {name} is not in wengert")
        if process_group is not None and device_mesh is not None:
            raise RuntimeError("Cannot specify both process_group and device_mesh arguments.")
        self.process_group = pick(device_mesh if process_group is None else process_group)
        self.module = module
        self.device_ids = None if device_ids is None else list(device_ids)
        self.output_device, self.dim = output_device, dim
        if self.device_ids is not None and len(self.device_ids) > 1:
            raise ValueError(
                "device_ids can only be None or contain a single element. See the note on "
                "device_ids: start a process for each device (wengertrun --nproc-per-node)"
            )
        self.broadcast_buffers = broadcast_buffers is not False
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        self.bucket_bytes_cap = int(MEGABYTE * (25 if bucket_cap_mb is None else bucket_cap_mb))
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        named = [
            (name, p)
            for name, p in module.named_parameters()
            if p.requires_grad and name not in self.parameters_to_ignore
        ]
        if not named:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter "
                "that requires a gradient."
            )
        self.device = named[0][1].device
        self.device_type = self.device.type
        if init_sync:
            self._compare(named)
            broadcast_together(self._everything(), self.process_group, 0)
        self._buffers_root = 0
        self._divide_by_initial = True
        self.reducer = Reducer(
            named, self.process_group, self.bucket_bytes_cap, find_unused_parameters, static_graph,
            gradient_as_bucket_view,
        )  # fmt: skip

    def _compare(self, named: Any) -> None:
        """RuntimeError if the ranks' parameters differ in name, shape or dtype."""
        mine = [(name, tuple(p.shape), str(p.dtype)) for name, p in named]
        every = _gather(self.process_group, mine, "DistributedDataParallel")
        for rank, theirs in enumerate(every):
            if theirs != every[0]:
                pairs = zip([*every[0], None], [*theirs, None])
                first, other = next((a, b) for a, b in pairs if a != b)
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but rank 0 has the parameter "
                    f"{first} where rank {rank} has {other}"
                )

    def _everything(self) -> list[Any]:
        """The tensors that all ranks have alike."""
        named = [*self.module.named_parameters(), *self.module.named_buffers()]
        return [t.detach() for name, t in named if name not in self.parameters_to_ignore]

    def _send_buffers(self) -> None:
        if self.broadcast_buffers:
            named = self.module.named_buffers()
            kept = [b.detach() for name, b in named if name not in self.parameters_to_ignore]
            if kept:
                broadcast_together(kept, self.process_group, self._buffers_root)

    # ---- uneven inputs

    def _count_active(self, active: bool) -> None:
        """Learn how many ranks have a batch, and which is the last of them."""
        me = self.process_group.me
        flags = np.zeros(self.process_group.n, np.int64)
        flags[me] = active
        self.process_group.reduced("ranks with a batch", flags)
        self._buffers_root = int(np.flatnonzero(flags)[-1])
        if not self._divide_by_initial:
            self.reducer.divisor = int(flags.sum())

    def _any_syncs(self, mine: bool) -> bool:
        """Whether the backward pass of this batch is averaged: as on the ranks that have one."""
        flag = np.array([mine], np.uint8)
        return bool(self.process_group.reduced("no_sync", flag, RedOpType.MAX)[0])

    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True,
        throw_on_early_termination: bool = False,
    ) -> Join:  # fmt: skip
        """A context in which ranks may have different numbers of batches: those that have ended
        take part with zeros until all have.

        divide_by_initial_world_size: gradients are divided by the number of all ranks, or else of
        those that still have batches. enable: whether the context does anything.
        throw_on_early_termination: raise where a rank ends first.

        >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
        >>> with net.join():
        ...     net(torch.ones(4, 2)).sum().backward()
        """
        return Join(
            [self], enable, throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )  # fmt: skip

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What this module does on a rank that has ended."""
        self._divide_by_initial = kwargs.get("divide_by_initial_world_size", True)
        return _Shadow(self)

    @property
    def join_device(self) -> Any:
        """Where the module is."""
        return self.device

    @property
    def join_process_group(self) -> Any:
        """The ranks."""
        return self.process_group

    # ---- use

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A context in which gradients are only added up; the first pass outside averages all.

        >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
        >>> with net.no_sync():
        ...     net(torch.ones(4, 2)).sum().backward()
        """
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Callable[..., Any]) -> None:
        """Let hook(state, bucket) do the averaging: it returns a future of the bucket's values.
        Gradients come to it undivided. RuntimeError for a second hook.

        >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
        >>> hooks = torch.distributed.algorithms.ddp_comm_hooks.default_hooks
        >>> net.register_comm_hook(None, hooks.allreduce_hook)
        """
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self.reducer.hook is not None:
            raise RuntimeError(
                "register_comm_hook or register_builtin_comm_hook can only be called once."
            )
        self.reducer.hook, self.reducer.hook_state = hook, state

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        grad = state.grad
        sync = grad and self.require_backward_grad_sync
        if grad:
            self.reducer.check_finished()
        with no_grad():
            if self._join_config.enable:
                Join.notify_join_context(self)
                self._count_active(True)
            if self.require_forward_param_sync or self._join_config.enable:
                self._send_buffers()
            if self._join_config.enable:
                self._any_syncs(sync)
            self.require_forward_param_sync = sync
        if self.device_ids:
            inputs = scatter(inputs, self.device_ids)[0] if inputs else ()
            kwargs = scatter(kwargs, self.device_ids)[0] if kwargs else {}
        output = self.module(*inputs, **kwargs)
        if sync:
            self.reducer.prepare(flatten(output)[0])
        else:
            self.reducer.armed = False
        return output
