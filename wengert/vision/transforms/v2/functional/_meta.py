"""torchvision.transforms.v2.functional._meta: sizes, formats and limits of boxes."""

from .values import (
    clamp_bounding_boxes,
    clamp_keypoints,
    convert_bounding_box_format,
    get_dimensions,
    get_num_channels,
    get_num_frames,
    get_size,
)

__all__ = [
    "clamp_bounding_boxes", "clamp_keypoints", "convert_bounding_box_format", "get_dimensions",
    "get_num_channels", "get_num_frames", "get_size",
]  # fmt: skip
