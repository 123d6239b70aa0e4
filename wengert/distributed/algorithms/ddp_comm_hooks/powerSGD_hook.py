"""Communication hooks that send two thin factors in place of each gradient (PowerSGD)."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....api import functions as T
from ....api.generator import fork_rng, manual_seed
from ....base.dtypes import bfloat16, float16
from ....base.futures import Future
from ....engine.tensor import Tensor
from ...collectives import all_reduce
from ...process_group import pick, world
from ...reducer import GradBucket
from .debugging_hooks import noop_hook
from .default_hooks import allreduce_hook

__all__ = ["PowerSGDState", "batched_powerSGD_hook", "powerSGD_hook"]

logger = logging.getLogger(__name__)


class PowerSGDState:
    """What the PowerSGD hooks keep between steps.

    Args:
        process_group: the ranks that take part; None: all.
        matrix_approximation_rank: the columns of the factors; more are exacter and longer to send.
        start_powerSGD_iter: the step from which on gradients are sent as factors; whole before it.
        min_compression_rate: a gradient is sent whole unless its factors have fewer elements by
            this factor.
        use_error_feedback: add what a step lost to the gradients of the next one.
        warm_start: begin with the factors of the step before.
        orthogonalization_epsilon: added to the norms of columns, against columns of zeros.
        random_seed: of the first factors; the same on all ranks.
        compression_stats_logging_frequency: the steps between two log records.
        batch_tensors_with_same_shape: multiply gradients of one shape together.

    Raises ValueError where use_error_feedback or warm_start is set and start_powerSGD_iter is 0 or
    1, since DDP puts its buckets together anew after the first step.

    >>> state = PowerSGDState(None, matrix_approximation_rank=2, start_powerSGD_iter=10)
    >>> state.iter, state.compression_stats()
    (0, (0, 0, 0))
    """

    def __init__(
        self, process_group: Any, matrix_approximation_rank: int = 1,
        start_powerSGD_iter: int = 1_000, min_compression_rate: float = 2,
        use_error_feedback: bool = True, warm_start: bool = True,
        orthogonalization_epsilon: float = 0, random_seed: int = 0,
        compression_stats_logging_frequency: int = 10_000,
        batch_tensors_with_same_shape: bool = False,
    ) -> None:  # fmt: skip
        if (use_error_feedback or warm_start) and start_powerSGD_iter <= 1:
            raise ValueError(
                "Expect `start_powerSGD_iter` > 1 if `use_error_feedback` or `warm_start` is"
                " enabled, because PowerSGD can only be applied after the first two iterations in"
                " DDP."
            )
        self.process_group = process_group
        self.matrix_approximation_rank = matrix_approximation_rank
        self.start_powerSGD_iter = start_powerSGD_iter
        self.min_compression_rate = min_compression_rate
        self.orthogonalization_epsilon = orthogonalization_epsilon
        self.use_error_feedback, self.warm_start = use_error_feedback, warm_start
        self.batch_tensors_with_same_shape = batch_tensors_with_same_shape
        self.rng = np.random.RandomState(random_seed)  # seeds that are the same on all ranks
        self.error_dict: dict[int, Tensor] = {}  # by the index of a bucket, like the factors
        self.p_memory_dict: dict[int, Tensor] = {}
        self.q_memory_dict: dict[int, Tensor] = {}
        self.iter = 0
        self.total_numel_before_compression = self.total_numel_after_compression = 0
        self.compression_stats_logging_frequency = max(1, compression_stats_logging_frequency)
        self.next_stats_report = 0

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "process_group"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, process_group=world())

    def maybe_increase_iter(self, bucket: GradBucket) -> None:
        """Count a step where the bucket is its last.

        bucket: the gradients, flat: bucket.buffer().
        """
        self.iter += bucket.is_last()

    def compression_stats(self) -> tuple[float, int, int]:
        """Elements of the gradients by those sent, and the two numbers."""
        before, after = self.total_numel_before_compression, self.total_numel_after_compression
        return before / after if after else 0, before, after

    def _report(self, bucket: GradBucket) -> None:
        if bucket.is_last() and self.iter >= self.next_stats_report:
            self.next_stats_report = self.iter + self.compression_stats_logging_frequency
            logger.info("step %s: elements saved %s, of %s sent %s", self.iter,
                        *self.compression_stats())  # fmt: skip

    def _with_error(self, bucket: GradBucket, flat: Tensor) -> Tensor | None:
        """Add what was lost before to the gradients; their copy, to find what is lost now."""
        if not self.use_error_feedback:
            return None
        if bucket.index() in self.error_dict:
            flat.add_(self.error_dict[bucket.index()])
        return flat.clone()

    def _factors(
        self, index: int, shapes: Sequence[tuple[int, int, int, int]], like: Tensor
    ) -> Any:
        """The factors for gradients of (batch, rows, columns, rank), views of a flat tensor for
        each side; those of columns orthogonal.
        """
        fresh = not self.warm_start or index not in self.p_memory_dict
        if fresh:
            for memory, side in ((self.p_memory_dict, 1), (self.q_memory_dict, 2)):
                memory[index] = like.new_empty(sum(s[0] * s[side] * s[3] for s in shapes))
        p = views(self.p_memory_dict[index], [(b, n, r) for b, n, _, r in shapes])
        q = views(self.q_memory_dict[index], [(b, m, r) for b, _, m, r in shapes])
        if fresh:
            with fork_rng(devices=[]):
                manual_seed(self.rng.randint(1_000_000_000))
                for t in q:
                    t.copy_(T.randn(*t.shape, dtype=like.dtype))
        for t in q:
            orthogonalize(t, self.orthogonalization_epsilon)
        return p, q

    def _approximate(
        self, index: int, group: Any, gradients: Sequence[Tensor], p: Sequence[Tensor],
        q: Sequence[Tensor],
    ) -> None:  # fmt: skip
        """Write the product of the factors that all ranks agree upon into the gradients."""
        flat_p, flat_q = self.p_memory_dict[index], self.q_memory_dict[index]
        for g, a, b in zip(gradients, p, q):
            T.bmm(g, b, out=a)
        all_reduce(flat_p, group=group)
        for g, a, b in zip(gradients, p, q):
            orthogonalize(a, self.orthogonalization_epsilon)
            T.bmm(g.transpose(1, 2), a, out=b)
        all_reduce(flat_q, group=group)
        flat_q.div_(group.n)
        for g, a, b in zip(gradients, p, q):
            T.bmm(a, b.transpose(1, 2), out=g)
        if not self.warm_start:
            self.p_memory_dict.clear()
            self.q_memory_dict.clear()


def views(flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Tensors of the shapes, one behind the other in the memory of a flat one."""
    sizes = [math.prod(shape) for shape in shapes]
    return [t.view(shape) for t, shape in zip(flat.split(sizes), shapes)]


