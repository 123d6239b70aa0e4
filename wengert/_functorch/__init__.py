"""torch._functorch: settings that scripts set."""

import sys as _sys

from ..compiler.settings import functorch as config

_sys.modules[f"{__name__}.config"] = config

__all__ = ["config"]
