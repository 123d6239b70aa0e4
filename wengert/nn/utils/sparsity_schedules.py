"""How sparse a sparsifier (`sparsity.py`) makes weights, over the epochs (torch.ao.pruning)."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any

from ...base.advice import advise
from .sparsity import BaseSparsifier

__all__ = ["BaseScheduler", "CubicSL", "LambdaSL"]


class BaseScheduler:
    """What schedules of sparsity share; one of their own has `get_sl`, a level for each group.

    sparsifier: is prepared already. last_epoch: the epoch before the first. verbose: print levels.

    Raises TypeError where sparsifier is none.

    >>> from wengert.ao.pruning import BaseScheduler, WeightNormSparsifier
    >>> class Half(BaseScheduler):
    ...     def get_sl(self):
    ...         return [level / 2 for level in self.base_sl]
    >>> sparsifier = WeightNormSparsifier(0.5)
    >>> sparsifier.prepare(nn.Sequential(nn.Linear(4, 4)), config=None)
    >>> Half(sparsifier).get_last_sl()
    [0.25]
    """

    sparsifier: Any

    def __init__(self, sparsifier: Any, last_epoch: int = -1, verbose: bool = False) -> None:
        self.sparsifier = sparsifier
        if not isinstance(sparsifier, BaseSparsifier):
            raise TypeError(
                f"{type(sparsifier).__name__} is not an instance of torch.ao.pruning.BaseSparsifier"
            )
        self.base_sl = [group["sparsity_level"] for group in self.sparsifier.groups]
        self.last_epoch, self.verbose = last_epoch, verbose
        self.sparsifier.step = counted(sparsifier)
        self.sparsifier._step_count = self._step_count = 0
        self._get_sl_called_within_step = False
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the sparsifier."""
        return {key: value for key, value in self.__dict__.items() if key != "sparsifier"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what state_dict gave."""
        self.__dict__.update(state_dict)

    def get_last_sl(self) -> list[float]:
        """The levels of the last step."""
        return self._last_sl

    def get_sl(self) -> list[float]:
        """The levels of this epoch: what a schedule of one's own computes."""
        raise NotImplementedError("a schedule has get_sl")

    def _remark(self) -> None:
        if not self._get_sl_called_within_step:
            advise("To get the last sparsity level computed by the scheduler, please use "
                   "`get_last_sl()`.")  # fmt: skip

    def print_sl(self, is_verbose: bool, group: int, sl: float, epoch: int | None = None) -> None:
        """Print a group's level, and the epoch if it is known.

        is_verbose: whether to. group: its number. sl: its level.
        """
        if is_verbose:
            when = "Adjusting" if epoch is None else f"Epoch {epoch:5d}: adjusting"
            sys.stdout.write(f"{when} sparsity level of group {group} to {sl:.4e}.\n")

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name} (\nSparsifier {self.sparsifier}\n    base_sl: {self.base_sl}\n)"

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch and set the groups' levels; epoch: a number that is printed."""
        if self._step_count == 1:
            if not hasattr(self.sparsifier.step, "_with_counter"):
                advise(
                    "Seems like `sparsifier.step()` has been overridden after sparsity scheduler "
                    "initialization: call `sparsifier.step()` before `scheduler.step()`."
                )
            elif self.sparsifier._step_count < 1:
                advise(
                    "Detected call of `scheduler.step()` before `sparsifier.step()`. Run "
                    "sparsifier.step() BEFORE any calls to scheduler.step()."
                )
        self._step_count += 1
        self._get_sl_called_within_step = True
        try:
            self.last_epoch += 1
            levels = self.get_sl()
        finally:
            self._get_sl_called_within_step = False
        for i, (group, level) in enumerate(zip(self.sparsifier.groups, levels)):
            group["sparsity_level"] = level
            self.print_sl(self.verbose, i, level, epoch)
        self._last_sl = [group["sparsity_level"] for group in self.sparsifier.groups]
        self.sparsifier.enable_mask_update = True

    def _make_sure_a_list(self, var: Any) -> list[Any]:
        """A value for each group: the one that there is, or those of a list."""
        n = len(self.sparsifier.groups)
        if not isinstance(var, (list, tuple)):
            return [var] * n
        if len(var) != n:
            raise ValueError(f"Expected variable of length {n}, but got {len(var)}")
        return list(var)


