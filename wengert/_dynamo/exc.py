"""torch._dynamo.exc: re-exports."""

from ..compiler.entry import InvalidBackend

__all__ = ["InvalidBackend"]
