"""Layers that resize sequences, images and volumes, by `ops/nn/interpolate.py`."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor
from . import functional as F
from .module import Module

__all__ = ["Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"]


class Upsample(Module):
    """Resizes to a size, or by a factor.

    input (N, C, *) of 1 to 3 spatial dimensions. mode: 'nearest', 'linear', 'bilinear',
    'bicubic', 'trilinear'. align_corners: corner pixels keep their values (not for 'nearest').

    scale_factor: how much larger the result is.

    recompute_scale_factor: compute the factor from the rounded size.

    Raises TypeError where input is no tensor; ValueError where scale_factor is of the wrong type;
    RuntimeError where scale_factor is negative; NotImplementedError where input holds integers,
    booleans or complex numbers.

    >>> nn.Upsample(scale_factor=2)(torch.ones(1, 1, 3, 3)).shape
    torch.Size([1, 1, 6, 6])
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
        align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple([float(f) for f in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"recompute_scale_factor": True, **state})

    def extra_repr(self) -> str:
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Repeats pixels: input (N, C, H, W).

    scale_factor: how much larger the result is.

    Raises TypeError where input is no tensor; ValueError where scale_factor is of the wrong type;
    RuntimeError where scale_factor is negative; NotImplementedError where input holds integers,
    booleans or complex numbers.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Bilinear, corners aligned: input (N, C, H, W).

    scale_factor: how much larger the result is.

    Raises TypeError where input is no tensor; ValueError where scale_factor is of the wrong type;
    RuntimeError where scale_factor is negative; NotImplementedError where input has a shape that
    does not fit or input holds integers, booleans or complex numbers.

    >>> nn.UpsamplingBilinear2d(scale_factor=2)(torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
