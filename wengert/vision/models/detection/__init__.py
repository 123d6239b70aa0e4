"""Models that find objects: Faster, Mask and Keypoint R-CNN, RetinaNet, FCOS and SSD."""

from __future__ import annotations

from .faster_rcnn import *
from .fcos import *
from .keypoint_rcnn import *
from .mask_rcnn import *
from .retinanet import *
from .ssd import *
from .ssdlite import *
