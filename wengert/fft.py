"""torch.fft: Fourier transforms, resolved by name at first use. There is no logic here."""

from __future__ import annotations

from .api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "fft")
