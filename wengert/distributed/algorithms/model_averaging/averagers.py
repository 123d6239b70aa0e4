"""Averagers of parameters (torch.distributed.algorithms.model_averaging.averagers)."""

from __future__ import annotations

import abc
from typing import Any

from ....base.advice import advise
from ...process_group import pick
from . import parameters

__all__ = ["ModelAverager", "PeriodicModelAverager"]


class ModelAverager(abc.ABC):
    """Base of averagers: the ranks and the number of steps.

    process_group: the ranks that take part; None: all.

    >>> averager = dist.algorithms.model_averaging.averagers.PeriodicModelAverager(period=4)
    >>> isinstance(averager, dist.algorithms.model_averaging.averagers.ModelAverager)
    True
    """

    def __init__(self, process_group: Any = None) -> None:
        self.process_group, self.step = pick(process_group), 0

    @abc.abstractmethod
    def average_parameters(self, params: parameters.Params) -> None:
        """Count a step, and average where it is time to.

        params: parameters, or an optimizer's param_groups.
        """


class PeriodicModelAverager(ModelAverager):
    """Averages parameters over all ranks every few steps, as local SGD does.

    Args:
        period: the steps from one average to the next.
        warmup_steps: the steps before the first.
        process_group: the ranks that take part; None: all.

    Raises ValueError where period is less than 1 or warmup_steps negative.

    Lin et al., Don't use large mini-batches, use local SGD, 2020.

    >>> w = nn.Parameter(torch.ones(2))
    >>> averager = dist.algorithms.model_averaging.averagers.PeriodicModelAverager(period=4)
    >>> averager.average_parameters([w])
    >>> averager.step
    1
    """

    def __init__(self, period: int, warmup_steps: int = 0, process_group: Any = None) -> None:
        super().__init__(process_group)
        if warmup_steps < 0:
            raise ValueError("Arg ``warmup_steps`` must be a non-negative number.")
        if period < 1:
            raise ValueError("Arg ``period`` must be a positive value.")
        if period == 1:
            advise(
                "PeriodicModelAverager: averaging parameters in each step (period=1) costs no less"
                " than averaging gradients: use DistributedDataParallel alone"
            )
        self.period, self.warmup_steps = period, warmup_steps

    def average_parameters(self, params: parameters.Params) -> None:
        """Count a step, and average every `period` of them.

        params: parameters, or an optimizer's param_groups.
        """
        since = self.step - self.warmup_steps
        if since >= 0 and since % self.period == 0:
            parameters.average_parameters_or_parameter_groups(params, self.process_group)
        self.step += 1
