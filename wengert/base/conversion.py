"""Switches for how a module's parameters are converted and loaded (torch.__future__)."""

from __future__ import annotations

_overwrite = _swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether conversions give a module new parameters, or the old ones new data."""
    global _overwrite
    _overwrite = bool(value)


def get_overwrite_module_params_on_conversion() -> bool:
    """The switch that was set."""
    return _overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether conversions and load_state_dict make tensors that are swapped with the parameters."""
    global _swap
    _swap = bool(value)


def get_swap_module_params_on_conversion() -> bool:
    """The switch that was set."""
    return _swap
