"""torch._subclasses: re-exports."""

from .fake_tensor import FakeTensorMode

__all__ = ["FakeTensorMode"]
