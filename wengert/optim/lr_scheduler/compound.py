"""Schedules made of schedules: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler, put


class _Compound(LRScheduler):
    """Holds other schedulers of one optimizer and saves them with itself."""

    _schedulers: Sequence[LRScheduler]

    def _check(self, optimizer: Any, schedulers: Sequence[Any]) -> None:
        name = type(self).__name__
        for i, s in enumerate(schedulers):
            if not hasattr(s, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            if isinstance(s, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires "
                    "additional "
                    f"kwargs to be specified when calling `step`, but got one at index {i} in "
                    "the given "
                    "schedulers sequence."
                )
            if s.optimizer is not optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got "
                    "scheduler "
                    f"{type(s).__name__} at index {i} has {s.optimizer}, which is different from "
                    f"{type(optimizer).__name__}."
                )

    def state_dict(self) -> dict[str, Any]:
        """The state of this scheduler and of those it holds."""
        state = super().state_dict()
        state["_schedulers"] = [s.state_dict() for s in state.pop("_schedulers")]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what state_dict() returned."""
        self.__dict__.update({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, saved in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(saved)


class SequentialLR(_Compound):
    """One schedule after another, the next at each of the milestones.

    schedulers: of the same optimizer. milestones: the epochs at which the second, third... begin.
    Raises ValueError for other numbers of them, schedulers of another optimizer, and
    ReduceLROnPlateau.

    last_epoch: the number of the last epoch, to go on; -1: start.

    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> warm = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=9)
    >>> fall = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    >>> scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, fall], milestones=[1])
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler, but got no scheduler."
            )
        self._check(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more "
                "than the "
                f"number of milestone points, but got number of schedulers {len(schedulers)} "
                "and the "
                f"number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # the schedulers have each set their first rate already: only the first one's is to stay
        for group in optimizer.param_groups:
            put(group, "lr", group["initial_lr"])
        self._undo(schedulers)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _undo(self, schedulers: Sequence[Any]) -> None:
        """Take back the epoch that every scheduler has counted when it was made."""
        for s in schedulers:
            if hasattr(s, "_schedulers"):
                self._undo(s._schedulers)
            elif hasattr(s, "last_epoch"):
                s.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch with the scheduler whose turn it is."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Compound):
    """Several schedules at once: each changes the rate that the others have left.

    schedulers: of the same optimizer. Raises ValueError for none, schedulers of another optimizer,
    and ReduceLROnPlateau.

    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> a = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5)
    >>> b = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = torch.optim.lr_scheduler.ChainedScheduler([a, b])
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler to be chained, but got no "
                "scheduler."
            )
        optimizer = optimizer or schedulers[0].optimizer
        self._check(optimizer, schedulers)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = self._current()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch with all schedulers."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._current()
