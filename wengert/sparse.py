"""torch.sparse: re-exports of the functions on sparse tensors, which `ops/sparse/functions.py`
defines.
"""

from __future__ import annotations

from .api.functions import front as _front

__getattr__, __dir__ = _front(globals(), "sparse")
