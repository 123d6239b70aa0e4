"""torch.utils.serialization: settings of torch.save and torch.load."""

import sys as _sys

from ...io.options import config

_sys.modules[f"{__name__}.config"] = config

__all__ = ["config"]
