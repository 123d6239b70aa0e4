"""Averages over larger groups of ranks at longer periods (hierarchical SGD)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....base.advice import advise
from ...new_groups import new_subgroups
from . import parameters
from .averagers import ModelAverager

__all__ = ["HierarchicalModelAverager"]


class HierarchicalModelAverager(ModelAverager):
    """Averages parameters in groups of several sizes, each with a period of its own.

    Where several periods divide the step, the longest counts, that of the largest group.

    Args:
        period_group_size_dict: the size of a group by its period, smallest first; the last is all
            ranks.
        warmup_steps: the steps before the first average.
        process_group: the ranks that take part; None: all.

    Raises ValueError where period_group_size_dict is empty or does not end with all ranks, a period
    is not positive or warmup_steps is negative.

    Wang et al., Demystifying why local aggregation helps: convergence analysis of hierarchical SGD,
    2020.

    >>> averaging = dist.algorithms.model_averaging.hierarchical_model_averager
    >>> averager = averaging.HierarchicalModelAverager({4: 1})
    >>> averager.average_parameters([nn.Parameter(torch.ones(2))])
    >>> averager.step
    1
    """

    def __init__(
        self, period_group_size_dict: Mapping[int, int] | None = None, warmup_steps: int = 0,
        process_group: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(process_group)
        if not period_group_size_dict:
            raise ValueError("Arg ``period_group_size_dict`` must not be empty.")
        self._periods = list(period_group_size_dict)
        if self._periods[0] <= 0:
            raise ValueError(
                "The minimum period in arg ``period_group_size_dict`` must be a positive value."
            )
        if self._periods[-1] == 1:
            advise(
                "HierarchicalModelAverager: averaging parameters in each step (period 1) costs no"
                " less than averaging gradients: use DistributedDataParallel alone"
            )
        everyone = self.process_group.n
        sizes = list(period_group_size_dict.values())
        if sizes[-1] != everyone:
            raise ValueError(
                f"The last value in arg ``period_group_size_dict`` {sizes[-1]} must be equal to the"
                f" size of arg ``process_group`` {everyone}."
            )
        if warmup_steps < 0:
            raise ValueError("Arg ``warmup_steps`` must be a non-negative number.")
        self.warmup_steps = warmup_steps
        self.period_process_group_dict = {
            period: self.process_group
            if size == everyone
            else new_subgroups(group_size=size, group=self.process_group)[0]
            for period, size in period_group_size_dict.items()
        }

    def average_parameters(self, params: parameters.Params) -> None:
        """Count a step, and average where a period divides it.

        params: parameters, or an optimizer's param_groups.
        """
        if self.step >= self.warmup_steps:
            for period in reversed(self._periods):
                if self.step % period == 0:
                    group = self.period_process_group_dict[period]
                    parameters.average_parameters_or_parameter_groups(params, group)
                    break
        self.step += 1