def counted(sparsifier: Any) -> Any:
    """A sparsifier's step, which counts how often it is called."""
    if hasattr(sparsifier.step, "_with_counter"):
        return sparsifier.step
    step, owner = sparsifier.step.__func__, weakref.ref(sparsifier)

    @functools.wraps(step)
    def counting(*args: Any, **kwargs: Any) -> Any:
        owner()._step_count += 1  # type: ignore[union-attr]
        return step(owner(), *args, **kwargs)

    counting._with_counter = True  # type: ignore[attr-defined]
    return counting


class LambdaSL(BaseScheduler):
    """The level that the sparsifier had, times a function of the epoch.

    sparsifier: is prepared already. sl_lambda: the function, or one for each group. last_epoch: the
    epoch before the first. verbose: print levels.

    Raises TypeError where sparsifier is none; ValueError where there are more or fewer functions
    than groups.

    >>> from wengert.ao.pruning import LambdaSL, WeightNormSparsifier
    >>> sparsifier = WeightNormSparsifier(0.5)
    >>> sparsifier.prepare(nn.Sequential(nn.Linear(4, 4)), config=None)
    >>> schedule = LambdaSL(sparsifier, lambda epoch: min(1, epoch / 10))
    >>> schedule.get_last_sl()
    [0.0]
    """

    def __init__(
        self,
        sparsifier: Any,
        sl_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.sparsifier = sparsifier
        if isinstance(sl_lambda, (list, tuple)) and len(sl_lambda) != len(sparsifier.groups):
            raise ValueError(
                f"Expected {len(sparsifier.groups)} lr_lambdas, but got {len(sl_lambda)}"
            )
        self.sl_lambdas = self._make_sure_a_list(sl_lambda)
        super().__init__(sparsifier, last_epoch, verbose)

    def get_sl(self) -> list[float]:
        """The levels of this epoch."""
        self._remark()
        return [sl * f(self.last_epoch) for sl, f in zip(self.base_sl, self.sl_lambdas)]


class CubicSL(BaseScheduler):
    """From one level to that of the sparsifier, quickly at first (arXiv:1710.01878).

    sparsifier: is prepared already. init_sl: the first level. init_t: the epoch from which it
    rises. delta_t, total_t: it has risen after delta_t * total_t epochs. initially_zero: it is 0
    until init_t, not init_sl. Each is a number, or a list with one for each group. last_epoch: the
    epoch before the first. verbose: print levels.

    Raises TypeError where sparsifier is none; ValueError where a list has not one for each group.

    >>> from wengert.ao.pruning import CubicSL, WeightNormSparsifier
    >>> sparsifier = WeightNormSparsifier(0.8)
    >>> sparsifier.prepare(nn.Sequential(nn.Linear(4, 4)), config=None)
    >>> schedule = CubicSL(sparsifier, delta_t=1, total_t=2)
    >>> for epoch in range(2):
    ...     sparsifier.step()
    ...     schedule.step()
    ...     print(schedule.get_last_sl())
    [0.7000000000000001]
    [0.8]
    """

    def __init__(
        self,
        sparsifier: Any,
        init_sl: Any = 0.0,
        init_t: Any = 0,
        delta_t: Any = 10,
        total_t: Any = 100,
        initially_zero: Any = False,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.sparsifier = sparsifier
        self.init_sl = self._make_sure_a_list(init_sl)
        self.init_t = self._make_sure_a_list(init_t)
        self.delta_t = self._make_sure_a_list(delta_t)
        self.total_t = self._make_sure_a_list(total_t)
        self.initially_zero = self._make_sure_a_list(initially_zero)
        super().__init__(sparsifier, last_epoch, verbose)

    @staticmethod
    def sparsity_compute_fn(
        s_0: float, s_f: float, t: float, t_0: float, dt: float, n: float,
        initially_zero: bool = False,
    ) -> float:  # fmt: skip
        """The level at t, between s_0 at t_0 and s_f at t_0 + dt * n.

        initially_zero: 0 before t_0.
        """
        if initially_zero and t < t_0:
            return 0
        level = s_f + (s_0 - s_f) * (1.0 - (t - t_0) / (dt * n)) ** 3
        return max(s_0, min(s_f, level))

    def get_sl(self) -> list[float]:
        """The levels of this epoch."""
        self._remark()
        columns = (self.init_sl, self.base_sl, self.init_t, self.delta_t, self.total_t)
        return [
            self.sparsity_compute_fn(s_0, s_f, self.last_epoch, t_0, dt, n, zero)
            for s_0, s_f, t_0, dt, n, zero in zip(*columns, self.initially_zero)
        ]
