"""torch.cuda.nvtx: marks for NVIDIA's profiler; re-exports."""

from ..api.nvtx import mark, range, range_end, range_pop, range_push, range_start  # noqa: A004

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]
