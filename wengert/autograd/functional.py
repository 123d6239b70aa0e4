"""torch.autograd.functional: re-exports."""

from ..base.absent import absent as _absent
from ..transforms.functional import hessian, hvp, jacobian, jvp, vhp, vjp

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

__getattr__ = _absent("torch.autograd.functional")
