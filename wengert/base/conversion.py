"""Switches for how a module's parameters are converted and loaded (torch.__future__): kept."""

from __future__ import annotations

_overwrite = _swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether conversions give a module new parameters; kept, without effect."""
    global _overwrite
    _overwrite = bool(value)


def get_overwrite_module_params_on_conversion() -> bool:
    """The switch that was set."""
    return _overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether conversions swap tensors in place; kept, without effect."""
    global _swap
    _swap = bool(value)


def get_swap_module_params_on_conversion() -> bool:
    """The switch that was set."""
    return _swap
