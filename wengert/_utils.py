"""torch._utils: the few private names that scripts import: re-exports."""

from itertools import accumulate as _accumulate

from .base.absent import absent as _absent
from .io.rebuild import FUNCTIONS as _FUNCTIONS
from .nn.utils.flat import _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors

# the functions that files call
globals().update({n[13:]: f for n, f in _FUNCTIONS.items() if n.startswith("torch._utils.")})

__all__ = ["_accumulate", "_flatten_dense_tensors", "_take_tensors", "_unflatten_dense_tensors"]

__getattr__ = _absent("torch._utils")
