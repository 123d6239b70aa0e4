"""torch._jit_internal: marks for the compiler of TorchScript, which is not here."""

from .base.absent import absent as _absent
from .jit import export, ignore, unused, weak_module, weak_script, weak_script_method


def _copy_to_script_wrapper(fn):
    """fn as it is."""
    return fn


__all__ = [
    "_copy_to_script_wrapper",
    "export",
    "ignore",
    "unused",
    "weak_module",
    "weak_script",
    "weak_script_method",
]

__getattr__ = _absent("torch._jit_internal")
