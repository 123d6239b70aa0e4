"""torch._inductor.async_compile: re-exports."""

from ..compiler.dynamo import AsyncCompile

__all__ = ["AsyncCompile"]
