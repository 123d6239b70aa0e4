"""The Reducer of DistributedDataParallel: buckets of gradients, averaged over the ranks as soon as
they are full.

Within a host a large gradient is computed where all ranks see it (`kernels/placement.py`), and
averaged there: nobody copies it. All others are copied into their places in a bucket. Buckets start
in their own order, which is the same on all ranks. The end of the backward pass waits for them and
copies the averages back (or the gradients are the places themselves: gradient_as_bucket_view).
A small bucket is an exchange instead: gradients are laid where all ranks see them, and each rank
adds all of them up, which is one wait less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..arrays.lookup import namespace
from ..autodiff.grad_api import queue_callback
from ..engine import views
from ..engine.backward import walk
from ..engine.tensor import Tensor, wrap
from ..kernels.placement import Placement
from .buffers import host, restore
from .collectives import all_reduce, on_gpu
from .process_group import ProcessGroup
from .reduce_op import RedOpType
from .shared_memory import Exchange, Part, add_up, average_parts, shared_rows

__all__ = ["GradBucket", "Reducer"]

FIRST_BUCKET = 1 << 20  # bytes: small, as nothing can start before it is full
PLACED = 1 << 16  # bytes of a gradient that is computed in shared memory
LINE = 64  # bytes: blocks begin at such
EXCHANGED = 1 << 20  # bytes of a small bucket, times the ranks beyond two that are read too


class GradBucket:
    """Gradients that travel together; what a communication hook is given.

    at: rows of shared memory in which ranks say where they have each of the gradients.
    """

    def __init__(
        self, index: int, params: Sequence[Tensor], group: ProcessGroup, at: list[Any] | None
    ) -> None:
        self._index, self._params = index, list(params)
        size, dtype = sum(p.numel() for p in params), params[0]._a.dtype
        self.on_gpu = on_gpu(group, params[0]) is not None  # and travels from there
        self.blocks: dict[tuple[int, int], None] = {}  # for gradients: addresses, bytes
        self.rows: list[Any] | None = None
        self.exchange: Exchange | None = None
        self.seen: list[list[list[Any]]] = []  # of an exchange: places by half, rank and parameter
        if not self.on_gpu and at is not None:
            self._share(group, size, dtype)
        if self.on_gpu:
            self.flat = namespace(params[0]._a).zeros(size, dtype)
        else:
            self.flat = self.rows[group.me][:size] if self.rows else np.zeros(size, dtype)
        self.buffer_tensor = wrap(self.flat)
        self.places: list[Tensor] = []
        self.parts: list[Part] = []
        for i, (p, first) in enumerate(zip(params, starts(params))):
            if self.on_gpu:
                place = self.buffer_tensor.narrow(0, first, p.numel()).view(p.shape)._a
            else:
                place = piece(self.flat, first, p)
            self.places.append(wrap(place))
            if at is not None:
                self.parts.append(Part(first, p.numel(), [row[i : i + 1] for row in at]))
        if self.exchange is not None:
            self.seen = [
                [[piece(row, k, p) for p, k in zip(params, starts(params))] for row in half]
                for half in self.exchange.halves
            ]
        self.dtype, self.low = dtype, self.flat.ctypes.data if at is not None else 0
        self.last = False
        self.waits_for = len(self._params)

    def _share(self, group: ProcessGroup, size: int, dtype: Any) -> None:
        """A row for each rank: the bucket twice, for an exchange; or the bucket, and blocks for
        gradients that are computed there.
        """
        item, first = dtype.itemsize, -(-size * dtype.itemsize // LINE) * LINE
        if size * item * max(group.n - 2, 1) <= EXCHANGED:
            rows = shared_rows(group, 2 * size, dtype, "a small bucket, twice")
            self.exchange = None if rows is None else Exchange(rows)
            return
        blocks, end = [], first
        for p in self._params:
            if p.numel() * item >= PLACED:
                blocks.append((end, p.numel() * item))
                end += -(-p.numel() * item // LINE) * LINE
        if blocks and Placement.possible():
            self.rows = shared_rows(group, end // item, dtype, "a bucket and its blocks")
            if self.rows is not None:
                low = self.rows[group.me].ctypes.data
                self.blocks = {(low + at, n): None for at, n in blocks}
                return
        self.rows = shared_rows(group, size, dtype, "a bucket")

    def shared(self) -> bool:
        """Whether other ranks see its memory."""
        return self.rows is not None or self.exchange is not None

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

    def where(self, a: Any, i: int) -> int:
        """Where in this rank's row an array lies that is the i-th gradient's place, or a whole
        block, in elements; -1: it does not lie there.
        """
        if a is self.places[i]._a:
            return self.parts[i].first
        at: int = a.__array_interface__["data"][0]
        if (at, a.nbytes) not in self.blocks or not a.flags.c_contiguous or a.dtype != self.dtype:
            return -1
        return (at - self.low) // a.itemsize

    def is_last(self) -> bool:
        """Whether it is the last bucket of a pass."""
        return self.last

    def set_buffer(self, buffer: Tensor) -> None:
        """Replace the values of the buffer."""
        restore(self.buffer_tensor, host(buffer, "set_buffer"))


def starts(params: Sequence[Tensor]) -> list[int]:
    """Where each parameter begins in a bucket."""
    return [0, *accumulate(p.numel() for p in params)][:-1]


def piece(flat: Any, first: int, p: Tensor) -> Any:
    """The place of a parameter in an array of all."""
    return flat[first : first + p.numel()].reshape(tuple(p.shape))


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
        self.at = None if on_gpu(group, self.params[0]) else self._shared_places()
        self.buckets, first = [], 0
        for i, b in enumerate(in_buckets(self.params, cap)):
            at = self.at and [row[first : first + len(b)] for row in self.at]
            self.buckets.append(GradBucket(i, b, group, at))
            first += len(b)
        self.buckets[-1].last = True
        blocks = [block for b in self.buckets for block in b.blocks]
        self.placement = Placement(blocks) if blocks else None
        self.place = {id(p): (b, v) for b in self.buckets for p, v in zip(b._params, b.places)}
        self.every = set(self.place)
        self.hook: Callable[..., Any] | None = None
        self.hook_state: Any = None
        self.divisor = group.n
        self.shared = all([b.shared() for b in self.buckets])
        self.armed = self.queued = False  # whether the next pass is to be averaged, has begun
        self.marked: set[int] = set()
        self.used: set[int] | None = None  # ids of used parameters, where that is looked for
        self.works: list[Any] = []
        self.next = 0  # the bucket to start next
        self.arrived: list[Tensor] = []  # parameters, where buckets wait for the end of the pass
        self.inside: dict[int, Any] = {}  # id of a parameter -> its gradient in shared memory
        self.taken: set[Any] = set()  # the places of those
        for p in self.params:
            p.register_post_accumulate_grad_hook(self.ready)

    def _shared_places(self) -> list[Any] | None:
        """A row for each rank, in which it says where each of its gradients is; None: no rows."""
        return shared_rows(self.group, len(self.params), np.dtype(np.uint64), "gradients' places")

    @property
    def overlaps(self) -> bool:
        """Whether buckets start while the pass goes on. Within a host they would gain nothing."""
        return self.hook is not None or not self.shared

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
        self.works, self.marked, self.arrived = [], set(), []
        self.inside, self.taken = {}, set()
        for b in self.buckets:
            b.waits_for = len(b._params)
        if self.placement is not None and not self.overlaps:
            self.placement.on()
        if self.find_unused or (self.static and self.used is None):
            roots = [t._n for t in outputs if isinstance(t, Tensor) and t._n is not None]
            leaves = walk(roots)[1]
            self.used = {id(p) for p in self.params if p._n in leaves}
        if self.used is not None:
            for p in self.params:
                if id(p) not in self.used:
                    self.mark(p) if self.overlaps else self.marked.add(id(p))

    def ready(self, p: Tensor) -> None:
        """A parameter's gradient has come."""
        if not self.armed:
            return
        if not self.queued:
            self.queued = True
            queue_callback(self.finish)
        if self.overlaps:
            self.mark(p)
        else:
            self.arrived.append(p)

    def mark(self, p: Tensor) -> None:
        """Copy a parameter's gradient to its place, and start the buckets that are full."""
        if id(p) in self.marked:
            return
        bucket, place = self.place[id(p)]
        self.marked.add(id(p))
        self.copy(p, bucket, place)
        bucket.waits_for -= 1
        while self.next < len(self.buckets) and self.buckets[self.next].waits_for == 0:
            self.works.append(self.start(self.buckets[self.next]))
            self.next += 1

    def gather(self, bucket: GradBucket) -> None:
        """Give other ranks the gradients of a bucket to read."""
        if bucket.exchange is not None:
            scale = bucket.dtype.type(1 / self.divisor)
            for p, place in zip(bucket._params, bucket.seen[bucket.exchange.turn][self.group.me]):
                g = p.grad
                if g is None:
                    place.fill(0)
                else:
                    a = g._a if type(g._a) is np.ndarray else self.dense(g, p)
                    np.multiply(a, scale, out=place)
            return
        for i, (p, place) in enumerate(zip(bucket._params, bucket.places)):
            self.put(p, bucket, i, place._a)

    def put(self, p: Tensor, bucket: GradBucket, i: int, place: Any) -> None:
        """Say where a gradient is, which is copied to its place if it is not in shared memory."""
        g, part = p.grad, bucket.parts[i]
        at = -1
        if g is None:
            place.fill(0)
        else:
            a = g._a if type(g._a) is np.ndarray else self.dense(g, p)
            if a.nbytes >= PLACED or a is place:
                at = bucket.where(a, i)
            if at < 0 or (bucket, at) in self.taken:
                np.copyto(place, a)
                at = -1
            else:
                self.inside[id(p)] = a
                self.taken.add((bucket, at))
        part.at[self.group.me][0] = part.first if at < 0 else at

    def copy(self, p: Tensor, bucket: GradBucket, place: Tensor) -> None:
        """Copy a gradient, divided by the number of ranks, to its place."""
        g, target = p.grad, place._a
        scale = 1.0 if self.hook is not None else 1.0 / self.divisor
        if g is None:
            place.zero_() if bucket.on_gpu else target.fill(0)
        elif bucket.on_gpu and not g.is_sparse:
            place.copy_(g.detach() * scale)
        else:
            a = self.dense(g, p)
            if a is not target or scale != 1.0:
                np.multiply(a, target.dtype.type(scale), out=target)

    def dense(self, g: Tensor, p: Tensor) -> Any:
        """A gradient as a NumPy array. RuntimeError if it is sparse."""
        if g.is_sparse:
            raise RuntimeError(
                f"DistributedDataParallel: the gradient of {self.names[id(p)]} is sparse: make the "
                "embedding with sparse=False"
            )
        return g._a if type(g._a) is np.ndarray else host(g, "DistributedDataParallel")

    def start(self, bucket: GradBucket) -> Any:
        """Start to average (or what the hook does with) a bucket."""
        if self.hook is not None:
            return self.hook(self.hook_state, bucket)
        if self.shared and bucket.exchange is not None:
            return bucket.exchange.start(self.group)
        if self.shared and bucket.rows is not None:
            total = bucket.flat.size
            return average_parts(self.group, bucket.rows, bucket.parts, total, 1 / self.divisor)
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
        self.marked.update(map(id, self.arrived))
        if len(self.marked) < len(self.params):
            return  # the next forward pass says what is missing
        if not self.overlaps:
            for bucket in self.buckets:
                self.gather(bucket)
                self.works.append(self.start(bucket))
        if self.placement is not None:
            self.placement.off()
        for bucket, work in zip(self.buckets, self.works):
            self.settle(bucket, work)
        anywhere = self.used_anywhere()
        for bucket in self.buckets:
            if not self.overlaps and bucket.exchange is not None:
                self.add(bucket, bucket.exchange, anywhere)
                continue
            for p, place in zip(bucket._params, bucket.places):
                if p.grad is not None or id(p) in anywhere:
                    self.give(p, place, bucket)
        self.armed = self.queued = False

    def used_anywhere(self) -> set[int]:
        """The ids of the parameters that some rank has used; the gradient of others stays."""
        if self.used is None or self.static:
            return self.every if self.used is None else self.used
        flags = np.array([id(p) in self.used for p in self.params], np.uint8)
        self.group.reduced("used parameters", flags, RedOpType.MAX)
        return {id(p) for p, used in zip(self.params, flags) if used}

    def add(self, bucket: GradBucket, exchange: Exchange, anywhere: set[int]) -> None:
        """Make the sums of what all ranks have laid the gradients of a bucket."""
        for p, place, *parts in zip(bucket._params, bucket.places, *bucket.seen[exchange.turn]):
            g, here = p.grad, type(p._a) is np.ndarray
            if g is None and id(p) not in anywhere:
                continue
            if self.as_views and here:
                if g is not place:
                    g = p.grad = place
            elif g is None:
                g = p.grad = p.detach().clone()
            out = g._a if here else place._a
            add_up(parts, out)
            if not here:
                restore(g, out)
            views.mutated(g)
        exchange.turn ^= 1

    def give(self, p: Tensor, place: Tensor, bucket: GradBucket) -> None:
        """Make an average the gradient of p."""
        g = p.grad
        if g is place or g is not None and g._a is self.inside.get(id(p)):
            views.mutated(g)
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
        else:
            restore(g, place._a)

    def shadow(self) -> None:
        """Take part in a pass of other ranks with zeros."""
        works = []
        for bucket in self.buckets:
            bucket.buffer_tensor.zero_() if bucket.on_gpu else bucket.flat.fill(0)
            if bucket.exchange is not None:
                bucket.exchange.halves[bucket.exchange.turn][self.group.me].fill(0)
            for place in bucket.parts:
                place.at[self.group.me][0] = place.first
            works.append(self.start(bucket))
        for bucket, work in zip(self.buckets, works):
            self.settle(bucket, work)
            if bucket.exchange is not None and not self.overlaps:
                bucket.exchange.turn ^= 1
        if self.find_unused and not self.static:
            self.group.reduced(
                "used parameters", np.zeros(len(self.params), np.uint8), RedOpType.MAX
            )
