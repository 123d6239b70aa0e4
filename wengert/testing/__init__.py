"""torch.testing: comparing values with a tolerance, and making sample tensors."""

from ..base.absent import absent as _absent
from .compare import assert_allclose, assert_close
from .samples import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

__getattr__ = _absent("torch.testing")
