"""torch.utils.serialization: settings of torch.save and torch.load, without effect."""

import sys as _sys

from ...compiler.settings import serialization as config

_sys.modules[f"{__name__}.config"] = config

__all__ = ["config"]
