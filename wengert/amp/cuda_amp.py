"""What stands in torch.cuda.amp: the older names, for CUDA devices, with a FutureWarning each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..base import dtypes
from ..base.advice import advise
from . import autocast_mode, grad_scaler
from .autocast_mode import cuda_available

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]


def _deprecated(old: str, new: str) -> None:
    advise(
        f"`torch.cuda.amp.{old}` is deprecated. Please use `torch.amp.{new}` instead.",
        FutureWarning,
    )


def amp_definitely_not_available() -> bool:
    """Whether there is no CUDA device, and so nothing for these names to do."""
    return not cuda_available()


class autocast(autocast_mode.autocast):
    """`torch.amp.autocast("cuda", ...)`."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: dtypes.dtype = dtypes.float16,
        cache_enabled: bool = True,
    ) -> None:
        _deprecated("autocast(args...)", "autocast('cuda', args...)")
        super().__init__("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """`torch.amp.GradScaler("cuda", ...)`."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler(args...)", "GradScaler('cuda', args...)")
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, cast_inputs: dtypes.dtype | None = None
) -> Any:
    """`torch.amp.custom_fwd` for CUDA devices.

    fwd: the forward. cast_inputs: a dtype.
    """
    _deprecated("custom_fwd(args...)", "custom_fwd(args..., device_type='cuda')")
    decorate = functools.partial(autocast_mode.custom_fwd, device_type="cuda")
    return decorate(fwd, cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Any:
    """`torch.amp.custom_bwd` for CUDA devices.

    bwd: the backward.
    """
    _deprecated("custom_bwd(args...)", "custom_bwd(args..., device_type='cuda')")
    return autocast_mode.custom_bwd(bwd, device_type="cuda")