def orthogonalize(matrices: Tensor, epsilon: float = 0) -> None:
    """Make the columns of each matrix orthonormal, in place: by Gram and Schmidt where they are
    few, by QR where they are many.
    """
    columns = matrices.shape[2]
    if columns > 2 and matrices.dtype not in (float16, bfloat16):
        matrices.copy_(T.resolve("linalg", "qr")(matrices).Q)
        return
    for i in range(columns):
        column, rest = matrices[:, :, i : i + 1], matrices[:, :, i + 1 :]
        column /= column.norm(dim=1, keepdim=True) + epsilon
        rest -= (column * rest).sum(1, keepdim=True) * column


def powerSGD_hook(state: PowerSGDState, bucket: GradBucket) -> Future:
    """Send each gradient as two factors of a few columns, M = P Q^T, where that is less to send.

    The factors come from one step of the power iteration: P = M Q, summed over the ranks and made
    orthonormal, then Q = M^T P, averaged over the ranks. Vectors are sent whole.

    state: a PowerSGDState. bucket: the gradients, flat: bucket.buffer().

    Vogels, Karimireddy, Jaggi, PowerSGD: Practical low-rank gradient compression, 2019.

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(8, 8))
    >>> state = PowerSGDState(None, start_powerSGD_iter=2)
    >>> net.register_comm_hook(state, powerSGD_hook)
    >>> for _ in range(3):
    ...     net(torch.ones(4, 8)).sum().backward()
    >>> state.compression_stats()
    (3.0, 72, 24)
    """
    if state.iter < state.start_powerSGD_iter:
        state.maybe_increase_iter(bucket)
        return allreduce_hook(state.process_group, bucket)
    group, flat = pick(state.process_group), bucket.buffer()
    given = state._with_error(bucket, flat)
    by_shape: dict[Any, list[Tensor]] = defaultdict(list)
    whole = []
    for g in bucket.gradients():
        matrix = g.view(g.shape[0], -1) if g.dim() else g.view(1, 1)
        rows, columns = matrix.shape
        rank = min(rows, columns, state.matrix_approximation_rank)
        sent = (rows + columns) * rank
        small = sent * state.min_compression_rate < g.numel()
        state.total_numel_before_compression += g.numel()
        state.total_numel_after_compression += sent if small else g.numel()
        if small:
            by_shape[rows, columns, rank].append(matrix)
        else:
            whole.append(g)
    state._report(bucket)
    together = T.cat([g.reshape(-1) for g in whole]) if whole else None
    if together is not None:
        all_reduce(together, group=group)
        for g, mean in zip(whole, views(together.div_(group.n), [tuple(g.shape) for g in whole])):
            g.copy_(mean)
    # the gradients of a shape as one batch each, or as batches of one
    batches = []
    for (*_, rank), matrices in by_shape.items():
        if state.batch_tensors_with_same_shape and len(matrices) > 1:
            batches.append((T.stack(matrices), matrices, rank))
        else:
            batches += [(m.unsqueeze(0), [m], rank) for m in matrices]
    shapes = [(*b.shape, rank) for b, _, rank in batches]
    p, q = state._factors(bucket.index(), shapes, flat)
    state._approximate(bucket.index(), group, [b for b, *_ in batches], p, q)
    for batch, matrices, _ in batches:
        if len(matrices) > 1:
            for matrix, mean in zip(matrices, batch):
                matrix.copy_(mean)
    if given is not None:
        state.error_dict[bucket.index()] = given.sub_(flat)
    state.maybe_increase_iter(bucket)
    return noop_hook(None, bucket)  # its values are set


