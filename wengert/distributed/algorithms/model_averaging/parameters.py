"""Averages of parameters over ranks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ....api import functions as T
from ....engine.tensor import Tensor
from ....nn.parameter import Parameter
from ...collectives import all_reduce
from ...process_group import pick

__all__ = [
    "average_parameters", "average_parameters_or_parameter_groups", "get_params_to_average",
]  # fmt: skip

Params = Iterable[Any]  # parameters, or param_groups of an optimizer


def average_parameters(params: Iterable[Any], process_group: Any) -> None:
    """Replace each parameter's values by their mean over the ranks.

    params: of any shape, the same on all ranks. process_group: the ranks that take part; None: all.

    Raises TypeError where params holds something else.

    >>> w = nn.Parameter(torch.ones(2))
    >>> dist.algorithms.model_averaging.utils.average_parameters([w], None)
    >>> w.data
    tensor([1., 1.])
    """
    group, params = pick(process_group), list(params)
    if group.me < 0 or not params:
        return
    flat = T.cat([p.data.reshape(-1) for p in params])
    flat /= group.n
    all_reduce(flat, group=group)
    for p, mean in zip(params, flat.split([p.numel() for p in params])):
        p.data = mean.view_as(p).type_as(p)


def get_params_to_average(params: Params) -> list[Tensor]:
    """The parameters that have a gradient.

    params: parameters, or an optimizer's param_groups.

    Raises NotImplementedError where params holds something else.

    >>> w = nn.Parameter(torch.ones(2))
    >>> dist.algorithms.model_averaging.utils.get_params_to_average([{"params": [w]}])
    []
    """
    found: list[Tensor] = []
    for p in params:
        if not isinstance(p, (Parameter, dict)):
            raise NotImplementedError(f"Parameter input of type {type(p)} is not supported")
        found += [q for q in (p["params"] if isinstance(p, dict) else [p]) if q.grad is not None]
    return found


def average_parameters_or_parameter_groups(params: Params, process_group: Any) -> None:
    """Replace the values of parameters that have a gradient by their mean over the ranks.

    params: parameters, or an optimizer's param_groups. process_group: the ranks that take part;
    None: all.

    Raises NotImplementedError where params holds something else.

    >>> w = nn.Parameter(torch.ones(2))
    >>> average = dist.algorithms.model_averaging.utils.average_parameters_or_parameter_groups
    >>> average([w], None)
    """
    average_parameters(get_params_to_average(params), process_group)
