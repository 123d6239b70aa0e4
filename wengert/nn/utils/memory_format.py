"""Weights of convolutions in another memory format."""

from __future__ import annotations

from typing import Any

from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module, whose 2-d convolutions have weights in a memory format; in place.

    module: any module; what it holds is converted too. memory_format: torch.contiguous_format,
    channels_last or preserve_format. Values stay the same. RuntimeError for a format that is not
    for tensors of four dimensions.

    >>> net = nn.Conv2d(2, 3, 2)
    >>> net = torch.nn.utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
    >>> net.weight.stride()
    (8, 1, 4, 2)
    """
    return _converted(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """The module, whose 3-d convolutions have weights in a memory format; in place.

    module: any module; what it holds is converted too. memory_format: torch.contiguous_format,
    channels_last_3d or preserve_format. Values stay the same. RuntimeError for a format that is not
    for tensors of five dimensions.

    >>> net = nn.Conv3d(2, 3, 2)
    >>> net = torch.nn.utils.convert_conv3d_weight_memory_format(net, torch.channels_last_3d)
    >>> net.weight.stride()
    (16, 1, 8, 4, 2)
    """
    return _converted(module, memory_format, (Conv3d, ConvTranspose3d))


def _converted(module: Any, memory_format: Any, kinds: Any) -> Any:
    for m in module.modules():
        if isinstance(m, kinds):
            m.weight.data = m.weight.detach().clone(memory_format=memory_format)
    return module