def batched_powerSGD_hook(state: PowerSGDState, bucket: GradBucket) -> Future:
    """As powerSGD_hook, but all gradients of a bucket are one square matrix: faster, less exact.

    state: a PowerSGDState. bucket: the gradients, flat: bucket.buffer().

    Vogels, Karimireddy, Jaggi, PowerSGD: Practical low-rank gradient compression, 2019.

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(8, 8))
    >>> state = PowerSGDState(None, start_powerSGD_iter=2)
    >>> net.register_comm_hook(state, batched_powerSGD_hook)
    >>> for _ in range(3):
    ...     net(torch.ones(4, 8)).sum().backward()
    >>> state.compression_stats()
    (4.0, 72, 18)
    """
    if state.iter < state.start_powerSGD_iter:
        state.maybe_increase_iter(bucket)
        return allreduce_hook(state.process_group, bucket)
    group, flat = pick(state.process_group), bucket.buffer()
    side, rank = math.ceil(math.sqrt(flat.numel())), state.matrix_approximation_rank
    state.total_numel_before_compression += flat.numel()
    state.total_numel_after_compression += 2 * side * rank
    state._report(bucket)
    square = flat.new_zeros(side * side)
    square[: flat.numel()] = flat
    given = state._with_error(bucket, square)
    p, q = state._factors(bucket.index(), [(1, side, side, rank)], flat)
    state._approximate(bucket.index(), group, [square.view(1, side, side)], p, q)
    if given is not None:
        state.error_dict[bucket.index()] = given.sub_(square)
    flat.copy_(square[: flat.numel()])
    state.maybe_increase_iter(bucket)
    return noop_hook(None, bucket)  # its values are set
