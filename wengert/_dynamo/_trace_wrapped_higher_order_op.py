"""torch._dynamo._trace_wrapped_higher_order_op: re-exports."""

from ..compiler.dynamo import TransformGetItemToIndex

__all__ = ["TransformGetItemToIndex"]
