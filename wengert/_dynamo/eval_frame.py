"""torch._dynamo.eval_frame: re-exports."""

from ..compiler.dynamo import is_dynamo_supported
from ..nn.optimized import OptimizedModule

__all__ = ["OptimizedModule", "is_dynamo_supported"]
