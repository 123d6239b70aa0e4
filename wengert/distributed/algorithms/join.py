"""Join: training with different numbers of batches on the ranks.

A rank whose batches have ended goes on to do what its modules' hooks say, so that the others'
collectives have a partner, until all have ended.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ...engine.error_context import clear_errors
from ..process_group import pick
from ..work import Work

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What an object does on a rank that has ended.

    >>> class Silent(JoinHook):
    ...     def main_hook(self):
    ...         print("the others go on")
    ...     def post_hook(self, is_last_joiner):
    ...         print("all have ended")
    >>> hook = Silent()
    >>> hook.main_hook(), hook.post_hook(True)
    the others go on
    all have ended
    (None, None)
    """

    def main_hook(self) -> None:
        """Called for each batch that other ranks still have."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called when all ranks have ended.

        is_last_joiner: whether this rank was among the last.
        """


class _JoinConfig(NamedTuple):
    enable: bool
    throw_on_early_termination: bool
    is_first_joinable: bool

    @staticmethod
    def construct_disabled_join_config() -> _JoinConfig:
        """What holds outside of a Join."""
        return _JoinConfig(False, False, False)


class Joinable(ABC):
    """An object whose collectives need a partner on ranks that have ended.

    Raises TypeError where module is of the wrong type.

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> isinstance(net, Joinable), isinstance(net.join_hook(), JoinHook)
    (True, True)
    """

    @abstractmethod
    def __init__(self) -> None:
        self._join_config = _JoinConfig.construct_disabled_join_config()

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """The hook of this object."""

    @property
    @abstractmethod
    def join_device(self) -> Any:
        """Where it is."""

    @property
    @abstractmethod
    def join_process_group(self) -> Any:
        """Its ranks."""


class Join:
    """A context in which ranks may have different numbers of batches.

    joinables: objects that call notify_join_context in each batch. throw_on_early_termination:
    raise on all ranks when the first one ends. Other arguments go to the hooks. enable: whether the
    context does anything.

    Raises TypeError where joinables is of the wrong type; ValueError where joinables is empty or
    joinables is too short.

    >>> net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> with Join([net]):
    ...     for batch in torch.ones(3, 4, 2):
    ...         net(batch).sum().backward()
    >>> net.module.bias.grad
    tensor([12.])
    """

    def __init__(
        self, joinables: Sequence[Joinable], enable: bool = True,
        throw_on_early_termination: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        if len(joinables) == 0:
            raise ValueError("The join context manager requires at least one joinable")
        self._joinables = list(joinables)
        self._hooks = [j.join_hook(**kwargs) for j in joinables]
        self._enable, self._throw = enable, throw_on_early_termination
        for i, joinable in enumerate(joinables):
            joinable._join_config = _JoinConfig(enable, throw_on_early_termination, i == 0)
        self._group = pick(joinables[0].join_process_group)

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:  # fmt: skip
        if not self._enable:
            return
        try:
            if kind is None:
                self._shadow()
        finally:
            for joinable in self._joinables:
                joinable._join_config = _JoinConfig.construct_disabled_join_config()

    def _shadow(self) -> None:
        last = True
        while True:
            left = int(self._group.reduced("join", np.zeros(1, np.int64))[0])
            if left == 0:
                break
            if self._throw:
                self._group.reduced("join: ended", np.ones(1, np.int64))
                raise RuntimeError(_ended(self._group.me))
            last = False
            for hook in self._hooks:
                hook.main_hook()
        for hook in self._hooks:
            hook.post_hook(last)

    @staticmethod
    @clear_errors
    def notify_join_context(joinable: Joinable) -> Work | None:
        """Tell the ranks that have ended that this one has a batch. RuntimeError if some have, with
        throw_on_early_termination.

        joinable: the object that has a batch.



        >>> Join.notify_join_context(nn.parallel.DistributedDataParallel(nn.Linear(2, 1)))
        """
        config = joinable._join_config
        if config.enable and config.is_first_joinable:
            group = pick(joinable.join_process_group)
            group.reduced("join", np.ones(1, np.int64))
            if config.throw_on_early_termination:
                ended = int(group.reduced("join: ended", np.zeros(1, np.int64))[0])
                if ended:
                    raise RuntimeError(_ended(group.me))
        return None


def _ended(rank: int) -> str:
    return f"Rank {rank}: detected that at least one rank has exhausted its inputs"
