"""torch._subclasses.fake_tensor: re-exports."""

from ..api.fake_mode import FakeTensorMode, is_fake

__all__ = ["FakeTensorMode", "is_fake"]
