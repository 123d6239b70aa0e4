"""A communication hook that averages over all ranks at first, and over a few of them later on."""

from __future__ import annotations

from typing import Any

from ....base.futures import Future
from ...new_groups import new_subgroups
from ...reducer import GradBucket
from .debugging_hooks import noop_hook
from .default_hooks import allreduce_hook

__all__ = ["PostLocalSGDState", "post_localSGD_hook"]


class PostLocalSGDState:
    """What post_localSGD_hook keeps between steps.

    Args:
        process_group: the ranks that average at first; None: all.
        subgroup: the ranks that average later on; None: those of this machine.
        start_localSGD_iter: the step from which on subgroup averages.
        post_local_gradient_allreduce: whether it does; False: each rank keeps its own gradients.

    >>> PostLocalSGDState(None, None, start_localSGD_iter=100).iter
    0
    """

    def __init__(
        self, process_group: Any, subgroup: Any, start_localSGD_iter: int,
        post_local_gradient_allreduce: bool = True,
    ) -> None:  # fmt: skip
        self.process_group, self.subgroup = process_group, subgroup
        self.start_localSGD_iter = start_localSGD_iter
        self.post_local_gradient_allreduce = post_local_gradient_allreduce
        self.iter = 0

    def maybe_increase_iter(self, bucket: GradBucket) -> None:
        """Count a step where the bucket is its last.

        bucket: the gradients, flat: bucket.buffer().
        """
        self.iter += bucket.is_last()


def post_localSGD_hook(state: PostLocalSGDState, bucket: GradBucket) -> Future:
    """Average over all ranks, and from a step on over a few; an averager of parameters does the
    rest (`model_averaging.averagers`).

    state: a PostLocalSGDState. bucket: the gradients, flat: bucket.buffer().

    Lin et al., Don't use large mini-batches, use local SGD, 2020.

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> net.register_comm_hook(PostLocalSGDState(None, None, 100), post_localSGD_hook)
    >>> net(torch.ones(4, 2)).sum().backward()
    >>> net.module.bias.grad
    tensor([4.])
    """
    if state.iter < state.start_localSGD_iter:
        state.maybe_increase_iter(bucket)
        return allreduce_hook(state.process_group, bucket)
    if not state.post_local_gradient_allreduce:
        return noop_hook(None, bucket)
    if state.subgroup is None:
        state.subgroup, _ = new_subgroups()
    return allreduce_hook(state.subgroup, bucket)
