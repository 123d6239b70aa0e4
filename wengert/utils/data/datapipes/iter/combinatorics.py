"""torch.utils.data.datapipes.iter.combinatorics: re-exports."""

from wengert.data.pipes import ShufflerIterDataPipe

__all__ = ["ShufflerIterDataPipe"]
