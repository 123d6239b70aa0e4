"""What scripts import as torchvision: images and what is done with them. Re-exports only."""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from .backends import (
    disable_beta_transforms_warning,
    get_image_backend,
    get_video_backend,
    set_image_backend,
    set_video_backend,
)
from .version import __version__

if _TYPE_CHECKING:  # imported when they are first used
    from . import datasets as datasets
    from . import io as io
    from . import models as models
    from . import ops as ops
    from . import transforms as transforms
    from . import tv_tensors as tv_tensors
    from . import utils as utils

_LAZY = ("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils")


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torchvision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
