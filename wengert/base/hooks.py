"""Removal handles for hooks of all kinds."""

from __future__ import annotations

import itertools
from typing import Any

_ids = itertools.count()


class Handle:
    """Returned by the register functions; `remove()` takes the hook out again. Also a context
    manager.
    """

    def __init__(self, hooks: dict[int, Any], fn: Any = None, *, first: bool = False) -> None:
        self.hooks_dict = hooks
        self.id = next(_ids)
        if fn is not None:
            hooks[self.id] = fn
            if first and hasattr(hooks, "move_to_end"):
                hooks.move_to_end(self.id, last=False)  # an OrderedDict

    def remove(self) -> None:
        """Take the hook out; doing it twice is harmless."""
        self.hooks_dict.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
