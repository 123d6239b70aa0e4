"""The CPU: NumPy's arrays."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from ..base.devices import CPU, device
from ..kernels.float_status import without_status
from . import bind, fused, half_arrays, layout, memory, shapes
from .lookup import HOST, HOSTED, NS, NUMBER, VALUES
from .numpy_direct import library

# Division by zero, overflow and the like give inf and nan without a word, as in PyTorch; NumPy's
# warnings
# about them are silenced for code of this package only.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"wengert\.")
warnings.filterwarnings("ignore", category=np.exceptions.ComplexWarning, module=r"wengert\.")

memory.keep()


class CPUNamespace(bind.LibraryNamespace):
    """The vocabulary over NumPy."""

    array_type = np.ndarray
    library = library
    home = CPU
    has = frozenset((HOST, VALUES, "norm2", "one_hot", "variance")).__contains__

    quicker = staticmethod(fused.wrap)  # type: ignore[assignment]
    of_floats = staticmethod(without_status)
    ordered = staticmethod(layout.as_first)
    in_order = staticmethod(layout.in_order)
    in_format = staticmethod(layout.in_format)
    formatted = staticmethod(layout.formatted)
    in_half = staticmethod(half_arrays.in_half)

    def primitive(self, word: str) -> Any:
        """The callable of an op."""
        return METHODS.get(word) or super().primitive(word)

    @staticmethod
    def device_of(a: Any) -> device:
        return CPU

    @staticmethod
    def from_host(a: Any) -> Any:
        """A copy of an array on this device."""
        return np.array(a)

    @staticmethod
    def to_host(a: Any) -> Any:
        """The array on the CPU."""
        return a


def getitem(x: Any, key: Any) -> Any:
    """Basic indexing: a view, of 0-d results too."""
    out = x[key]
    return out if type(out) is np.ndarray else x[(*key, ...) if type(key) is tuple else (key, ...)]


def view(x: Any, shape: Any) -> Any:
    """x with another shape over the same memory."""
    out = x.reshape(shape)
    o = out.base
    return out if o is x or o is x.base else shapes.view(library, x, shape)


def reshape(x: Any, shape: Any) -> Any:
    """x with another shape: a view where possible."""
    return x.reshape(shape)


# words on the hot path of small operations, bound without the detour over `lib`
BASIC = "getitem", "select_item", "alias_item"
ITEMS = "sizes_item", "split_item", "unbind_item", "unsqueeze_item"
HOT = {
    **dict.fromkeys(BASIC, getitem),
    # slices only, with an Ellipsis or with None: never a scalar
    **dict.fromkeys(ITEMS, operator.getitem),
    "view": view,
    "reshape": reshape,
}
# words of arrays alone: an op's operand is never a scalar, as what rules compute with may be
METHODS = {
    "reshape": np.ndarray.reshape,
    "t": np.ndarray.transpose,
    "permute": np.ndarray.transpose,
    "transpose": np.ndarray.swapaxes,
}
NAMESPACE = CPUNamespace("cpu", {**bind.words(library), **HOT})


def on_device(d: device) -> CPUNamespace:
    """The namespace that makes arrays on the CPU."""
    return NAMESPACE


def register(t: type) -> None:
    """Let arrays (or scalars) of this NumPy type be found."""
    NS[t] = NAMESPACE


register(np.ndarray)
HOSTED.add(np.ndarray)
NUMBER[np.ndarray] = np.asarray  # a ufunc takes half as long with it as with a Python number
for scalar in (
    np.bool_,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.float16,
    np.float32,
    np.float64,
    np.complex64,
    np.complex128,
):
    register(scalar)
