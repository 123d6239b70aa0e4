"""torch._utils: the few private names that scripts import: re-exports."""

from itertools import accumulate as _accumulate
from typing import Any as _Any

from .base.absent import absent as _absent
from .base.devices import device as _device
from .base.dtypes import dtype as _dtype
from .io.rebuild import FUNCTIONS as _FUNCTIONS
from .nn.utils.flat import _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors

# the functions that files call
globals().update({n[13:]: f for n, f in _FUNCTIONS.items() if n.startswith("torch._utils.")})


def _element_size(dtype: _dtype) -> int:
    """The bytes that an element of the dtype takes."""
    return dtype.itemsize


def _get_device_index(device: _Any, optional: bool = False, allow_cpu: bool = False) -> _Any:
    """The number of a device; optional: None where it has none; allow_cpu: -1 for the CPU."""
    if isinstance(device, int):
        return device
    where = None if device is None else _device(device)
    if where is not None and where.type == "cpu":
        if not allow_cpu:
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        return -1
    number = None if where is None else where.index
    if number is None and not optional:
        raise ValueError(
            f"Expected a torch.device with a specified index or an integer, but got:{device}"
        )
    return number


__all__ = ["_accumulate", "_flatten_dense_tensors", "_take_tensors", "_unflatten_dense_tensors"]

__getattr__ = _absent("torch._utils")
