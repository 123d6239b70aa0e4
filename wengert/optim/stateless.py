"""Steps of an optimizer on other parameters and other state than its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..engine.tensor import Tensor
from .optimizer import Optimizer

NAME = "swap_in_optimizer_params_and_state"


def _checked(optimizer: Optimizer, state: Any) -> tuple[dict[Any, Any], list[dict[str, Any]]]:
    """The two parts of a state dict that fits optimizer; RuntimeError for what does not."""
    if not optimizer.state:
        raise RuntimeError(f"{NAME} requires initialized optimizer state: take a step first.")
    if not isinstance(state, dict):
        raise RuntimeError(f"{NAME} requires a state dict, got {type(state).__name__}.")
    entries, groups = state.get("state"), state.get("param_groups")
    if not isinstance(entries, dict):
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter "
            "ids to "
            f"per-param state dicts, got {type(entries).__name__}."
        )
    if any(isinstance(k, Tensor) for k in entries):
        raise RuntimeError(
            f"{NAME} requires optimizer.state_dict()-style state keyed by packed parameter ids."
        )
    if any(isinstance(k, int) and not isinstance(v, dict) for k, v in entries.items()):
        raise RuntimeError(
            f"{NAME} requires per-parameter optimizer state entries to be dictionaries."
        )
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['param_groups'] to be a list of param-group "
            "dicts, got "
            f"{type(groups).__name__}."
        )
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live "
            "optimizer: "
            f"{len(groups)} and {len(optimizer.param_groups)}."
        )
    for i, (group, live) in enumerate(zip(groups, optimizer.param_groups)):
        if not isinstance(group, dict):
            raise RuntimeError(f"{NAME} requires each optimizer param group to be a dictionary.")
        ids = group.get("params")
        if not isinstance(ids, list) or not all(isinstance(n, int) for n in ids):
            raise RuntimeError(
                f"{NAME} requires optimizer.state_dict()-style param_groups[*]['params'] "
                "entries keyed "
                "by packed parameter ids."
            )
        if len(ids) != len(live["params"]):
            raise RuntimeError(
                f"swapin_optim_state param group {i} has a different number of params than the "
                "live "
                f"optimizer param group: {len(ids)} and {len(live['params'])}."
            )
        if group.keys() != live.keys():
            raise RuntimeError(
                f"{NAME} requires optimizer.state_dict()-style param group keys to exactly "
                "match the live "
                f"optimizer group keys for group {i}. Keys only in swap-in: "
                f"{sorted(group.keys() - live.keys())}. Keys only in live: "
                f"{sorted(live.keys() - group.keys())}."
            )
    extra = entries.keys() - {n for group in groups for n in group["params"]}
    if extra:
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter "
            "ids from "
            f"param_groups[*]['params']; got extra keys {sorted(map(repr, extra))}."
        )
    return entries, groups


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer,
    swapin_parameters: dict[str, Tensor],
    swapin_optim_state: dict[str, Any],
) -> Iterator[None]:
    """Inside the block optimizer works on the given parameters and state.

    optimizer: its state must exist already. swapin_parameters: tensors in the order of its
    parameters. swapin_optim_state: of the form of state_dict(), for the same groups; its tensors
    change in place. Each has the shape of its parameter. Raises RuntimeError for what does not fit
    the optimizer.

    >>> p, q = torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=1.0, momentum=0.9)
    >>> p.grad = q.grad = torch.ones(2)
    >>> optimizer.step()
    >>> state = optimizer.state_dict()
    >>> with torch.optim.swap_in_optimizer_params_and_state(optimizer, {"q": q}, state):
    ...     optimizer.step()
    >>> p, q
    (tensor([-1., -1.], requires_grad=True), tensor([-0.9000, -0.9000], requires_grad=True))
    """
    entries, groups = _checked(optimizer, swapin_optim_state)
    given = list(swapin_parameters.values())
    if len(given) < sum(len(group["params"]) for group in groups):
        raise RuntimeError(
            f"{NAME} requires the explicit parameter state to match optimizer.param_groups "
            "ordering: got "
            f"{len(given)} parameters, and the groups have more."
        )
    own_state, own_groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    rest = iter(given)
    try:
        state: defaultdict[Any, Any] = defaultdict(dict)
        for live, group in zip(optimizer.param_groups, groups):
            params = [next(rest) for _ in group["params"]]
            live.update(group, params=params)
            for p, n in zip(params, group["params"]):
                state[p] = dict(entries.get(n, {}))
        optimizer.state = state
        yield
    finally:
        for live, own in zip(optimizer.param_groups, own_groups):
            live.clear()
            live.update(own)
        optimizer.state = own_state
