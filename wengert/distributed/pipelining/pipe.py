"""pipeline(): a Sequential cut into stages."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ...nn.containers import Sequential
from ...nn.module import Module
from .stage import PipelineStage

__all__ = ["Pipe", "SplitPoint", "pipeline"]


class SplitPoint(Enum):
    """Whether a stage begins before or after a module."""

    BEGINNING = 1
    END = 2


class Pipe(Module):
    """A model cut into stages.

    Raises TypeError where stage_idx is of the wrong type; ValueError where stage_idx is out of
    range.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> pipe = dist.pipelining.pipeline(net, split_spec={"1": dist.pipelining.SplitPoint.BEGINNING})
    >>> pipe.get_stage_module(1)
    Sequential(
      (0): Linear(in_features=3, out_features=1, bias=True)
    )
    """

    def __init__(self, stages: list[Sequential]) -> None:
        super().__init__()
        self.split_gm = Sequential(*stages)

    @property
    def num_stages(self) -> int:
        """How many stages there are."""
        return len(self.split_gm)

    def get_stage_module(self, stage_idx: int) -> Module:
        """The part of one stage.

        stage_idx: the number of the stage.

        Raises TypeError where stage_idx is of the wrong type; ValueError where stage_idx is out of
        range; RuntimeError where stage_idx is a tensor of several numbers.
        """
        if not 0 <= stage_idx < self.num_stages:
            raise ValueError(f"Invalid stage index {stage_idx}!")
        return self.split_gm[stage_idx]

    def build_stage(
        self, stage_index: int, device: Any = "cpu", group: Any = None
    ) -> PipelineStage:
        """The stage of a rank.

        stage_index: the number of the stage. device: accepted: objects are sent from the CPU.
        group: the ranks that take part; None: all.

        Raises TypeError where stage_index is of the wrong type; ValueError where stage_index is out
        of range; RuntimeError where stage_index is a tensor of several numbers.

        >>> from wengert.distributed.pipelining import pipeline
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> pipe = pipeline(net, (torch.ones(4, 2),))
        >>> pipe.build_stage(0).is_last
        True
        """
        part = self.get_stage_module(stage_index).to(device)
        return PipelineStage(part, stage_index, self.num_stages, device, group=group)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.split_gm(*args, **kwargs)


def pipeline(
    module: Module, mb_args: tuple[Any, ...] = (), mb_kwargs: dict[str, Any] | None = None,
    split_spec: dict[str, SplitPoint] | None = None, split_policy: Any = None,
) -> Pipe:  # fmt: skip
    """Cut a Sequential into the stages of a pipeline.

    Args:
        module: a Sequential, whose parts may be Sequentials.
        mb_args, mb_kwargs: an example of a micro-batch: accepted.
        split_spec: names of modules, and whether a stage begins or ends with them.

    Raises:
        NotImplementedError: a module that is no Sequential: make the stages yourself, with
            PipelineStage.
        ValueError: a name that is not there.

    split_policy: accepted.

    Raises TypeError where split_spec is of the wrong type.

    >>> from wengert.distributed.pipelining import SplitPoint, pipeline
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> pipeline(net, split_spec={"2": SplitPoint.BEGINNING}).num_stages
    2
    """
    if not isinstance(module, Sequential):
        raise NotImplementedError(
            f"pipeline() cuts Sequential modules, not {type(module).__name__}: give each rank its "
            "part with PipelineStage(part, index, stages)"
        )
    spec = dict(split_spec or {})
    stages: list[list[Module]] = [[]]

    def walk(parent: Sequential, prefix: str) -> None:
        for name, child in parent._modules.items():
            path = f"{prefix}{name}"
            point = spec.pop(path, None)
            if point is SplitPoint.BEGINNING and stages[-1]:
                stages.append([])
            if type(child) is Sequential and any(k.startswith(path + ".") for k in spec):
                walk(child, path + ".")
            else:
                assert child is not None
                stages[-1].append(child)
            if point is SplitPoint.END:
                stages.append([])

    walk(module, "")
    if spec:
        raise ValueError(f"pipeline: there is no module of the name {next(iter(spec))!r}")
    return Pipe([Sequential(*part) for part in stages if part])
