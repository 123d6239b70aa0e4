"""torch's global switches and questions that are about the library, not about arithmetic, and the
sym_ helpers for numbers.

Threads are in `threads.py`, default dtype and device in `base/`. Every algorithm here is
deterministic, so those switches are
only remembered.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

from ..arrays.lookup import on_device
from ..base import devices, dtypes
from ..base.advice import advise
from ..base.errors import NoDeviceError
from ..declare.registry import declare, public
from ..engine.tensor import Tensor
from .creation.typed_names import type_named

STATE: dict[str, Any] = {
    "deterministic": False,
    "warn_only": False,
    "precision": "highest",
    "warn_always": False,
}
PRECISIONS = ("highest", "high", "medium")
DEBUG_MODES = ("default", "warn", "error")


@public(
    "use_deterministic_algorithms(bool mode, *, bool warn_only=False) -> None",
    method=False,
    foreign=False,
)
def use_deterministic_algorithms(mode, *, warn_only=False):
    """Remember the wish for deterministic algorithms; all here are.

    >>> torch.use_deterministic_algorithms(False)
    """
    STATE["deterministic"], STATE["warn_only"] = builtins.bool(mode), builtins.bool(warn_only)


@public("are_deterministic_algorithms_enabled() -> bool", method=False, foreign=False)
def are_deterministic_algorithms_enabled():
    """What use_deterministic_algorithms() was told.

    >>> torch.are_deterministic_algorithms_enabled()
    False
    """
    return STATE["deterministic"]


@public("is_deterministic_algorithms_warn_only_enabled() -> bool", method=False, foreign=False)
def is_deterministic_algorithms_warn_only_enabled():
    """The warn_only of use_deterministic_algorithms().

    >>> torch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return STATE["warn_only"]


@public("set_deterministic_debug_mode(any debug_mode) -> None", method=False, foreign=False)
def set_deterministic_debug_mode(debug_mode):
    """use_deterministic_algorithms() by level: 0 'default', 1 'warn', 2 'error'.

    Raises RuntimeError where debug_mode is none of these.

    >>> torch.set_deterministic_debug_mode("default")
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    names: tuple[Any, ...] = DEBUG_MODES if isinstance(debug_mode, str) else (0, 1, 2)
    if debug_mode not in names:
        raise RuntimeError(
            "invalid value of debug_mode, expected 0, 1, 2 or `default`, `warn`, `error`, but "
            f"got {debug_mode}"
        )
    level = names.index(debug_mode)
    STATE["deterministic"], STATE["warn_only"] = level > 0, level == 1


@public("get_deterministic_debug_mode() -> int", method=False, foreign=False)
def get_deterministic_debug_mode():
    """0, 1 or 2: see set_deterministic_debug_mode().

    >>> torch.get_deterministic_debug_mode()
    0
    """
    return 0 if not STATE["deterministic"] else 1 if STATE["warn_only"] else 2


@public("set_float32_matmul_precision(str precision) -> None", method=False, foreign=False)
def set_float32_matmul_precision(precision):
    """'highest', 'high' or 'medium'; remembered, float32 products are always computed in
    float32.

    >>> torch.set_float32_matmul_precision("highest")
    """
    if precision not in PRECISIONS:
        advise(f"{precision!r} is not one of {', '.join(PRECISIONS)}: ignored")
        return
    STATE["precision"] = precision


@public("get_float32_matmul_precision() -> str", method=False, foreign=False)
def get_float32_matmul_precision():
    """What set_float32_matmul_precision() was told.

    >>> torch.get_float32_matmul_precision()
    'highest'
    """
    return STATE["precision"]


@public("set_warn_always(bool b) -> None", method=False, foreign=False)
def set_warn_always(b, /):
    """Remember whether every warning is to be shown; Python's own filters decide here.

    >>> torch.set_warn_always(False)
    """
    STATE["warn_always"] = builtins.bool(b)


@public("is_warn_always_enabled() -> bool", method=False, foreign=False)
def is_warn_always_enabled():
    """What set_warn_always() was told.

    >>> torch.is_warn_always_enabled()
    False
    """
    return STATE["warn_always"]


@public("set_flush_denormal(bool mode) -> bool", method=False)
def set_flush_denormal(mode):
    """False: the processor's treatment of denormal numbers is left alone.

    >>> torch.set_flush_denormal(False)
    False
    """
    return False


@public("set_default_tensor_type(any t) -> None", method=False, foreign=False)
def set_default_tensor_type(t, /):
    """Make the dtype and device of a type such as torch.DoubleTensor (or its name) the defaults;
    deprecated, see set_default_dtype and set_default_device.

    t: a floating-point type; torch.cuda.FloatTensor and its kin make CUDA the default device.

    TypeError for other types, and for CUDA's where it cannot be used.

    >>> torch.set_default_tensor_type(torch.FloatTensor)
    >>> torch.get_default_dtype()
    torch.float32
    """
    advise(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use"
        " torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        once=True,
    )
    try:
        d, place = type_named(t)
    except ValueError as e:
        raise TypeError(str(e)) from None
    if place is None or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {t}")
    if place != "cpu":
        try:
            on_device(devices.device(place))
        except NoDeviceError as e:
            raise TypeError(f"type {t} not available: {e}") from None
    dtypes.set_default_dtype(d)
    devices.set_default_device(None if place == "cpu" else place)


@public("get_default_device() -> Device", method=False, foreign=False)
def get_default_device():
    """The device of new tensors.

    >>> torch.get_default_device()
    device(type='cpu')
    """
    return devices.default_device()


@public("is_distributed(Tensor input) -> bool")
def is_distributed(input):
    """False.

    >>> torch.is_distributed(torch.ones(2))
    False
    """
    return False


@public("compiled_with_cxx11_abi() -> bool", method=False, foreign=False)
def compiled_with_cxx11_abi():
    """True.

    >>> torch.compiled_with_cxx11_abi()
    True
    """
    return True


@public("typename(any obj) -> str", method=False, foreign=False)
def typename(obj, /):
    """The name of an object's type: 'torch.FloatTensor', 'builtins.list'.

    >>> torch.typename(torch.tensor([1.]))
    'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


