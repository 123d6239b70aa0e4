"""Checkpoints of safetensors files that many ranks write: not here, and what to do instead."""

from __future__ import annotations

from typing import Any

__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]


class HuggingFaceStorageWriter:
    """Refused, with NotImplementedError.

    path: the folder.

    >>> HuggingFaceStorageWriter("saved")
    Traceback (most recent call last):
        ...
    NotImplementedError: HuggingFaceStorageWriter: let rank 0 write ...
    """

    def __init__(self, path: Any, *args: Any, **options: Any) -> None:
        raise NotImplementedError(
            "HuggingFaceStorageWriter: let rank 0 write get_model_state_dict(model, "
            "options=StateDictOptions(full_state_dict=True)) with safetensors.torch.save_file, or "
            "use FileSystemWriter"
        )


class HuggingFaceStorageReader:
    """Refused, with NotImplementedError.

    path: the folder.

    >>> HuggingFaceStorageReader("saved")
    Traceback (most recent call last):
        ...
    NotImplementedError: HuggingFaceStorageReader: read the files with ...
    """

    def __init__(self, path: Any, *args: Any, **options: Any) -> None:
        raise NotImplementedError(
            "HuggingFaceStorageReader: read the files with safetensors.torch.load_file and give "
            "them to set_model_state_dict, or use FileSystemReader"
        )
