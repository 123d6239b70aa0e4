"""An optimizer that also averages parameters every few steps."""

from __future__ import annotations

from typing import Any

from ...base.advice import advise
from ...optim.optimizer import Optimizer
from ..algorithms.model_averaging.averagers import ModelAverager

__all__ = ["PostLocalSGDOptimizer"]


class PostLocalSGDOptimizer(Optimizer):
    """Steps of another optimizer, each followed by an averager's.

    optim: the optimizer of this rank. averager: what averages the parameters over the ranks.

    Raises AttributeError where optim is no optimizer.

    Lin et al., Don't use large mini-batches, use local SGD, 2020.

    >>> w = nn.Parameter(torch.ones(2))
    >>> averager = dist.algorithms.model_averaging.averagers.PeriodicModelAverager(period=4)
    >>> optimizer = dist.optim.PostLocalSGDOptimizer(torch.optim.SGD([w], lr=0.1), averager)
    >>> w.sum().backward()
    >>> optimizer.step()
    >>> w.data, optimizer.state_dict()["step"]
    (tensor([0.9000, 0.9000]), 1)
    """

    def __init__(self, optim: Optimizer, averager: ModelAverager) -> None:
        self.optim, self.averager = optim, averager
        self.param_groups = optim.param_groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """What the inner optimizer keeps, by parameter."""
        return self.optim.state

    def __repr__(self) -> str:
        return repr(self.optim)

    def state_dict(self) -> dict[str, Any]:
        """That of the inner optimizer, and the averager's step."""
        return {**self.optim.state_dict(), "step": self.averager.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what state_dict() gave. state_dict: without a step, the averager begins anew."""
        if "step" not in state_dict:
            advise(
                "Loaded state dict does not contain a step counter for an averager. Setting step"
                " counter to 0."
            )
        self.optim.load_state_dict(state_dict)
        self.averager.step = state_dict.get("step", 0)

    def step(self) -> None:  # type: ignore[override]
        """A step of the optimizer, then one of the averager."""
        self.optim.step()
        self.averager.average_parameters(self.param_groups)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients. set_to_none: None in place of zeros."""
        self.optim.zero_grad(set_to_none=set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters to the inner optimizer. param_group: as for it."""
        self.optim.add_param_group(param_group)
