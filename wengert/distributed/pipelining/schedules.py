"""In which order the stages of a pipeline run micro-batches: GPipe, 1F1B."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from .stage import PipelineStage

__all__ = ["PipelineScheduleSingle", "Schedule1F1B", "ScheduleGPipe"]


class PipelineScheduleSingle:
    """A schedule of one stage a rank.

    Args:
        stage: this rank's.
        n_microbatches: into how many parts a batch is cut along dim 0.
        loss_fn: loss_fn(output, target) of a micro-batch, for training.
        scale_grads: divide gradients by n_microbatches, as for a mean over the batch.

    Inputs are of shape (N, *), cut along N. Raises TypeError where n_microbatches is of the wrong
    type or loss_fn cannot be called; ValueError where n_microbatches is below 1 or args or target
    has a shape that does not fit; NotImplementedError where args or target is of the wrong type;
    RuntimeError where args or target has a shape that does not fit, args or target holds values out
    of range, args or target holds integers, booleans or complex numbers or losses is of the wrong
    type.
    """

    def __init__(
        self, stage: PipelineStage, n_microbatches: int,
        loss_fn: Callable[..., Tensor] | None = None, args_chunk_spec: Any = None,
        kwargs_chunk_spec: Any = None, output_merge_spec: Any = None, scale_grads: bool = True,
    ) -> None:  # fmt: skip
        if n_microbatches < 1:
            raise ValueError(f"n_microbatches must be at least 1, got {n_microbatches}")
        self._stage, self._n_microbatches = stage, n_microbatches
        self._loss_fn, self.scale_grads = loss_fn, scale_grads

    def cut(self, value: Any) -> list[Any]:
        """The micro-batches of an argument; what is not a tensor goes to each."""
        n = self._n_microbatches
        if not isinstance(value, Tensor):
            return [value] * n
        parts = list(value.tensor_split(n))
        if len(value) < n:
            raise ValueError(f"step: a batch of {len(value)} cannot be cut into {n} micro-batches")
        return parts

    def step(
        self, *args: Any, target: Tensor | None = None, losses: list[Any] | None = None,
        **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Run a batch through the pipeline, and back where there is a loss_fn.

        args, kwargs: the model's inputs, given on the first stage (kwargs on each that takes them).
        target: of the whole batch, on the last stage. losses: a list that gets the micro-batches'
        losses there. Returns the joined outputs on the last stage, None on others.
        """
        stage, n = self._stage, self._n_microbatches
        rows = [list(x) for x in zip(*[self.cut(a) for a in args])] if args else [[]] * n
        named = [
            {k: v[i] for k, v in zip(kwargs, map(self.cut, kwargs.values()))} for i in range(n)
        ]
        targets = self.cut(target) if target is not None else [None] * n
        outputs: list[Any] = [None] * n
        found: list[Any] = [None] * n

        def forward(i: int) -> None:
            outputs[i] = stage.forward_one(i, rows[i], named[i])
            if stage.is_last and self._loss_fn is not None:
                found[i] = self._loss_fn(outputs[i], targets[i])

        def backward(i: int) -> None:
            if self._loss_fn is not None:
                stage.backward_one(i, found[i])

        self.run(forward, backward)
        stage.settle()
        if self._loss_fn is not None and self.scale_grads:
            for p in stage.submod.parameters():
                if p.grad is not None:
                    p.grad.div_(n)
        if self._loss_fn is None:
            stage.held.clear()
        if losses is not None and stage.is_last:
            losses[:] = [loss.detach() for loss in found if loss is not None]
        if not stage.is_last:
            return None
        if isinstance(outputs[0], (tuple, list)):
            return tuple(T.cat([o[k] for o in outputs]) for k in range(len(outputs[0])))
        return T.cat(outputs)

    def run(self, forward: Callable[[int], None], backward: Callable[[int], None]) -> None:
        """The order of passes."""
        raise NotImplementedError

    def eval(
        self, *args: Any, target: Tensor | None = None, losses: Any = None, **kwargs: Any
    ) -> Any:
        """step() without a backward pass."""
        kept, self._loss_fn = self._loss_fn, None
        try:
            return self.step(*args, target=target, losses=losses, **kwargs)
        finally:
            self._loss_fn = kept


class ScheduleGPipe(PipelineScheduleSingle):
    """All forward passes, then all backward passes.

    Huang et al., GPipe, 2019.

    args_chunk_spec: accepted. kwargs_chunk_spec: accepted. output_merge_spec: accepted.

    >>> stage = dist.pipelining.PipelineStage(nn.Linear(2, 1), stage_index=0, num_stages=1)
    >>> schedule = dist.pipelining.ScheduleGPipe(stage, n_microbatches=2, loss_fn=F.mse_loss)
    >>> losses = []
    >>> out = schedule.step(torch.ones(4, 2), target=torch.zeros(4, 1), losses=losses)
    >>> len(losses)
    2
    """

    def run(self, forward: Callable[[int], None], backward: Callable[[int], None]) -> None:
        for i in range(self._n_microbatches):
            forward(i)
        for i in range(self._n_microbatches):
            backward(i)


class Schedule1F1B(PipelineScheduleSingle):
    """A backward pass as soon as there can be one, so that fewer micro-batches are held.

    Narayanan et al., Memory-efficient pipeline-parallel DNN training, 2021.

    args_chunk_spec: accepted. kwargs_chunk_spec: accepted. output_merge_spec: accepted.

    >>> stage = dist.pipelining.PipelineStage(nn.Linear(2, 1), stage_index=0, num_stages=1)
    >>> schedule = dist.pipelining.Schedule1F1B(stage, n_microbatches=2, loss_fn=F.mse_loss)
    >>> losses = []
    >>> out = schedule.step(torch.ones(4, 2), target=torch.zeros(4, 1), losses=losses)
    >>> len(losses)
    2
    """

    def run(self, forward: Callable[[int], None], backward: Callable[[int], None]) -> None:
        n, stage = self._n_microbatches, self._stage
        ahead = min(n, stage.num_stages - stage.stage_index)
        for i in range(ahead):
            forward(i)
        for i in range(n):
            backward(i)
            if i + ahead < n:
                forward(i + ahead)
