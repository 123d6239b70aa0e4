"""torch._C: the few names of PyTorch's C++ module that scripts use."""

import importlib as _importlib
from typing import Any as _Any

from ..api.overrides import DISABLED as _disabled_torch_function_impl
from ..api.overrides import HERE as _HERE
from ..api.overrides import DisableTorchFunction, DisableTorchFunctionSubclass
from ..base.absent import absent as _absent
from ..base.devices import device
from ..base.dtypes import dtype
from ..base.errors import LinAlgError as _LinAlgError
from ..base.formats import layout, memory_format
from ..base.size import Size
from ..engine.tensor import Tensor as _Tensor
from ..ops.dispatching import DISABLED as _disabled_torch_dispatch_impl
from ..ops.dispatching import HERE as _DISPATCH
from ..ops.dispatching import switched_off as _DisableTorchDispatch

_TensorBase = _Tensor  # one class here; libraries name its methods by it
_TensorMeta = type(_Tensor)

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Size",
    "_disabled_torch_dispatch_impl",
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


def _is_torch_function_enabled() -> bool:
    """Whether classes stand in for functions here."""
    return _HERE.classes


def _len_torch_dispatch_stack() -> int:
    """How many modes see the operators of this thread."""
    return len(_DISPATCH.modes)


def _get_default_device() -> str:
    """The kind of device that `set_default_device` was not asked to change: the CPU."""
    return "cpu"


def _get_tracing_state() -> None:
    """None: nobody traces by operators of C++."""


_missing = _absent("torch._C")


def __getattr__(name: str) -> _Any:
    if name.startswith("_jit_"):
        from ..jit.switches import SWITCHES

        if name in SWITCHES:
            return SWITCHES[name]
    if name in ("_nn", "_profiler"):
        return _importlib.import_module(f"{__name__}.{name}")
    return _missing(name)
