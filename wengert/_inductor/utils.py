"""torch._inductor.utils: re-exports."""

from ..compiler.dynamo import fresh_inductor_cache
from ..compiler.dynamo import fresh_inductor_cache as fresh_cache

__all__ = ["fresh_cache", "fresh_inductor_cache"]
