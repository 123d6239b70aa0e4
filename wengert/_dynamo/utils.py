"""torch._dynamo.utils: re-exports."""

from ..compiler.dynamo import counters, same

__all__ = ["counters", "same"]
