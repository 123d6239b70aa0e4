"""torch._logging: re-exports."""

from .compiler.dynamo import set_logs

__all__ = ["set_logs"]
