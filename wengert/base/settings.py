"""Modules of settings, which scripts set and ask."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator
from typing import Any


class Settings(types.ModuleType):
    """A module of settings; those without a value of their own are None until they are set."""

    def __init__(self, name: str, known: str = "", **values: Any) -> None:
        super().__init__(name, "Settings without effect here.")
        self.__dict__.update({**dict.fromkeys(known.split()), **values})

    @contextlib.contextmanager
    def patch(self, *changes: Any, **values: Any) -> Iterator[None]:
        """Change settings for a block: patch(name=value), patch("name", value), patch({...})."""
        if changes:
            first = changes[0]
            values.update(first if isinstance(first, dict) else {first: changes[1]})
        before = {}
        try:
            for name, value in values.items():  # "part.name" is a setting of a part
                *parts, last = name.split(".")
                place = functools.reduce(getattr, parts, self)
                before[name] = place, last, getattr(place, last)
                setattr(place, last, value)
            yield
        finally:
            for place, last, value in before.values():
                setattr(place, last, value)

    def save_config(self) -> dict[str, Any]:
        """The settings as they are."""
        return {k: v for k, v in vars(self).items() if not k.startswith("__")}

    def load_config(self, config: dict[str, Any]) -> None:
        """Give settings back as they were saved."""
        self.__dict__.update(config)
