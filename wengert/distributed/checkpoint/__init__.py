"""torch.distributed.checkpoint: checkpoints that many ranks write and any number of ranks reads."""

from . import state_dict
from .hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from .planner import DefaultLoadPlanner, DefaultSavePlanner, LoadPlanner, SavePlanner
from .storage import (
    CheckpointException,
    FileSystemReader,
    FileSystemWriter,
    async_save,
    load,
    load_state_dict,
    save,
    save_state_dict,
)

__all__ = [
    "CheckpointException", "DefaultLoadPlanner", "DefaultSavePlanner", "FileSystemReader",
    "FileSystemWriter", "HuggingFaceStorageReader", "HuggingFaceStorageWriter", "LoadPlanner",
    "SavePlanner", "async_save", "load", "load_state_dict", "save", "save_state_dict",
    "state_dict",
]  # fmt: skip
