"""Models that give a class to each pixel: FCN, DeepLab v3, LR-ASPP."""

from __future__ import annotations

from .deeplabv3 import *
from .fcn import *
from .lraspp import *
