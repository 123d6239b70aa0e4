"""autocast: chosen operations in a lower precision; custom_fwd and custom_bwd for own Functions.

What is in force is kept for each thread and device type. Operands are cast by recorded ops, so
gradients come back in the dtype of what was cast. While nothing is enabled no mode is entered, and
no call costs more. Which operations are cast is in `policies.py`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from ..base import dtypes
from ..base.advice import advise
from ..base.modes import state
from ..engine import op_modes
from ..engine.op import Op
from ..engine.op_modes import Mode
from ..engine.tensor import Tensor
from .policies import BY_DIMENSIONS, POLICIES, policy

__all__ = [
    "autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available",
]  # fmt: skip

LOWER = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}  # where no dtype is given
CASTABLE = (dtypes.bfloat16, dtypes.float16, dtypes.float32)


class _Thread(threading.local):
    """What one thread has enabled."""

    def __init__(self) -> None:
        self.enabled = dict.fromkeys(LOWER, False)
        self.dtype = dict(LOWER)
        self.cache_enabled = True
        self.nesting = 0
        self.cache: dict[tuple[int, Any], tuple[Tensor, Tensor]] = {}
        self.casting: Casting | None = None  # entered while a device type is enabled


HERE = _Thread()


class Casting(Mode):
    """Casts the operands of the listed operations, for the device types that are enabled."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        self.devices = devices
        self.names = frozenset().union(*(POLICIES[device] for device in devices))

    def wants(self, op: Op) -> bool:
        return op.name in self.names or op.name in BY_DIMENSIONS

    def run(self, op: Op, operands: Any, static: dict[str, Any], proceed: Any) -> Any:
        """An op with its operands cast."""
        cast = self.caster(op.name, operands, static)
        return proceed(tuple(map(cast, operands)) if cast else operands, static)

    def call(self, name: Any, args: Any, kwargs: Any, proceed: Any) -> Any:
        """A public function with its arguments cast; name: of it, or a user's operator itself."""
        if not isinstance(name, str):
            before = dict(HERE.enabled)
            for device in self.devices:
                if device in name.autocast:
                    own = name.autocast[device]
                    args, kwargs = _cast(args, device, own), _cast(kwargs, device, own)
                    HERE.enabled[device] = False
            try:
                return proceed(args, kwargs)
            finally:
                HERE.enabled.update(before)
        cast = self.caster(name, (*args, *kwargs.values()), {})
        if cast is None:
            return proceed(args, kwargs)
        return proceed(tuple(map(cast, args)), {k: cast(v) for k, v in kwargs.items()})

    def caster(self, name: str, operands: Iterable[Any], static: dict[str, Any]) -> Any:
        """What casts one operand, or None."""
        found = [t for x in operands for t in (x if isinstance(x, (tuple, list)) else (x,))
                 if isinstance(t, Tensor)]  # fmt: skip
        device = next((t.device.type for t in found), None)
        if device not in self.devices:
            return None
        kind = policy(device, name, static)
        if kind in (None, "kept"):
            return None
        lower = HERE.dtype[device]
        if kind == "rounded":  # the second operand is the state
            wide = dtypes.promote_types(lower, found[1].dtype)
            return lambda x: cast(cast(x, device, lower), device, wide)
        if kind == "widest":
            lower = widest(found)
        elif kind == "float32":
            lower = dtypes.float32
        return lambda x: cast(x, device, lower)


def castable(t: Any, device: str) -> bool:
    """Whether autocast touches a tensor: floating, of the device, not float64."""
    return isinstance(t, Tensor) and t.dtype in CASTABLE and t.device.type == device


def cast(x: Any, device: str, dtype: dtypes.dtype) -> Any:
    """A tensor, or the tensors of a sequence, in a dtype; weights once for a whole region."""
    if isinstance(x, (tuple, list)):
        return type(x)([cast(t, device, dtype) for t in x])
    if not castable(x, device) or x.dtype is dtype:
        return x
    weight = x.requires_grad and x.is_leaf and x.dtype is dtypes.float32 and not x._is_view()
    if not (weight and HERE.cache_enabled and state.grad and dtype is HERE.dtype[device]):
        return x.to(dtype)
    known = HERE.cache.get((id(x), dtype))
    if known is None or known[0] is not x:
        known = HERE.cache[id(x), dtype] = x, x.to(dtype)
    return known[1]


