"""torch.masked: re-exports of the masked operations, which `ops/reduce/masked.py` defines."""

from __future__ import annotations

from ..api.facts import is_masked_tensor
from ..api.functions import front as _front
from ..ops.reduce.masked import output_mask as _output_mask

__getattr__, __dir__ = _front(globals(), "masked")