# ------------------------------------------------------------------------------- numbers that may
# be symbols


@public("sym_int(any a) -> any", method=False, foreign=False)
def sym_int(a):
    """a rounded towards zero.

    Raises ValueError where a is no number.

    >>> torch.sym_int(3.7)
    3
    """
    return int(a)


@public("sym_float(any a) -> any", method=False, foreign=False)
def sym_float(a):
    """a as a float.

    Raises ValueError where a is no number.

    >>> torch.sym_float(3)
    3.0
    """
    return float(a)


@public("sym_max(any a, any b) -> any", method=False, foreign=False)
def sym_max(a, b):
    """The larger number; a float if either is.

    Raises TypeError where a and b cannot be compared.

    >>> torch.sym_max(1, 2)
    2
    """
    m = max(a, b)
    return float(m) if isinstance(a, float) or isinstance(b, float) else m


@public("sym_min(any a, any b) -> any", method=False, foreign=False)
def sym_min(a, b):
    """The smaller number; a float if either is.

    Raises TypeError where a and b cannot be compared.

    >>> torch.sym_min(1, 2)
    1
    """
    m = min(a, b)
    return float(m) if isinstance(a, float) or isinstance(b, float) else m


@public("sym_not(any a) -> any", method=False, foreign=False)
def sym_not(a):
    """not a.

    Raises RuntimeError where a is a tensor of several elements.

    >>> torch.sym_not(True)
    False
    """
    return not a


@public("sym_ite(any b, any t, any f) -> any", method=False, foreign=False)
def sym_ite(b, t, f):
    """t if b else f.

    Raises RuntimeError where b is a tensor of several elements.

    >>> torch.sym_ite(True, 1, 2)
    1
    """
    return t if b else f


@public("sym_sum(*any args) -> any", method=False, foreign=False)
def sym_sum(*args):
    """The sum of numbers, given one by one or as a sequence.

    Raises TypeError where they are no numbers.

    >>> torch.sym_sum([1, 2, 3])
    6
    """
    if len(args) == 1 and isinstance(args[0], (list, tuple)):
        args = tuple(args[0])
    return builtins.sum(args)


@public("sym_sqrt(any a) -> any", method=False, foreign=False)
def sym_sqrt(a):
    """The square root of a number.

    Raises ValueError where a is negative, TypeError where it is no number.

    >>> torch.sym_sqrt(9)
    3.0
    """
    return math.sqrt(a)


for _f, _text in (
    (dtypes.promote_types, "promote_types(ScalarType type1, ScalarType type2) -> ScalarType"),
    (dtypes.can_cast, "can_cast(ScalarType from_, ScalarType to) -> bool"),
    (dtypes.get_default_dtype, "get_default_dtype() -> ScalarType"),
    (dtypes.set_default_dtype, "set_default_dtype(any d) -> None"),
    (devices.set_default_device, "set_default_device(any device) -> None"),
):
    declare(_f, (_text,), method=False, foreign=False)
