"""Boxes as offsets from others, and which boxes are matched, and sampled, for training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....api import functions as T
from ....base.dtypes import uint8
from ....engine.tensor import Tensor
from ....nn.module import Module
from ...ops.misc import FrozenBatchNorm2d

__all__ = [
    "BalancedPositiveNegativeSampler", "BoxCoder", "BoxLinearCoder", "Matcher", "SSDMatcher",
    "background_free", "overwrite_eps", "permute_and_flatten",
]  # fmt: skip


def middles(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Widths, heights, and the middles' x and y of boxes (N, 4)."""
    x1, y1, x2, y2 = boxes.unbind(1)
    w, h = x2 - x1, y2 - y1
    return w, h, x1 + 0.5 * w, y1 + 0.5 * h


class BoxCoder:
    """Boxes as moves of the middle, over the sides, and logarithms of the growth of the sides.

    weights: what the four numbers are multiplied by; bbox_xform_clip: the most that a side grows,
    as its logarithm.
    """

    def __init__(
        self, weights: Sequence[float], bbox_xform_clip: float = math.log(1000.0 / 16)
    ) -> None:
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes: list[Tensor], proposals: list[Tensor]) -> tuple[Tensor, ...]:
        """The offsets that lead from proposals to reference_boxes, image by image."""
        counts = [len(b) for b in reference_boxes]
        together = self.encode_single(T.cat(reference_boxes), T.cat(proposals))
        return together.split(counts, 0)

    def encode_single(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """The offsets (N, 4) that lead from proposals to reference_boxes, (N, 4) each."""
        wx, wy, ww, wh = self.weights
        w, h, x, y = middles(proposals)
        to_w, to_h, to_x, to_y = middles(reference_boxes)
        moves = wx * (to_x - x) / w, wy * (to_y - y) / h
        growth = ww * T.log(to_w / w), wh * T.log(to_h / h)
        return T.stack((*moves, *growth), dim=1)

    def decode(self, rel_codes: Tensor, boxes: list[Tensor]) -> Tensor:
        """The boxes (N, K, 4) at K offsets (N, 4 K) from each of the boxes of all images."""
        together = T.cat(boxes)
        codes = rel_codes.reshape(len(together), -1) if len(together) else rel_codes
        decoded = self.decode_single(codes, together)
        return decoded.reshape(len(together), -1, 4) if len(together) else decoded

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """The boxes (N, 4 K) at offsets (N, 4 K) from boxes (N, 4)."""
        w, h, x, y = (t[:, None] for t in middles(boxes.to(rel_codes.dtype)))
        dx, dy, dw, dh = (rel_codes[:, i::4] / weight for i, weight in enumerate(self.weights))
        dw, dh = (d.clamp(max=self.bbox_xform_clip) for d in (dw, dh))
        x, y = dx * w + x, dy * h + y
        half_w, half_h = 0.5 * (T.exp(dw) * w), 0.5 * (T.exp(dh) * h)
        return T.stack((x - half_w, y - half_h, x + half_w, y + half_h), dim=2).flatten(1)


class BoxLinearCoder:
    """Boxes as the distances of their sides from the middle of others.

    normalize_by_size: over the sides of these others.
    """

    def __init__(self, normalize_by_size: bool = True) -> None:
        self.normalize_by_size = normalize_by_size

    def frame(self, boxes: Tensor) -> tuple[Tensor, Any]:
        """The middles (x, y, x, y) of boxes (..., 4), and what distances are counted in."""
        middle = 0.5 * (boxes[..., :2] + boxes[..., 2:])
        sides = boxes[..., 2:] - boxes[..., :2]
        unit = T.cat((sides, sides), dim=-1) if self.normalize_by_size else 1
        return T.cat((middle, middle), dim=-1), unit

    def encode(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """The distances (..., 4) of the sides of proposals from the middles of reference_boxes."""
        middle, unit = self.frame(reference_boxes)
        moves = proposals - middle
        return T.cat((-moves[..., :2], moves[..., 2:]), dim=-1) / unit

    def decode(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """The boxes (..., 4) whose sides are at these distances from the middles of boxes."""
        middle, unit = self.frame(boxes.to(rel_codes.dtype))
        moves = rel_codes * unit
        return middle + T.cat((-moves[..., :2], moves[..., 2:]), dim=-1)


class Matcher:
    """Gives each prediction the target that it overlaps most, or none.

    From high_threshold on it is matched; below low_threshold it is -1; between them it is -2.
    allow_low_quality_matches: each target's best predictions are matched in any case.
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(
        self,
        high_threshold: float,
        low_threshold: float,
        allow_low_quality_matches: bool = False,
    ) -> None:
        if low_threshold > high_threshold:
            raise ValueError("low_threshold should be <= high_threshold")
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        """The target's number (N,) of each prediction; the matrix is (targets, N)."""
        if match_quality_matrix.numel() == 0:
            missing = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {missing} boxes available for one of the images during training")
        values, best = match_quality_matrix.max(dim=0)
        matches = T.where(values < self.high_threshold, self.BETWEEN_THRESHOLDS, best)
        matches = T.where(values < self.low_threshold, self.BELOW_LOW_THRESHOLD, matches)
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.max(dim=1)[0]
            update = T.where(match_quality_matrix == highest[:, None])[1]
            matches[update] = best[update]
        return matches


class SSDMatcher(Matcher):
    """Gives each prediction the target that it overlaps by the threshold; each target has its best.

    threshold: of the intersection over the union.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold, threshold, allow_low_quality_matches=False)

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        matches = super().__call__(match_quality_matrix)
        best = match_quality_matrix.max(dim=1)[1]
        matches[best] = T.arange(len(best), device=best.device)
        return matches


class BalancedPositiveNegativeSampler:
    """Draws batch_size_per_image of each image's elements, positive_fraction of them positive."""

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Masks of the positive and of the negative elements that were drawn, image by image.

        matched_idxs: of each image, (N,): 1 and more is positive, 0 negative, others are left.
        """
        chosen: tuple[list[Tensor], list[Tensor]] = [], []
        for idxs in matched_idxs:
            positive, negative = T.where(idxs >= 1)[0], T.where(idxs == 0)[0]
            wanted = min(len(positive), int(self.batch_size_per_image * self.positive_fraction))
            for kind, count, masks in (
                (positive, wanted, chosen[0]),
                (negative, self.batch_size_per_image - wanted, chosen[1]),
            ):
                drawn = kind[T.randperm(len(kind), device=kind.device)[:count]]
                mask = T.zeros_like(idxs, dtype=uint8)
                mask[drawn] = 1
                masks.append(mask)
        return chosen


def permute_and_flatten(layer: Tensor, values: int) -> Tensor:
    """(N, A * values, H, W) as (N, H * W * A, values)."""
    n, _, h, w = layer.shape
    return layer.view(n, -1, values, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, values)


def overwrite_eps(model: Module, eps: float) -> None:
    """Set eps of a model's frozen norms: the first published weights were trained with 0."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


def background_free(labels: Any, idxs: Tensor) -> Tensor:
    """labels[idxs], with 0 where idxs says background, and -1 where it says neither."""
    found = labels[idxs.clamp(min=0)]
    found = T.where(idxs == Matcher.BELOW_LOW_THRESHOLD, 0, found)
    return T.where(idxs == Matcher.BETWEEN_THRESHOLDS, -1, found)
