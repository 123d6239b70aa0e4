"""torch.utils.data.datapipes.iter.combinatorics: re-exports."""

from .....data.pipes import ShufflerIterDataPipe

__all__ = ["ShufflerIterDataPipe"]
