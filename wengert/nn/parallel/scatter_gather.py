"""torch.nn.parallel.scatter_gather: re-exports."""

from .data_parallel import gather, scatter, scatter_kwargs

__all__ = ["gather", "scatter", "scatter_kwargs"]
