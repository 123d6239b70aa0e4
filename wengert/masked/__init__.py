"""torch.masked: re-exports of the masked operations, which `ops/reduce/masked.py` defines, and of
masked tensors.
"""

from __future__ import annotations

from typing import Any

from ..api.facts import is_masked_tensor
from ..api.functions import front as _front
from ..ops.reduce.masked import input_mask as _input_mask
from ..ops.reduce.masked import output_mask as _output_mask

_found, __dir__ = _front(globals(), "masked")


def __getattr__(name: str) -> Any:
    if name in ("MaskedTensor", "as_masked_tensor", "masked_tensor"):
        from ..api import masked_tensor  # few programs need it

        return getattr(masked_tensor, name)
    return _found(name)
