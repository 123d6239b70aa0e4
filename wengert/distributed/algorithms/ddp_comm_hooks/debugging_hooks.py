"""A communication hook that sends nothing."""

from __future__ import annotations

from typing import Any

from ....base.futures import Future
from ...reducer import GradBucket

__all__ = ["noop_hook"]


def noop_hook(_: Any, bucket: GradBucket) -> Future:
    """Leave the gradients of each rank as they are: how fast a step were without communication.

    bucket: the gradients, flat: bucket.buffer().

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> net.register_comm_hook(None, noop_hook)
    >>> net(torch.ones(4, 2)).sum().backward()
    >>> net.module.bias.grad
    tensor([4.])
    """
    future: Future[Any] = Future()
    future.set_result(bucket.buffer())
    return future
