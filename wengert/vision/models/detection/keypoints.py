"""Keypoints of regions as heat maps: their loss, and the points they stand for."""

from __future__ import annotations

from ....api import functions as T
from ....base.dtypes import float32, int64
from ....engine.tensor import Tensor
from ....nn import functional as F

__all__ = ["heatmaps_to_keypoints", "keypointrcnn_inference", "keypointrcnn_loss",
           "keypoints_to_heatmap"]  # fmt: skip


def keypoints_to_heatmap(
    keypoints: Tensor, rois: Tensor, heatmap_size: int
) -> tuple[Tensor, Tensor]:
    """The cell of its region that each keypoint is in, and 1 where it is in there and visible.

    keypoints: (N, K, 3) as (x, y, visible); rois: (N, 4); both results are (N, K).
    """
    x1, y1, x2, y2 = (t[:, None] for t in rois.unbind(1))
    x, y, visible = keypoints.unbind(-1)
    column = ((x - x1) * (heatmap_size / (x2 - x1))).floor().long()
    row = ((y - y1) * (heatmap_size / (y2 - y1))).floor().long()
    column = T.where(x == x2, heatmap_size - 1, column)  # the edges belong to the region
    row = T.where(y == y2, heatmap_size - 1, row)
    inside = (column >= 0) & (row >= 0) & (column < heatmap_size) & (row < heatmap_size)
    valid = (inside & (visible > 0)).long()
    return (row * heatmap_size + column) * valid, valid


def heatmaps_to_keypoints(maps: Tensor, rois: Tensor) -> tuple[Tensor, Tensor]:
    """Where each map (N, K, M, M), spread over its region (N, 4), is highest.

    Returns (N, K, 3) as (x, y, 1), and the maps' values there, (N, K).
    """
    sides = rois[:, 2:] - rois[:, :2]
    sides = sides.clamp(min=1)
    whole = sides.ceil()
    points = T.zeros((len(rois), 3, maps.shape[1]), dtype=float32, device=maps.device)
    scores = T.zeros((len(rois), maps.shape[1]), dtype=float32, device=maps.device)
    for i in range(len(rois)):
        width, height = (int(side) for side in whole[i].tolist())
        spread = F.interpolate(
            maps[i][:, None], size=(height, width), mode="bicubic", align_corners=False
        )[:, 0]
        best = spread.reshape(len(spread), -1).argmax(dim=1)
        column = best % width
        row = T.div(best - column, width, rounding_mode="floor")
        points[i, 0] = (column.float() + 0.5) * (sides[i, 0] / whole[i, 0]) + rois[i, 0]
        points[i, 1] = (row.float() + 0.5) * (sides[i, 1] / whole[i, 1]) + rois[i, 1]
        points[i, 2] = 1
        scores[i] = spread[T.arange(len(spread), device=spread.device), row, column]
    return points.permute(0, 2, 1), scores


def keypointrcnn_loss(
    keypoint_logits: Tensor,
    proposals: list[Tensor],
    gt_keypoints: list[Tensor],
    keypoint_matched_idxs: list[Tensor],
) -> Tensor:
    """The loss of the maps (N, K, M, M) of matched regions: which cell each keypoint is in."""
    count, kinds, height, width = keypoint_logits.shape
    if height != width:
        raise ValueError(f"keypoint_logits should be square, got {height} by {width}")
    found = [
        keypoints_to_heatmap(points[idxs], boxes, height)
        for boxes, points, idxs in zip(proposals, gt_keypoints, keypoint_matched_idxs)
    ]
    cells, valid = (T.cat([part.view(-1) for part in parts], dim=0) for parts in zip(*found))
    valid = T.where(valid)[0].to(int64)
    if keypoint_logits.numel() == 0 or len(valid) == 0:
        return keypoint_logits.sum() * 0
    logits = keypoint_logits.view(count * kinds, height * width)
    return F.cross_entropy(logits[valid], cells[valid])


def keypointrcnn_inference(x: Tensor, boxes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The keypoints and scores of each image's boxes, from maps of all of them."""
    parts = x.split([len(box) for box in boxes], dim=0)
    found = [heatmaps_to_keypoints(maps, own) for maps, own in zip(parts, boxes)]
    return [points for points, _ in found], [scores for _, scores in found]
