"""torch.autograd.forward_ad: re-exports."""

from ..base.absent import absent as _absent
from ..transforms.dual_levels import (
    UnpackedDualTensor,
    dual_level,
    enter_dual_level,
    exit_dual_level,
    make_dual,
    unpack_dual,
)

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

__getattr__ = _absent("torch.autograd.forward_ad")
