"""torch.cuda.nvtx: marks for NVIDIA's profiler; re-exports."""

from ..api.nvtx import mark, range, range_pop, range_push  # noqa: A004

__all__ = ["mark", "range", "range_pop", "range_push"]
