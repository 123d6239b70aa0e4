"""torch._custom_ops: re-exports."""

from .api.custom_ops import custom_op, impl, impl_abstract

__all__ = ["custom_op", "impl", "impl_abstract"]
