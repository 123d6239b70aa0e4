"""torch.signal.windows: re-exports of the windows, which `ops/signal/windows.py` defines."""

from __future__ import annotations

from ..api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "signal.windows")
