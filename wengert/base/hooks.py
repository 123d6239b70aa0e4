"""Removal handles for hooks of all kinds."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable
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

    hooks_dict_ref: Callable[[], Any]  # weak where the table allows it
    extra_dict_ref: tuple[Callable[[], Any], ...]

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = reference(hooks_dict)
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
        self.hooks_dict_ref, self.id = reference(table), state[1]
        extra = state[2] if len(state) > 2 else ()
        self.extra_dict_ref = tuple([weakref.ref(d) for d in extra if d is not None])

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def reference(table: Any) -> Callable[[], Any]:
    """A weak reference to a table; to a plain dict, which knows none, a strong one."""
    return (lambda: table) if type(table) is dict else weakref.ref(table)


def hooked(hooks: dict[int, Any], fn: Any, *, first: bool = False) -> RemovableHandle:
    """Put a hook into a table, which the handle keeps: that of a tensor, a node or an optimizer."""
    handle = RemovableHandle.__new__(RemovableHandle)
    handle.hooks_dict_ref, handle.extra_dict_ref = lambda: hooks, ()
    handle.id = RemovableHandle._new_id()
    hooks[handle.id] = fn
    if first and isinstance(hooks, OrderedDict):
        hooks.move_to_end(handle.id, last=False)
    return handle
