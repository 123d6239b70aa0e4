"""torch._custom_ops: re-exports."""

from .api.library import custom_op, impl, impl_abstract

__all__ = ["custom_op", "impl", "impl_abstract"]
