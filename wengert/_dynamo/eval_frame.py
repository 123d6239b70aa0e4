"""torch._dynamo.eval_frame: re-exports."""

from ..nn.optimized import OptimizedModule

__all__ = ["OptimizedModule"]
