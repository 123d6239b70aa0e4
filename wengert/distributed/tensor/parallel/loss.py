"""Losses of DTensors beside targets that are plain tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .. import dealt

__all__ = ["loss_parallel"]


@contextlib.contextmanager
def loss_parallel() -> Iterator[None]:
    """Inside of the block, cross_entropy takes a DTensor of logits, cut along the classes, and
    plain class indices, the same on every rank. The loss is whole on every rank.

    >>> mesh = dist.device_mesh.init_device_mesh("cpu", (1,))
    >>> logits = dist.tensor.zeros(3, 4, device_mesh=mesh, placements=[dist.tensor.Shard(1)])
    >>> with dist.tensor.parallel.loss_parallel():
    ...     loss = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2]))
    >>> loss.full_tensor()
    tensor(1.3863)
    """
    before, dealt.targets_may_be_plain = dealt.targets_may_be_plain, True
    try:
        yield
    finally:
        dealt.targets_may_be_plain = before
