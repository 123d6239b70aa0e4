"""Optical flow in colours: the direction as hue, the speed as saturation."""

from __future__ import annotations

import numpy as np

from ..api import functions as T
from ..api.interop import from_numpy
from ..base.dtypes import float32, int64, uint8
from ..base.modes import no_grad
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = ["flow_to_image"]

# From red over yellow, green, cyan, blue and magenta back: how many steps, which channel rises or
# falls meanwhile, and which one stays full.
ARCS = ((15, 1, 1, 0), (6, 0, -1, 1), (4, 2, 1, 1), (11, 1, -1, 2), (13, 0, 1, 2), (6, 2, -1, 0))


def color_wheel() -> np.ndarray:
    """The 55 colours of the wheel, shape (55, 3), 0 to 255."""
    rows = []
    for steps, moving, direction, full in ARCS:
        arc = np.zeros((steps, 3), np.float32)
        ramp = np.floor(np.float32(255) * np.arange(steps, dtype=np.float32) / steps)
        arc[:, moving] = ramp if direction > 0 else 255 - ramp
        arc[:, full] = 255
        rows.append(arc)
    return np.concatenate(rows)


@no_grad()
@clear_errors
def flow_to_image(flow: Tensor) -> Tensor:
    """A flow (2, H, W) or (N, 2, H, W), float32, as RGB images, uint8.

    Raises ValueError where flow has a shape that does not fit or flow holds integers, booleans or
    complex numbers; TypeError where flow is no tensor.

    >>> flow_to_image(torch.zeros(2, 4, 6)).shape
    torch.Size([3, 4, 6])
    """
    if flow.dtype != float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    batch = flow[None] if flow.ndim == 3 else flow
    if batch.ndim != 4 or batch.shape[1] != 2:
        raise ValueError(
            f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {tuple(flow.shape)}."
        )
    speed = batch.pow(2).sum(1).sqrt()
    batch = batch / (speed.max() + float(np.finfo(np.float32).eps))
    wheel = from_numpy(color_wheel()) / 255.0
    count = wheel.shape[0]
    at = (T.atan2(-batch[:, 1], -batch[:, 0]) / np.pi + 1) / 2 * (count - 1)
    below = at.floor().to(int64)
    part = (at - below).unsqueeze(-1)
    colour = (1 - part) * wheel[below] + part * wheel[(below + 1) % count]
    norm = batch.pow(2).sum(1).sqrt().unsqueeze(-1)
    image = (255 * (1 - norm * (1 - colour))).floor().to(uint8).permute(0, 3, 1, 2)
    return image[0] if flow.ndim == 3 else image
