"""torch._jit_internal: marks for the compiler of TorchScript, which is not here."""

from typing import Dict, Final, List, Optional, Tuple, Union  # noqa: UP035

from .base.absent import absent as _absent
from .base.futures import Future
from .jit import (
    _overload,
    _overload_method,
    export,
    ignore,
    unused,
    weak_module,
    weak_script,
    weak_script_method,
)
from .nn.functional.parts import boolean_dispatch

# sizes of one number or several, in the annotations of PyTorch's layers
BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = List  # noqa: UP006


def _copy_to_script_wrapper(fn):
    """fn as it is."""
    return fn


__all__ = [
    "BroadcastingList1",
    "BroadcastingList2",
    "BroadcastingList3",
    "Dict",
    "Final",
    "Future",
    "List",
    "Optional",
    "Tuple",
    "Union",
    "_copy_to_script_wrapper",
    "_overload",
    "_overload_method",
    "boolean_dispatch",
    "export",
    "ignore",
    "unused",
    "weak_module",
    "weak_script",
    "weak_script_method",
]

__getattr__ = _absent("torch._jit_internal")
