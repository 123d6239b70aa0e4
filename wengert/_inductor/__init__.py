"""torch._inductor: re-exports."""

import sys as _sys

from ..compiler.dynamo import aoti_compile_and_package, aoti_load_package
from ..compiler.settings import inductor as config

_sys.modules[f"{__name__}.config"] = config

__all__ = ["aoti_compile_and_package", "aoti_load_package", "config"]
