"""torch.fft: Fourier transforms, resolved by name at first use. Called itself, it is the
function of before 1.8."""

from __future__ import annotations

import sys as _sys
import types as _types
from typing import Any as _Any

from .api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "fft")


class _Module(_types.ModuleType):
    """torch.fft was a function once: called, it is what that was."""

    def __call__(self, *args: _Any, **kwargs: _Any) -> _Any:
        from .api.old_names import fft

        return fft(*args, **kwargs)


_sys.modules[__name__].__class__ = _Module
