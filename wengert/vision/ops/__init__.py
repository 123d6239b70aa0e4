"""Operators of detectors and blocks of architectures, as torchvision.ops names them."""

from __future__ import annotations

from .boxes import *
from .deform_conv import *
from .drop_block import *
from .feature_pyramid_network import FeaturePyramidNetwork
from .losses import *
from .misc import *
from .poolers import *
from .roi_align import *
from .roi_pool import *
from .stochastic_depth import *
