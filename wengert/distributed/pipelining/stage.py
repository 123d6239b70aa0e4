"""A stage of a pipeline: one part of a model, and what it exchanges with its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...api import functions as T
from ...autodiff.grad_api import backward
from ...base import dtypes
from ...engine.tensor import Tensor, wrap
from ...nn.module import Module
from ..point_to_point import irecv, isend
from ..process_group import get_global_rank, pick

__all__ = ["PipelineStage"]

HEADER = 64  # int64 numbers that announce tensors: how many, then dtype, rank and sizes of each
DTYPES = [dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.int64,
          dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8, dtypes.bool, dtypes.complex64,
          dtypes.complex128]  # fmt: skip


class PipelineStage:
    """One rank's part of a model in a pipeline.

    Args:
        submodule: the part. Its inputs and outputs are tensors or tuples of tensors.
        stage_index: its place, from 0; the ranks of the group hold the stages in order.
        num_stages: how many there are.
        device: where the part is.
        input_args, output_args: accepted; shapes are announced with what is sent.
        group: the ranks; all by default.

    Raises:
        ValueError: a place that is not in the pipeline.

    output_grads: accepted. dw_builder: accepted.

    Raises TypeError where stage_index or num_stages is of the wrong type; RuntimeError where
    stage_index or num_stages is a tensor of several numbers.

    >>> stage = dist.pipelining.PipelineStage(nn.Linear(2, 1), stage_index=0, num_stages=1)
    >>> stage.is_first, stage.is_last
    (True, True)
    """

    def __init__(
        self, submodule: Module, stage_index: int, num_stages: int, device: Any = "cpu",
        input_args: Any = None, output_args: Any = None, output_grads: Any = None,
        group: Any = None, dw_builder: Any = None,
    ) -> None:  # fmt: skip
        if not 0 <= stage_index < num_stages:
            raise ValueError(f"Stage index {stage_index} is out of range of {num_stages}")
        self.submod, self.device = submodule, device
        self.stage_index, self.num_stages = stage_index, num_stages
        self.group = pick(group)
        if self.group.n != num_stages:
            raise ValueError(
                f"PipelineStage: {num_stages} stages need {num_stages} ranks, the group has "
                f"{self.group.n}: one stage a rank"
            )
        self.held: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
        self.works: list[Any] = []

    @property
    def is_first(self) -> bool:
        """Whether it takes the model's inputs."""
        return self.stage_index == 0

    @property
    def is_last(self) -> bool:
        """Whether it gives the model's outputs."""
        return self.stage_index == self.num_stages - 1

    def forward_one(self, number: int, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run a micro-batch: of args in the first stage, of what the one before sends in others."""
        if self.is_first:
            inputs = list(args)
        else:
            inputs = self.receive(self.stage_index - 1, self.device)
            for x in inputs:
                if x.is_floating_point() or x.is_complex():
                    x.requires_grad_()
        out = self.submod(*inputs, **kwargs)
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        self.held[number] = ([x for x in inputs if isinstance(x, Tensor)], outs)
        if not self.is_last:
            self.send(outs, self.stage_index + 1)
        return out

    def backward_one(self, number: int, loss: Tensor | None) -> None:
        """Run a micro-batch's backward pass, of its loss in the last stage."""
        inputs, outs = self.held.pop(number)
        if self.is_last:
            if loss is None:
                raise RuntimeError("PipelineStage: the last stage needs a loss to go back from")
            backward(loss)
        else:
            grads = self.receive(self.stage_index + 1, outs[0].device)
            pairs = [(o, g) for o, g in zip(outs, grads) if o.requires_grad]
            if pairs:
                backward([o for o, _ in pairs], [g for _, g in pairs])
        if not self.is_first:
            self.send(
                [T.zeros_like(x) if x.grad is None else x.grad for x in inputs],
                self.stage_index - 1,
            )

    def send(self, tensors: Sequence[Tensor], stage: int) -> None:
        """Announce tensors to a stage and send them, without waiting."""
        numbers = [len(tensors)]
        for t in tensors:
            numbers += [DTYPES.index(t.dtype), t.dim(), *t.shape]
        if len(numbers) > HEADER:
            raise RuntimeError(f"PipelineStage: {len(tensors)} tensors are too many to announce")
        header = np.zeros(HEADER, np.int64)
        header[: len(numbers)] = numbers
        rank = get_global_rank(self.group, stage)
        for t in (wrap(header), *[t.detach().contiguous() for t in tensors]):
            self.works.append((isend(t, rank, self.group), t))

    def receive(self, stage: int, device: Any) -> list[Tensor]:
        """The tensors that a stage sends next, on a device."""
        rank = get_global_rank(self.group, stage)
        header = T.zeros(HEADER, dtype=dtypes.int64, device="cpu")
        self.wait_for(irecv(header, rank, self.group))
        numbers = iter(header.tolist())
        found = []
        for _ in range(next(numbers)):
            dtype = DTYPES[next(numbers)]
            shape = [next(numbers) for _ in range(next(numbers))]
            t = T.empty(shape, dtype=dtype, device=device)
            self.wait_for(irecv(t, rank, self.group))
            found.append(t)
        return found

    @staticmethod
    def wait_for(work: Any) -> None:
        """Wait for what was started."""
        if work is not None:
            work.wait()

    def settle(self) -> None:
        """Wait until everything that was sent has arrived."""
        for work, _ in self.works:
            self.wait_for(work)
        self.works.clear()
