"""torch._C: the few names of PyTorch's C++ module that scripts use."""

from ..api.overrides import DISABLED as _disabled_torch_function_impl
from ..api.overrides import DisableTorchFunction, DisableTorchFunctionSubclass
from ..base.absent import absent as _absent
from ..base.devices import device
from ..base.dtypes import dtype
from ..base.errors import LinAlgError as _LinAlgError
from ..base.formats import layout, memory_format
from ..base.size import Size
from ..engine.tensor import Tensor as _Tensor

_TensorMeta = type(_Tensor)

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Size",
    "_disabled_torch_function_impl",
    "_LinAlgError",
    "_TensorMeta",
    "device",
    "dtype",
    "layout",
    "memory_format",
]


def _log_api_usage_once(event: str) -> None:
    """Nothing is counted here."""


def _get_tracing_state() -> None:
    """None: nobody traces by operators of C++."""


__getattr__ = _absent("torch._C")
