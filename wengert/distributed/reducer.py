"""The Reducer of DistributedDataParallel: buckets of gradients, averaged over the ranks as soon as
they are full.

A gradient is copied, divided by the number of ranks, into its place in a bucket. Buckets start in
their own order, which is the same on all ranks. The end of the backward pass waits for them and
copies the averages back (or the gradients are the places themselves: gradient_as_bucket_view).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays.lookup import namespace
from ..autodiff.grad_api import queue_callback
from ..engine import views
from ..engine.backward import walk
from ..engine.tensor import Tensor, wrap
from .buffers import host, restore
from .collectives import all_reduce, on_gpu
from .process_group import ProcessGroup
from .reduce_op import RedOpType
from .shared_memory import add_up, shared_rows, sum_rows
from .work import Call

__all__ = ["GradBucket", "Reducer"]

FIRST_BUCKET = 1 << 20  # bytes: small, as nothing can start before it is full


class GradBucket:
    """Gradients that travel together; what a communication hook is given."""

    def __init__(self, index: int, params: Sequence[Tensor], group: ProcessGroup) -> None:
        self._index, self._params = index, list(params)
        size, dtype = sum(p.numel() for p in params), params[0]._a.dtype
        self.on_gpu = on_gpu(group, params[0]) is not None  # and travels from there
        self.rows = None if self.on_gpu else shared_rows(group, size, dtype)
        if self.on_gpu:
            self.flat = namespace(params[0]._a).zeros(size, dtype)
        else:
            self.flat = self.rows[group.me] if self.rows else np.zeros(size, dtype)
        self.buffer_tensor = wrap(self.flat)
        self.places: list[Tensor] = []
        at = 0
        for p in params:
            if self.on_gpu:
                part = self.buffer_tensor.narrow(0, at, p.numel()).view(p.shape)._a
            else:
                part = self.flat[at : at + p.numel()].reshape(tuple(p.shape))
            self.places.append(wrap(part))
            at += p.numel()
        self.last = self.dealt = False  # dealt: sums are not in every row yet
        self.waits_for = len(self._params)

    def index(self) -> int:
        """The bucket's number, in the order in which buckets start."""
        return self._index

    def buffer(self) -> Tensor:
        """All its gradients in one dimension."""
        return self.buffer_tensor

    def gradients(self) -> list[Tensor]:
        """Its gradients, as views of the buffer."""
        return list(self.places)

    def parameters(self) -> list[Tensor]:
        """The parameters they belong to."""
        return list(self._params)

    def copy_to(self, target: Any, place: Tensor) -> None:
        """Copy the sums at a place into an array, from whose rows they are in."""
        assert self.rows is not None
        first = (place._a.ctypes.data - self.flat.ctypes.data) // self.flat.itemsize
        add_up(self.rows, first, target.reshape(-1))

    def is_last(self) -> bool:
        """Whether it is the last bucket of a pass."""
        return self.last

    def set_buffer(self, buffer: Tensor) -> None:
        """Replace the values of the buffer."""
        restore(self.buffer_tensor, host(buffer, "set_buffer"))


def in_buckets(params: Iterable[Tensor], cap: int) -> list[list[Tensor]]:
    """Parameters in the order in which gradients come (the last first), cut at cap bytes and where
    the dtype changes.
    """
    buckets: list[list[Tensor]] = []
    size, limit = 0, min(FIRST_BUCKET, cap)
    current: list[Tensor] = []
    for p in reversed(list(params)):
        if current and current[0].dtype != p.dtype:
            buckets.append(current)
            current, size, limit = [], 0, cap
        current.append(p)
        size += p.numel() * p.element_size()
        if size >= limit:
            buckets.append(current)
            current, size, limit = [], 0, cap
    return [*buckets, current] if current else buckets


