"""Models that find objects: Faster, Mask and Keypoint R-CNN, and RetinaNet."""

from __future__ import annotations

from .faster_rcnn import *
from .keypoint_rcnn import *
from .mask_rcnn import *
from .retinanet import *
