"""torch.sparse: re-exports of the functions on sparse tensors, which `ops/sparse/functions.py`
defines.
"""

from __future__ import annotations

from typing import Any as _Any

from .api.facts import as_sparse_gradcheck as as_sparse_gradcheck
from .api.facts import check_sparse_tensor_invariants as check_sparse_tensor_invariants
from .api.functions import front as _front
from .api.hardware import SparseSemiStructuredTensor as SparseSemiStructuredTensor
from .api.hardware import to_sparse_semi_structured as to_sparse_semi_structured

_find, __dir__ = _front(globals(), "sparse")


def __getattr__(name: str) -> _Any:
    if name.endswith("Tensor") and not name.startswith("Sparse"):
        from .api.typed import sparse_type

        return sparse_type(name)
    return _find(name)
