"""Boxes (N, 4) as (x1, y1, x2, y2): areas, overlaps, formats, suppression (nms).

The losses made of overlaps are in `losses.py`; boxes that are turned are not supported.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...api import functions as T
from ...api.interop import from_numpy
from ...base.dtypes import float16, float32, int64
from ...base.modes import no_grad
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor

__all__ = [
    "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou",
    "distance_box_iou", "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes",
]  # fmt: skip


def check_boxes(boxes: Any, name: str) -> None:
    if not isinstance(boxes, Tensor) or boxes.ndim != 2 or boxes.shape[1] != 4:
        shape = tuple(getattr(boxes, "shape", ())) or type(boxes).__name__
        raise RuntimeError(f"{name}: boxes should be a tensor of shape (N, 4), got {shape}")


@clear_errors
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The numbers of the boxes to keep, best first: none overlaps a better one by iou_threshold.

    boxes: (N, 4) as (x1, y1, x2, y2); scores: (N,).

    Raises TypeError where boxes or scores holds booleans; RuntimeError where boxes is no tensor or
    boxes or scores has a shape that does not fit.

    >>> nms(torch.tensor([[0., 0., 2., 2.], [0., 0., 2., 1.9], [3., 3., 4., 4.]]),
    ...     torch.tensor([.5, .9, .1]), 0.5)
    tensor([1, 2])
    """
    check_boxes(boxes, "nms")
    if scores.ndim != 1 or len(scores) != len(boxes):
        raise RuntimeError(
            f"nms: boxes and scores should have the same number of elements, got {len(boxes)} and "
            f"the shape {tuple(scores.shape)}"
        )
    corners = boxes.detach().cpu().numpy()
    order = np.argsort(-scores.detach().cpu().numpy(), kind="stable")
    x1, y1, x2, y2 = corners[order].T
    areas = (x2 - x1) * (y2 - y1)
    left = np.ones(len(order), bool)
    kept = []
    for i in range(len(order)):
        if not left[i]:
            continue
        kept.append(order[i])
        rest = i + 1 + left[i + 1 :].nonzero()[0]
        width = np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest])
        height = np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest])
        shared = width.clip(0) * height.clip(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            left[rest] = ~(shared / (areas[i] + areas[rest] - shared) > iou_threshold)
    return from_numpy(np.array(kept, np.int64)).to(boxes.device)


@clear_errors
def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` among the boxes of each category, idxs (N,); the numbers to keep, best first.

    scores: (N,), by which boxes are ordered. iou_threshold: boxes that overlap a better one by more
    than this go.

    Raises TypeError where boxes or scores holds booleans or scores is no tensor; IndexError where
    scores has a shape that does not fit; RuntimeError where boxes is no tensor, boxes or scores has
    a shape that does not fit or scores holds complex numbers.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
    >>> batched_nms(boxes, torch.tensor([0.9, 0.8]), torch.tensor([0, 1]), 0.5)
    tensor([0, 1])
    """
    check_boxes(boxes, "batched_nms")
    categories = idxs.cpu().numpy()
    kept = []
    for category in np.unique(categories):
        members = from_numpy(np.flatnonzero(categories == category)).to(boxes.device)
        kept.append(members[nms(boxes[members], scores[members], iou_threshold)])
    if not kept:
        return T.empty((0,), dtype=int64, device=boxes.device)
    keep = T.cat(kept).sort()[0]
    return keep[scores[keep].sort(descending=True)[1]]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The numbers of the boxes whose sides are at least min_size.

    boxes is of shape (N, 4). Raises TypeError where boxes is no tensor or min_size is of the wrong
    type; IndexError where boxes has a shape that does not fit; RuntimeError where boxes holds
    booleans; NotImplementedError where boxes holds complex numbers.

    >>> remove_small_boxes(torch.tensor([[0.0, 0.0, 1.0, 9.0], [0.0, 0.0, 4.0, 4.0]]), 2)
    tensor([1])
    """
    widths, heights = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return T.where((widths >= min_size) & (heights >= min_size))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The boxes (..., 4) cut at the edges of an image of size (height, width).

    Raises TypeError where boxes is no tensor or size is of the wrong type; ValueError where size
    has another length; RuntimeError where boxes has a shape that does not fit; NotImplementedError
    where boxes holds complex numbers.

    >>> clip_boxes_to_image(torch.tensor([[-1.0, 0.0, 9.0, 4.0]]), (8, 8))
    tensor([[0., 0., 8., 4.]])
    """
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return T.stack((x, y), dim=boxes.ndim).reshape(boxes.shape)


FORMATS = ("xyxy", "xywh", "cxcywh")


@clear_errors
def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes (..., 4) in another format: xyxy corners, xywh corner and size, cxcywh middle and size.

    boxes: (..., 4). in_fmt: the format of boxes. out_fmt: the format of the result.

    Raises ValueError where boxes has a shape that does not fit, in_fmt or out_fmt is of the wrong
    type or in_fmt or out_fmt is unknown; RuntimeError where boxes holds booleans; TypeError where
    boxes is no tensor.

    >>> box_convert(torch.tensor([[1., 2., 3., 5.]]), "xyxy", "xywh")
    tensor([[1., 2., 2., 3.]])
    """
    for fmt in (in_fmt, out_fmt):
        if fmt not in FORMATS:
            raise ValueError(
                f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt "
                f"{out_fmt}: use {', '.join(FORMATS)}"
            )
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        a, b, c, d = a, b, c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return T.stack((a, b, c, d), dim=-1)


def upcast(t: Tensor) -> Tensor:
    """t in a dtype in which products of its values have room."""
    if t.is_floating_point():
        return t.to(float32) if t.dtype == float16 else t
    return t if str(t.dtype) in ("torch.int32", "torch.int64") else t.to(int64)


@clear_errors
def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """The areas of boxes (..., 4).

    fmt: 'xyxy', 'xywh' or 'cxcywh'.

    Raises ValueError where boxes has a shape that does not fit; TypeError where boxes is no tensor.

    >>> box_area(torch.tensor([[0.0, 0.0, 2.0, 3.0]]))
    tensor([6.])
    """
    if fmt not in FORMATS:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    a, b, c, d = upcast(boxes).unbind(-1)
    return (c - a) * (d - b) if fmt == "xyxy" else c * d


def overlap(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of intersection and union of each pair, (..., N, M)."""
    first, second = boxes1[..., :, None, :], boxes2[..., None, :, :]
    low = T.maximum(first[..., :2], second[..., :2])
    high = T.minimum(first[..., 2:], second[..., 2:])
    sides = upcast(high - low).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    return shared, box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - shared


def hull(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The sides (..., N, M, 2) of the smallest box around each pair."""
    first, second = boxes1[..., :, None, :], boxes2[..., None, :, :]
    low = T.minimum(first[..., :2], second[..., :2])
    high = T.maximum(first[..., 2:], second[..., 2:])
    return upcast(high - low).clamp(min=0)


_box_inter_union = overlap


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of each pair of boxes (N, 4) and (M, 4), shape (N, M).

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2. fmt: 'xyxy',
    'xywh' or 'cxcywh'.

    Raises TypeError where boxes1 or boxes2 is no tensor; ValueError where boxes1 or boxes2 has a
    shape that does not fit; IndexError where boxes1 or boxes2 has a shape that does not fit;
    RuntimeError where boxes1 or boxes2 holds complex numbers.

    >>> box_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 0., 3., 2.]]))
    tensor([[0.3333]])
    """
    if fmt not in FORMATS:
        raise ValueError(f"Unsupported format '{fmt}'. Supported are {', '.join(FORMATS)}.")
    if fmt != "xyxy":
        boxes1, boxes2 = (box_convert(b, fmt, "xyxy") for b in (boxes1, boxes2))
    shared, union = overlap(boxes1, boxes2)
    return shared / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """`box_iou`, less the part of the smallest box around both that neither fills; (N, M).

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2.

    Raises TypeError where boxes1 or boxes2 is no tensor; ValueError where boxes1 or boxes2 has a
    shape that does not fit; IndexError where boxes1 or boxes2 has a shape that does not fit;
    RuntimeError where boxes1 or boxes2 holds complex numbers.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> generalized_box_iou(boxes, boxes + 1)
    tensor([[-0.0794]])
    """
    shared, union = overlap(boxes1, boxes2)
    sides = hull(boxes1, boxes2)
    around = sides[..., 0] * sides[..., 1]
    return shared / union - (around - union) / around


@clear_errors
def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`box_iou`, less the middles' squared distance over the hull's squared diagonal; (N, M).

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2. eps: against
    division by zero.

    Raises ValueError where boxes1 or boxes2 has a shape that does not fit; IndexError where boxes1
    or boxes2 has a shape that does not fit; TypeError where boxes1 or boxes2 is no tensor;
    RuntimeError where boxes1 or boxes2 has a shape that does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> distance_box_iou(boxes, boxes + 1)
    tensor([[0.0317]])
    """
    first, second = upcast(boxes1), upcast(boxes2)
    middles1, middles2 = ((b[..., :2] + b[..., 2:]) / 2 for b in (first, second))
    apart = ((middles1[..., :, None, :] - middles2[..., None, :, :]) ** 2).sum(-1)
    diagonal = (hull(first, second) ** 2).sum(-1) + eps
    return box_iou(first, second) - apart / diagonal


@clear_errors
def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`distance_box_iou`, less a term for different proportions; (N, M).

    boxes1: boxes (N, 4) as x1, y1, x2, y2. boxes2: boxes (M, 4) as x1, y1, x2, y2. eps: against
    division by zero.

    Raises IndexError where boxes1 or boxes2 has a shape that does not fit; TypeError where boxes1
    or boxes2 is no tensor; RuntimeError where boxes1 or boxes2 has a shape that does not fit.

    >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    >>> complete_box_iou(boxes, boxes + 1)
    tensor([[0.0317]])
    """
    first, second = upcast(boxes1), upcast(boxes2)
    angle1, angle2 = (proportion(b) for b in (first, second))
    v = 4 / math.pi**2 * (angle1[..., :, None] - angle2[..., None, :]) ** 2
    with no_grad():
        alpha = v / (1 - box_iou(first, second) + v + eps)
    return distance_box_iou(first, second, eps) - alpha * v


def proportion(boxes: Tensor) -> Tensor:
    """The angle whose tangent is width over height."""
    return T.atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The boxes (N, 4) around masks (N, H, W), float32; zeros for an empty one.

    Raises TypeError where masks is no tensor; IndexError where masks has a shape that does not fit.

    >>> masks = torch.zeros(1, 4, 4, dtype=torch.bool)
    >>> masks[0, 1, 1:3] = True
    >>> masks_to_boxes(masks)
    tensor([[1., 1., 2., 1.]])
    """
    boxes = np.zeros((len(masks), 4), np.float32)
    for i, mask in enumerate(masks.cpu().numpy()):
        rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
        if len(rows):
            boxes[i] = columns[0], rows[0], columns[-1], rows[-1]
    return from_numpy(boxes).to(masks.device)