def widest(found: list[Tensor]) -> dtypes.dtype:
    """The dtype of the tensors if it is one, else float32."""
    given = {t.dtype for t in found if t.dtype in CASTABLE}
    return given.pop() if len(given) == 1 else dtypes.float32


# --- what is in force ----------------------------------------------------------------------------


def checked(device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type)}`: write 'cpu' or "
            "'cuda'"
        )
    if device_type not in LOWER:
        raise RuntimeError(
            f"User specified an unsupported autocast device_type '{device_type}': it is one of "
            f"{', '.join(LOWER)}"
        )
    return device_type


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for a type of device.

    device_type: 'cpu' or 'cuda'.

    >>> is_autocast_available("cpu")
    True
    """
    return device_type in LOWER


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is in force for a type of device, by default cuda.

    device_type: 'cpu' or 'cuda'; None: any.

    Raises ValueError where device_type is of the wrong type; RuntimeError where device_type is
    unknown.

    >>> torch.is_autocast_enabled("cpu")
    False
    """
    return HERE.enabled[checked("cuda" if device_type is None else device_type)]


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Put autocast in force for a type of device, or out of it; use `autocast` instead.

    device_type: 'cpu' or 'cuda'. enabled: whether.

    Raises ValueError where device_type is of the wrong type; RuntimeError where device_type is
    unknown.

    >>> torch.set_autocast_enabled("cpu", True)
    >>> torch.is_autocast_enabled("cpu")
    True
    >>> torch.set_autocast_enabled("cpu", False)
    """
    if enabled is None:
        device_type, enabled = "cuda", bool(device_type)
    HERE.enabled[checked(device_type)] = enabled
    devices = tuple(device for device in LOWER if HERE.enabled[device])
    if HERE.casting is None or HERE.casting.devices != devices:
        if HERE.casting is not None:
            HERE.casting.__exit__()
        HERE.casting = Casting(devices) if devices else None
        if HERE.casting is not None:
            HERE.casting.__enter__()


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """The lower precision for a type of device.

    device_type: 'cpu' or 'cuda'.

    Raises ValueError where device_type is of the wrong type; RuntimeError where device_type is
    unknown.

    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    return HERE.dtype[checked(device_type)]


def set_autocast_dtype(device_type: str, dtype: dtypes.dtype) -> None:
    """Choose the lower precision for a type of device; use `autocast` instead.

    device_type: 'cpu' or 'cuda'. dtype: the dtype that operations get.

    Raises ValueError where device_type is of the wrong type; RuntimeError where device_type is
    unknown.

    >>> torch.set_autocast_dtype("cpu", torch.bfloat16)
    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    HERE.dtype[checked(device_type)] = dtype


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is in force on the CPU.

    >>> torch.is_autocast_cpu_enabled()
    False
    """
    return HERE.enabled["cpu"]


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """As `set_autocast_enabled("cpu", enabled)`.

    >>> torch.set_autocast_cpu_enabled(False)
    >>> torch.is_autocast_cpu_enabled()
    False
    """
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """The lower precision on the CPU.

    >>> torch.get_autocast_cpu_dtype()
    torch.bfloat16
    """
    return HERE.dtype["cpu"]


def set_autocast_cpu_dtype(dtype: dtypes.dtype) -> None:
    """As `set_autocast_dtype("cpu", dtype)`.

    >>> torch.set_autocast_cpu_dtype(torch.bfloat16)
    >>> torch.get_autocast_cpu_dtype()
    torch.bfloat16
    """
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtypes.dtype:
    """The lower precision on CUDA devices.

    >>> torch.get_autocast_gpu_dtype()
    torch.float16
    """
    return HERE.dtype["cuda"]


def set_autocast_gpu_dtype(dtype: dtypes.dtype) -> None:
    """As `set_autocast_dtype("cuda", dtype)`.

    >>> torch.set_autocast_gpu_dtype(torch.float16)
    >>> torch.get_autocast_gpu_dtype()
    torch.float16
    """
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights are kept for the rest of a region.

    >>> torch.is_autocast_cache_enabled()
    True
    """
    return HERE.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Whether to keep casts of weights.

    enabled: whether.

    >>> torch.set_autocast_cache_enabled(True)
    >>> torch.is_autocast_cache_enabled()
    True
    """
    HERE.cache_enabled = enabled


def clear_autocast_cache() -> None:
    """Forget the casts of weights.

    >>> torch.clear_autocast_cache()
    """
    HERE.cache.clear()


def autocast_increment_nesting() -> int:
    """Count a region that begins; returns how deep it is.

    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    HERE.nesting += 1
    return HERE.nesting


def autocast_decrement_nesting() -> int:
    """Count a region that ends; returns how many are left.

    >>> depth = torch.autocast_increment_nesting()
    >>> torch.autocast_decrement_nesting() == depth - 1
    True
    """
    HERE.nesting -= 1
    return HERE.nesting


class autocast:
    """Context manager and decorator: products and convolutions in a lower precision.

    Args:
        device_type: "cpu" or "cuda". ValueError if it is not a string, RuntimeError if there is no
            autocast for it.
        dtype: bfloat16 (the default on the CPU) or float16 (on CUDA); others warn and disable.
        enabled: False for a region in which nothing is cast.
        cache_enabled: whether a weight is cast once for the whole region.

    >>> with torch.autocast("cpu"):
    ...     print((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    torch.bfloat16
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtypes.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = checked(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = HERE.cache_enabled if cache_enabled is None else cache_enabled
        if enabled and self.device == "cuda" and not cuda_available():
            advise("CUDA is not available. Disabling autocast.")
            enabled = False
        elif enabled and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            advise(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. "
                f"Disabling autocast.\n{self.device.upper()} Autocast only supports dtypes of "
                f"torch.bfloat16, torch.float16 currently, got {self.fast_dtype}.",
            )
            enabled = False
        self._enabled = enabled
        self._before: list[tuple[bool, bool, dtypes.dtype]] = []

    def __enter__(self) -> autocast:
        device = self.device
        self._before.append((HERE.cache_enabled, HERE.enabled[device], HERE.dtype[device]))
        set_autocast_dtype(device, self.fast_dtype)
        set_autocast_enabled(device, self._enabled)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *exc: object) -> None:
        if not autocast_decrement_nesting():
            clear_autocast_cache()
        cache_enabled, enabled, dtype = self._before.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(cache_enabled)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}: as a "
                "context manager it is written `with torch.autocast('cpu'):`"
            )
        return autocast_decorator(self, func)


def carried() -> Callable[[], ExitStack]:
    """What puts in force again what this thread has in force now, for `carried` of the modes."""
    told = [(d, HERE.dtype[d], HERE.enabled[d], HERE.cache_enabled) for d in LOWER]

    def again() -> ExitStack:
        with ExitStack() as stack:
            for each in told:
                stack.enter_context(autocast(*each))
            return stack.pop_all()

    return again


op_modes.carried.append(carried)


def autocast_decorator(autocast_instance: autocast, func: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs within an autocast region."""

    @functools.wraps(func)
    def decorate_autocast(*args: Any, **kwargs: Any) -> Any:
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


def cuda_available() -> bool:
    from ..api.cuda_api import is_available

    return is_available()


# --- functions with rules of their own -----------------------------------------------------------


def _cast(value: Any, device_type: str, dtype: dtypes.dtype) -> Any:
    """Tensors in lists, tuples and dicts, in a dtype; whatever else there is stays."""
    if isinstance(value, Tensor):
        return value.to(dtype) if castable(value, device_type) else value
    if isinstance(value, Mapping):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)([_cast(v, device_type, dtype) for v in value])
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str,
    cast_inputs: dtypes.dtype | None = None,
) -> Any:
    """Decorator of the forward of a `torch.autograd.Function`.

    Args:
        device_type: "cpu" or "cuda".
        cast_inputs: within autocast, floating tensors are cast to this and forward runs without
            autocast; None to run it as things are.

    fwd: the forward, without the parentheses of options.

    Raises ValueError where device_type is of the wrong type; RuntimeError where device_type is
    unknown.

    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    ...     def forward(ctx, x):
    ...         return x * x
    >>> with torch.autocast("cpu"):
    ...     Square.apply(torch.ones(2, dtype=torch.bfloat16))
    tensor([1., 1.])
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cpu")
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @torch.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    checked(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args: Any, **kwargs: Any) -> Any:
        ctx, active = args[0], is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = active and cast_inputs is None
        if not active or cast_inputs is None:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            given = _cast(args, device_type, cast_inputs)
            return fwd(*given, **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorator of the backward of a Function: autocast as it was in its `custom_fwd`.

    device_type: 'cpu' or 'cuda'. bwd: the backward.

    Raises ValueError where device_type is of the wrong type; RuntimeError where device_type is
    unknown.

    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cpu")
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @torch.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    checked(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(*args, **kwargs)

    return decorate_bwd
