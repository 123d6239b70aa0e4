"""torch.utils.data.datapipes.iter: re-exports."""

from .....data.pipes import ShufflerIterDataPipe as Shuffler
from . import combinatorics

__all__ = ["Shuffler", "combinatorics"]
