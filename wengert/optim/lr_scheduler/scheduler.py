"""The base of all schedulers: counting epochs, and setting the learning rates of groups."""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ...base.advice import advise
from ...base.aliases import NamedInit
from ...engine.tensor import Tensor
from ..hyperparameters import number
from ..optimizer import Optimizer

EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler; with an epoch, the closed form "
    "of the schedule is used where there is one."
)
ORDER = (
    "call `optimizer.step()` before `lr_scheduler.step()`, or the first value of the schedule is "
    "skipped. See https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


def copied(x: Any) -> Any:
    """x; a tensor is cloned, as the optimizer's own changes in place."""
    return x.clone() if isinstance(x, Tensor) else x


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """An option of every group."""
    return [copied(group[key]) for group in optimizer.param_groups]


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """value for every group: one for all, or a list that must be as long as there are groups."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(count)]
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {count}."
        )
    return [copied(v) for v in value]


def put(group: dict[str, Any], key: str, value: Any) -> None:
    """Set an option of a group; a tensor there keeps its identity."""
    if isinstance(group[key], Tensor):
        group[key].fill_(number(value))
    else:
        group[key] = value


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError for what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def mark_steps(optimizer: Any) -> None:
    """Let optimizer.step note that it was called, to warn of the wrong order."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    bound = hasattr(optimizer.step, "__func__")  # else a function that users have put there
    step = optimizer.step.__func__ if bound else optimizer.step
    me = weakref.ref(optimizer)  # the optimizer holds the wrapper: no cycle

    @functools.wraps(step)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        owner: Any = me()
        owner._opt_called = True
        return step(owner, *args, **kwargs) if bound else step(*args, **kwargs)

    wrapper._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = wrapper


def functions_state(functions: Sequence[Callable[..., Any] | None]) -> list[Any]:
    """What can be saved of functions: the attributes of callable objects, else None."""
    return [
        None if f is None or isinstance(f, types.FunctionType) else f.__dict__.copy()
        for f in functions
    ]


def restore_functions(functions: Sequence[Any], saved: Sequence[Any]) -> None:
    """Give callable objects their attributes back."""
    for f, attributes in zip(functions, saved):
        if attributes is not None:
            f.__dict__.update(attributes)


class LRScheduler(NamedInit):
    """Base class of schedulers; a subclass defines `get_lr`, the rates at `self.last_epoch`.

    optimizer: whose groups' "lr" is set. last_epoch: the epoch to continue after; -1 to begin.
    Raises TypeError for what is no optimizer, KeyError when continuing without "initial_lr" in the
    groups.

    >>> class Halve(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
    >>> p = torch.zeros(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=1.0)
    >>> scheduler = Halve(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    >>> class Halved(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [rate / 2**self.last_epoch for rate in self.base_lrs]
    >>> scheduler = Halved(optimizer)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr(), scheduler.get_lr()
    ([0.5], [0.5])
    >>> scheduler.load_state_dict(scheduler.state_dict())
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler "
                    "with last_epoch >= 0: load the optimizer's state before making the "
                    "scheduler, or "
                    "begin with last_epoch=-1"
                )
        self.base_lrs: list[Any] = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        mark_steps(optimizer)
        self._initial_step()
        if last_epoch == -1:
            self._check_loaded()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _check_loaded(self) -> None:
        """Warn if making the scheduler has replaced rates that were loaded with the optimizer."""
        loaded, self.optimizer._loaded_lr = getattr(self.optimizer, "_loaded_lr", []), []
        now = values_of(self.optimizer, "lr")
        if loaded and [number(lr) for lr in loaded] != [number(lr) for lr in now]:
            advise(
                f"Making this {type(self).__name__} has set the learning rates from {loaded}, as"
                f" load_state_dict() of the optimizer had left them, to {now}: make the scheduler"
                " before the optimizer's state is loaded, and load the scheduler's state too.",
                UserWarning,
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as a dict."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what state_dict() returned. The rates are loaded with the optimizer.

        Raises TypeError where state_dict is of the wrong type.
        """
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates of all groups that were set last."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates of all groups at last_epoch; may compute them from the current ones."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch (or the given one) and set its learning rates."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                advise(
                    "Seems like `optimizer.step()` has been overridden after learning rate "
                    "scheduler "
                    f"initialization. Please {ORDER}",
                    UserWarning,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                advise(
                    f"Detected call of `lr_scheduler.step()` before `optimizer.step()`: {ORDER}",
                    UserWarning,
                )
        self._step_count += 1
        if epoch is not None:
            advise(EPOCH_WARNING, UserWarning)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self._called(self.get_lr)
        else:
            self.last_epoch = epoch
            rates = self._called(getattr(self, "_get_closed_form_lr", self.get_lr))
        self._set(rates)

    def _called(self, get: Callable[[], list[Any]]) -> list[Any]:
        """get(), marked as part of a step."""
        self._get_lr_called_within_step = True
        try:
            return get()
        finally:
            self._get_lr_called_within_step = False

    def _set(self, rates: Sequence[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            put(group, "lr", lr)
        self._last_lr: list[Any] = values_of(self.optimizer, "lr")

    def _current(self) -> list[Any]:
        """The rates of all groups as they are."""
        return values_of(self.optimizer, "lr")

    def _scaled(self, factor: float) -> list[Any]:
        """The current rates times factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            advise(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
            )


class _LRScheduler(LRScheduler):
    """The name of LRScheduler before PyTorch 2.0."""
