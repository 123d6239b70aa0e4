"""torch.cuda.profiler: re-exports."""

from ..api.cuda_runtime import profile, start, stop

__all__ = ["profile", "start", "stop"]
