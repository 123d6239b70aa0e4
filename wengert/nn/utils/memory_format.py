"""Weights of convolutions in another memory format: here the order in memory is not the user's
concern, so these return the module as it is.
"""

from __future__ import annotations

from typing import Any

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module, whose convolutions choose the order in memory themselves.

    memory_format: accepted, without effect.

    >>> net = nn.Conv2d(2, 3, 1)
    >>> net = torch.nn.utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
    >>> net.weight.stride()
    (2, 1, 1, 1)
    """
    return module


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module, whose convolutions choose the order in memory themselves.

    memory_format: accepted, without effect.

    >>> net = nn.Conv3d(2, 3, 1)
    >>> net = torch.nn.utils.convert_conv3d_weight_memory_format(net, torch.channels_last_3d)
    >>> net.weight.stride()
    (2, 1, 1, 1, 1)
    """
    return module
