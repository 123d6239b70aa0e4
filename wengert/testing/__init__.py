"""torch.testing: comparing values with a tolerance, and making sample tensors."""

from .compare import assert_allclose, assert_close
from .samples import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
