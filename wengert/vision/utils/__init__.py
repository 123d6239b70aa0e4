"""torchvision.utils: grids of images, and drawings on them. Re-exports only."""

from __future__ import annotations

from ..drawing import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks
from ..flow import flow_to_image
from ..grid import make_grid, save_image

__all__ = [
    "draw_bounding_boxes", "draw_keypoints", "draw_segmentation_masks", "flow_to_image",
    "make_grid", "save_image",
]  # fmt: skip


def _log_api_usage_once(obj: object) -> None:
    """Nothing: what is used is told to nobody."""
