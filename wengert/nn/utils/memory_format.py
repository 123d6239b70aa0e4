"""Weights of convolutions in another memory format: here the order in memory is not the user's
concern, so these return the module as it is.
"""

from __future__ import annotations

from typing import Any

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module, whose convolutions choose the order in memory themselves.

    memory_format: accepted, without effect.
    """
    return module


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module, whose convolutions choose the order in memory themselves.

    memory_format: accepted, without effect.
    """
    return module
