"""torch.nn.functional: the functions behind the layers, resolved by name at first use.

Most are registered by the files of `ops/` under this namespace; the files beside this one register
those that are written in terms of others, and `parts.py` has the private names that libraries
import. There is no logic here.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from ...api.functions import front as _front

_public, __dir__ = _front(globals(), "nn.functional")


def __getattr__(name: str) -> _Any:
    try:
        return _public(name)
    except AttributeError:
        parts = _import_module(f"{__name__}.parts")
        if name not in parts.__all__:
            raise
        return getattr(parts, name)
