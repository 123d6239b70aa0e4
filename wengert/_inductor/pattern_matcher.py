"""torch._inductor.pattern_matcher: re-exports."""

from ..compiler.dynamo import PatternMatcherPass, fwd_only, register_replacement

__all__ = ["PatternMatcherPass", "fwd_only", "register_replacement"]
