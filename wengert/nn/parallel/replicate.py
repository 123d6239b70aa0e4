"""torch.nn.parallel.replicate: re-exports."""

from .data_parallel import replicate

__all__ = ["replicate"]
