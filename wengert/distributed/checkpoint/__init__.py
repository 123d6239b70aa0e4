"""torch.distributed.checkpoint: checkpoints that many ranks write and any number of ranks reads."""

from . import state_dict
from .storage import (
    CheckpointException,
    FileSystemReader,
    FileSystemWriter,
    async_save,
    load,
    save,
)

__all__ = [
    "CheckpointException", "FileSystemReader", "FileSystemWriter", "async_save", "load", "save",
    "state_dict",
]  # fmt: skip
