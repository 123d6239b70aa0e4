"""torch.distributed.pipeline.sync, gone from PyTorch since 2.4: a Sequential over several devices,
through which the parts of a batch run one after the other.
"""

from __future__ import annotations

from typing import Any

from ...api.functions import cat
from ...base.hints import hint
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.containers import ModuleList, Sequential
from ...nn.module import Module
from ...transforms.checkpoint import checkpoint as recompute
from ..rpc import RRef

__all__ = ["NoChunk", "Pipe"]

WHEN = {"always": lambda chunks: chunks, "except_last": lambda chunks: chunks - 1,
        "never": lambda chunks: 0}  # fmt: skip


class NoChunk:
    """Marks a tensor, of any shape, that every part of a batch is given whole.

    Raises TypeError where inp is no tensor.

    >>> from wengert.distributed.pipeline.sync import NoChunk
    >>> NoChunk(torch.ones(2)).tensor
    tensor([1., 1.])
    """

    def __init__(self, inp: Tensor) -> None:
        if not isinstance(inp, Tensor):
            raise TypeError(f"NoChunk only supported for tensors, found: {inp!r}")
        self.tensor = inp


def device_of(module: Module) -> Any:
    """Where a module's parameters are, or None where it has none."""
    return next((p.device for p in module.parameters()), None)


class Pipe(Module):
    """A Sequential whose parts lie on several devices, and a batch that runs through it in chunks.

    Here parts run one after the other: devices compute at the same time as far as their libraries
    do so by themselves. Results are those of the module itself.

    Args:
        module: a Sequential; each child's parameters are on one device.
        chunks: how many parts a batch is cut into, along its first dimension.
        checkpoint: the chunks whose inner results are computed again in the backward pass:
            "always", "except_last" or "never".
        deferred_batch_norm: must be False.

    Raises:
        TypeError: module is no Sequential.
        ValueError: chunks is below 1, checkpoint is another word, or a child is on two devices.

    `forward` takes tensors of one size in their first dimension, (N, ...), and gives an RRef of the
    output; `torch.distributed.rpc.init_rpc` must have been called.
    """

    @clear_errors
    def __init__(
        self,
        module: Sequential,
        chunks: int = 1,
        checkpoint: str = "except_last",
        deferred_batch_norm: bool = False,
    ) -> None:
        super().__init__()
        hint("old name Pipe", "torch.distributed.pipeline is gone from PyTorch: write "
             "torch.distributed.pipelining, or move tensors between devices yourself")  # fmt: skip
        if not isinstance(module, Sequential):
            raise TypeError("module should be nn.Sequential to be partitioned")
        if int(chunks) <= 0:
            raise ValueError("number of chunks must be positive integer")
        if checkpoint not in WHEN:
            raise ValueError("checkpoint is not one of 'always', 'except_last', or 'never'")
        if deferred_batch_norm:
            raise ValueError("deferred_batch_norm is not supported: statistics are each chunk's")
        for child in module:
            if len({p.device for p in child.parameters()}) > 1:
                raise ValueError(f"{child} has parameters on several devices: split it")
        self.chunks, self.checkpoint = int(chunks), checkpoint
        parts: list[list[Module]] = []
        self.devices: list[Any] = []
        for child in module:
            at = device_of(child)
            if not parts or at not in (None, self.devices[-1]):
                parts.append([])
                self.devices.append(at)
            parts[-1].append(child)
        self.partitions = ModuleList(Sequential(*part) for part in parts)

    def __len__(self) -> int:
        return sum(len(part) for part in self.partitions)

    def forward(self, *inputs: Any) -> RRef:
        """The output, (N, ...), as an RRef; each input is of shape (N, ...)."""
        columns = [
            [x.tensor] * self.chunks if isinstance(x, NoChunk)
            else x.chunk(self.chunks) if isinstance(x, Tensor)
            else [x] * self.chunks
            for x in inputs
        ]  # fmt: skip
        rows = list(zip(*columns))  # a batch may fall into fewer chunks
        again = WHEN[self.checkpoint](len(rows)) if self.training else 0
        done = [self.run(row, i < again) for i, row in enumerate(rows)]
        if isinstance(done[0], tuple):
            return RRef(tuple(cat(each) if isinstance(each[0], Tensor) else list(each)
                              for each in zip(*done)))  # fmt: skip
        return RRef(cat(done))

    def run(self, values: Any, again: bool) -> Any:
        """A chunk through all parts."""
        for part, device in zip(self.partitions, self.devices):
            placed = [
                x.to(device) if isinstance(x, Tensor) and device is not None else x for x in values
            ]
            step = whole(part)
            found = recompute(step, *placed, use_reentrant=False) if again else step(*placed)
            values = found if isinstance(found, tuple) else (found,)
        return found


def whole(part: Any) -> Any:
    """The children one after the other; what is a tuple between them is several arguments."""

    def step(*values: Any) -> Any:
        for child in part:
            found = child(*values)
            values = found if isinstance(found, tuple) else (found,)
        return found

    return step
