"""torch.nn.parallel.scatter_gather: re-exports."""

from .data_parallel import gather, scatter

__all__ = ["gather", "scatter"]
