"""Communication hooks that average, with fewer bits if asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....base.dtypes import bfloat16, float16
from ....base.futures import Future
from ...collectives import all_reduce
from ...process_group import pick
from ...reducer import GradBucket

__all__ = [
    "allreduce_hook", "bf16_compress_hook", "bf16_compress_wrapper", "fp16_compress_hook",
    "fp16_compress_wrapper",
]  # fmt: skip

Hook = Callable[[Any, GradBucket], Future]


def allreduce_hook(process_group: Any, bucket: GradBucket) -> Future:
    """Divide by the number of ranks, and sum.

    process_group: the ranks that take part; None: all. bucket: the gradients, flat:
    bucket.buffer().

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> net.register_comm_hook(None, allreduce_hook)
    >>> net(torch.ones(4, 2)).sum().backward()
    >>> net.module.bias.grad
    tensor([4.])
    """
    group = pick(process_group)
    work = all_reduce(bucket.buffer().div_(group.n), group=group, async_op=True)
    assert work is not None
    return work.get_future().then(lambda f: f.value()[0])


def _compressed(dtype: Any, name: str) -> Hook:
    def hook(process_group: Any, bucket: GradBucket) -> Future:
        group = pick(getattr(process_group, "process_group", process_group))
        small = bucket.buffer().to(dtype).div_(group.n)
        work = all_reduce(small, group=group, async_op=True)
        assert work is not None
        return work.get_future().then(lambda f: bucket.buffer().copy_(f.value()[0]))

    hook.__name__ = hook.__qualname__ = name
    hook.__doc__ = (
        f"As allreduce_hook, but the gradients travel as {dtype}.\n\n"
        "process_group: the ranks that take part; None: all. bucket: the gradients, flat: "
        "bucket.buffer().\n\n"
        ">>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))\n"
        f">>> net.register_comm_hook(None, {name})\n"
        ">>> net(torch.ones(4, 2)).sum().backward()\n>>> net.module.bias.grad\ntensor([4.])\n"
    )
    return hook


fp16_compress_hook = _compressed(float16, "fp16_compress_hook")
bf16_compress_hook = _compressed(bfloat16, "bf16_compress_hook")


def _wrapper(dtype: Any, name: str) -> Callable[[Hook], Hook]:
    def wrapper(hook: Hook) -> Hook:
        def wrapped(state: Any, bucket: GradBucket) -> Future:
            full = bucket.buffer_tensor
            bucket.buffer_tensor = full.to(dtype)
            try:
                future = hook(state, bucket)
            finally:
                bucket.buffer_tensor = full

            def restore(f: Future) -> Any:
                value = f.value()
                return full.copy_(value[0] if isinstance(value, (list, tuple)) else value)

            return future.then(restore)

        return wrapped

    wrapper.__name__ = wrapper.__qualname__ = name
    wrapper.__doc__ = (
        f"A hook that does what another one does, on gradients as {dtype}.\n\n"
        "hook: a function of the group and the bucket.\n\n"
        ">>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))\n"
        f">>> net.register_comm_hook(None, {name}(allreduce_hook))\n"
        ">>> net(torch.ones(4, 2)).sum().backward()\n>>> net.module.bias.grad\ntensor([4.])\n"
    )
    return wrapper


fp16_compress_wrapper = _wrapper(float16, "fp16_compress_wrapper")
bf16_compress_wrapper = _wrapper(bfloat16, "bf16_compress_wrapper")
