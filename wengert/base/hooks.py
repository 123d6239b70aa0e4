"""Removal handles for hooks of all kinds."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from typing import Any


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook out again. Also a context manager.

    hooks_dict: the table that holds the hook. extra_dict: further tables with marks of it.

    >>> net = nn.ReLU()
    >>> handle = net.register_forward_hook(lambda *args: print("called"))
    >>> y = net(torch.ones(1))
    called
    >>> handle.remove()
    """

    _ids = itertools.count()
    next_id = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = self._new_id()
        extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.extra_dict_ref = tuple([weakref.ref(d) for d in extra if d is not None])

    @staticmethod
    def _new_id() -> int:
        """A number that no other handle has: tables are shared by handles of all kinds."""
        number = next(RemovableHandle._ids)
        RemovableHandle.next_id = number + 1
        return number

    def remove(self) -> None:
        """Take the hook out; doing it twice is harmless."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.hooks_dict_ref(), self.id, tuple([ref() for ref in self.extra_dict_ref])

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        table = OrderedDict() if state[0] is None else state[0]
        self.hooks_dict_ref, self.id = weakref.ref(table), state[1]
        extra = state[2] if len(state) > 2 else ()
        self.extra_dict_ref = tuple([weakref.ref(d) for d in extra if d is not None])

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Handle(RemovableHandle):
    """The handle of a hook of a tensor, a node or an optimizer, which keeps the table."""

    def __init__(self, hooks: dict[int, Any], fn: Any = None, *, first: bool = False) -> None:
        self.hooks_dict = hooks
        self.id = self._new_id()
        if fn is not None:
            hooks[self.id] = fn
            if first and hasattr(hooks, "move_to_end"):
                hooks.move_to_end(self.id, last=False)  # an OrderedDict

    def remove(self) -> None:
        """Take the hook out; doing it twice is harmless."""
        self.hooks_dict.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.hooks_dict, self.id

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.hooks_dict, self.id = state