class Reducer:
    """Averages the gradients of parameters in backward passes.

    params: (name, parameter) pairs. find_unused: look for parameters that a forward pass does not
    use, each time; static: only the first time. as_views: `.grad` is a part of a bucket.
    """

    def __init__(
        self, params: Sequence[tuple[str, Tensor]], group: ProcessGroup, cap: int,
        find_unused: bool, static: bool, as_views: bool,
    ) -> None:  # fmt: skip
        self.group, self.as_views = group, as_views
        self.find_unused, self.static = find_unused, static
        self.names = {id(p): name for name, p in params}
        self.params = [p for _, p in params]
        self.buckets = [GradBucket(i, b, group) for i, b in enumerate(in_buckets(self.params, cap))]
        self.buckets[-1].last = True
        self.place = {id(p): (b, v) for b in self.buckets for p, v in zip(b._params, b.places)}
        self.hook: Callable[..., Any] | None = None
        self.hook_state: Any = None
        self.divisor = group.n
        self.armed = self.queued = False  # whether the next pass is to be averaged, has begun
        self.marked: set[int] = set()
        self.used: set[int] | None = None  # ids of used parameters, where that is looked for
        self.works: list[Any] = []
        self.next = 0  # the bucket to start next
        self.read: Any = None  # the Work after which nobody reads this rank's sums any more
        for p in self.params:
            p.register_post_accumulate_grad_hook(self.ready)

    def check_finished(self) -> None:
        """RuntimeError if the last pass has not reached all parameters."""
        if not (self.armed and self.queued):
            return
        missing = [self.names[id(p)] for p in self.params if id(p) not in self.marked]
        self.armed = self.queued = False
        raise RuntimeError(
            "Expected to have finished reduction in the prior iteration before starting a new one. "
            "This error indicates that your module has parameters that were not used in producing "
            f"loss: {', '.join(missing)} (on rank {self.group.me}). You can enable unused "
            "parameter detection by passing the keyword argument `find_unused_parameters=True` to "
            "DistributedDataParallel, and by making sure all `forward` function outputs "
            "participate in calculating loss"
        )

    def prepare(self, outputs: Sequence[Any]) -> None:
        """Average the gradients of the next backward pass, which starts from outputs."""
        self.armed, self.queued, self.next = True, False, 0
        self.works, self.marked = [], set()
        for b in self.buckets:
            b.waits_for = len(b._params)
        if self.find_unused or (self.static and self.used is None):
            roots = [t._n for t in outputs if isinstance(t, Tensor) and t._n is not None]
            leaves = walk(roots)[1]
            self.used = {id(p) for p in self.params if p._n in leaves}
        if self.used is not None:
            for p in self.params:
                if id(p) not in self.used:
                    self.mark(p, unused=True)

    def ready(self, p: Tensor) -> None:
        """A parameter's gradient has come."""
        if not self.armed or id(p) in self.marked:
            return
        if not self.queued:
            self.queued = True
            queue_callback(self.finish)
        self.mark(p)

    def reuse(self) -> None:
        """Wait until buckets may be written again."""
        if self.read is not None:
            work, self.read = self.read, None
            work.wait()

    def release(self) -> None:
        """Tell the others that this rank has read their sums."""
        if any([b.dealt for b in self.buckets]):
            call = Call(("gradients are read",))
            self.read = self.group.start(call, self.group.comm.Ibarrier, None, None, True)

    def mark(self, p: Tensor, unused: bool = False) -> None:
        """Put a parameter's gradient into its place, and start the buckets that are full."""
        self.reuse()
        bucket, place = self.place[id(p)]
        self.marked.add(id(p))
        g, target = p.grad, place._a
        scale = 1.0 if self.hook is not None else 1.0 / self.divisor
        if g is None:
            place.zero_() if bucket.on_gpu else target.fill(0)
        elif g.is_sparse:
            raise RuntimeError(
                f"DistributedDataParallel: the gradient of {self.names[id(p)]} is sparse: make the "
                "embedding with sparse=False"
            )
        elif bucket.on_gpu:
            place.copy_(g.detach() * scale)
        else:
            a = g._a if type(g._a) is np.ndarray else host(g, "DistributedDataParallel")
            if a is not target or scale != 1.0:
                np.multiply(a, target.dtype.type(scale), out=target)
        bucket.waits_for -= 1
        while self.next < len(self.buckets) and self.buckets[self.next].waits_for == 0:
            self.works.append(self.start(self.buckets[self.next]))
            self.next += 1

    def start(self, bucket: GradBucket) -> Any:
        """Start to average (or what the hook does with) a bucket."""
        bucket.dealt = bucket.rows is not None and self.hook is None and not self.as_views
        if self.hook is not None:
            return self.hook(self.hook_state, bucket)
        if bucket.rows is not None:
            return sum_rows(self.group, bucket.rows, not bucket.dealt)
        return all_reduce(bucket.buffer_tensor, group=self.group, async_op=True)

    def settle(self, bucket: GradBucket, work: Any) -> None:
        """Wait for a bucket."""
        result = work.wait()
        if self.hook is not None:
            result = result[0] if isinstance(result, (list, tuple)) else result
            if result is not bucket.buffer_tensor:
                bucket.set_buffer(result)

    def finish(self) -> None:
        """The end of the pass: wait, and give the averages to the parameters."""
        if self.next < len(self.buckets):
            return  # the next forward pass says what is missing
        for bucket, work in zip(self.buckets, self.works):
            self.settle(bucket, work)
        anywhere = self.used_anywhere()
        for bucket in self.buckets:
            for p, place in zip(bucket._params, bucket.places):
                if p.grad is not None or id(p) in anywhere:
                    self.give(p, place, bucket)
        self.release()
        self.armed = self.queued = False

    def used_anywhere(self) -> set[int]:
        """The ids of the parameters that some rank has used; the gradient of others stays."""
        if self.used is None or self.static:
            return {id(p) for p in self.params} if self.used is None else self.used
        flags = np.array([id(p) in self.used for p in self.params], np.uint8)
        self.group.reduced("used parameters", flags, RedOpType.MAX)
        return {id(p) for p, used in zip(self.params, flags) if used}

    def give(self, p: Tensor, place: Tensor, bucket: GradBucket) -> None:
        """Make an average the gradient of p."""
        g = p.grad
        if g is place:
            views.mutated(place)
            return
        if self.as_views and type(p._a) is np.ndarray:
            p.grad = place
            return
        if g is None:
            g = p.grad = p.detach().clone()
        else:
            views.mutated(g)
        if bucket.on_gpu:
            g.detach().copy_(place)
        elif not bucket.dealt:
            restore(g, place._a)
        elif type(g._a) is np.ndarray and g._a.flags.c_contiguous:
            bucket.copy_to(g._a, place)
        else:
            values = np.empty(place._a.shape, place._a.dtype)
            bucket.copy_to(values, place)
            restore(g, values)

    def shadow(self) -> None:
        """Take part in a pass of other ranks with zeros."""
        works = []
        self.reuse()
        for bucket in self.buckets:
            bucket.buffer_tensor.zero_() if bucket.on_gpu else bucket.flat.fill(0)
            works.append(self.start(bucket))
        for bucket, work in zip(self.buckets, works):
            self.settle(bucket, work)
        if self.find_unused and not self.static:
            self.group.reduced(
                "used parameters", np.zeros(len(self.params), np.uint8), RedOpType.MAX
            )
        self.release()
