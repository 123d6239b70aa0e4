"""torch._subclasses.fake_tensor: re-exports."""

from ..api.fake_mode import FakeTensorMode

__all__ = ["FakeTensorMode"]
