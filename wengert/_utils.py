"""torch._utils: the few private names that scripts import: re-exports."""

from .base.absent import absent as _absent
from .nn.utils.flat import _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors

__all__ = ["_flatten_dense_tensors", "_take_tensors", "_unflatten_dense_tensors"]

__getattr__ = _absent("torch._utils")
