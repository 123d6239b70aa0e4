"""torchvision.tv_tensors._bounding_boxes."""

from . import BoundingBoxes, BoundingBoxFormat

__all__ = ["BoundingBoxFormat", "BoundingBoxes"]
