"""Losses of detectors: focal loss, and those made of the overlaps of pairs of boxes."""

from __future__ import annotations

import math

from ...api import functions as T
from ...base.dtypes import float32
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F
from .boxes import proportion

__all__ = [
    "complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss",
    "sigmoid_focal_loss",
]  # fmt: skip


def reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction}'. Supported reduction modes: 'none', "
        "'mean', 'sum'"
    )


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Binary cross entropy of logits in which what is easy counts less (arXiv:1708.02002).

    alpha: the weight of the positive targets, from 0 to 1, or -1 for none; gamma: how much less.

    reduction: 'mean', 'sum' or 'none'. inputs: logits of any shape.

    Raises TypeError where inputs or targets is no tensor; ValueError where inputs or targets has a
    shape that does not fit; RuntimeError where inputs holds complex numbers or targets holds
    integers, booleans or complex numbers; NotImplementedError where inputs holds integers or
    booleans.

    >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([0.0, 1.0]))
    tensor([0.1300, 0.0433])
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1.")
    p = T.sigmoid(inputs)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    loss = loss * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return reduced(loss, reduction)


def real(boxes: Tensor) -> Tensor:
    """boxes in floating point, at least float32."""
    return boxes if str(boxes.dtype) in ("torch.float32", "torch.float64") else boxes.to(float32)


def overlaps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each pair of boxes (N, 4): the intersection, the union, and the sides of the hull."""
    low, high = T.maximum(a[..., :2], b[..., :2]), T.minimum(a[..., 2:], b[..., 2:])
    sides = (high - low).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    area = lambda x: (x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1])
    around = T.maximum(a[..., 2:], b[..., 2:]) - T.minimum(a[..., :2], b[..., :2])
    return shared, area(a) + area(b) - shared, around


@clear_errors
def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 less the generalized overlap of each pair of boxes (N, 4), see `generalized_box_iou`.

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2. reduction:
    'mean', 'sum' or 'none'. eps: against division by zero.

    Raises IndexError where boxes1 or boxes2 has a shape that does not fit; TypeError where boxes1
    or boxes2 is no tensor; RuntimeError where boxes1 or boxes2 has a shape that does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> generalized_box_iou_loss(boxes, boxes + 1)
    tensor([1.0794])
    """
    shared, union, sides = overlaps(real(boxes1), real(boxes2))
    around = sides[..., 0] * sides[..., 1]
    return reduced(1 - (shared / (union + eps) - (around - union) / (around + eps)), reduction)


def distances(a: Tensor, b: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """1 less the overlap, plus the distance of the middles; and the overlap."""
    shared, union, sides = overlaps(a, b)
    iou = shared / (union + eps)
    apart = (((a[..., :2] + a[..., 2:]) / 2 - (b[..., :2] + b[..., 2:]) / 2) ** 2).sum(-1)
    return 1 - iou + apart / ((sides**2).sum(-1) + eps), iou


@clear_errors
def distance_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 less the overlap of each pair of boxes (N, 4), see `distance_box_iou`.

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2. reduction:
    'mean', 'sum' or 'none'. eps: against division by zero.

    Raises IndexError where boxes1 or boxes2 has a shape that does not fit; TypeError where boxes1
    or boxes2 is no tensor; RuntimeError where boxes1 or boxes2 has a shape that does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> distance_box_iou_loss(boxes, boxes + 1)
    tensor([0.9683])
    """
    return reduced(distances(real(boxes1), real(boxes2), eps)[0], reduction)


@clear_errors
def complete_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 less the overlap of each pair of boxes (N, 4), see `complete_box_iou`.

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2. reduction:
    'mean', 'sum' or 'none'. eps: against division by zero.

    Raises IndexError where boxes1 or boxes2 has a shape that does not fit; TypeError where boxes1
    or boxes2 is no tensor; RuntimeError where boxes1 or boxes2 has a shape that does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> complete_box_iou_loss(boxes, boxes + 1)
    tensor([0.9683])
    """
    a, b = real(boxes1), real(boxes2)
    loss, iou = distances(a, b, 1e-7)
    v = 4 / math.pi**2 * (proportion(b) - proportion(a)) ** 2
    with no_grad():
        alpha = v / (1 - iou + v + eps)
    return reduced(loss + alpha * v, reduction)
