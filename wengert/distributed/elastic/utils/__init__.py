"""torch.distributed.elastic.utils."""

from . import distributed

__all__ = ["distributed"]
