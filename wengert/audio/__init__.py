"""What scripts import as torchaudio: WAV files, spectrograms, filters, resampling, augmentation.

SciPy reads and writes WAV files; other formats need the package soundfile. Models, beam search and
codecs are not here.
"""

from typing import Any

from . import datasets, functional, transforms
from .files import AudioMetaData, info, load, save

__version__ = "2.11.0"

__all__ = [
    "AudioMetaData", "datasets", "functional", "info", "list_audio_backends", "load", "save",
    "set_audio_backend", "transforms",
]  # fmt: skip


def list_audio_backends() -> list[str]:
    """What reads files: SciPy, and soundfile where it is installed.

    >>> len(torchaudio.list_audio_backends()) > 0
    True
    """
    from importlib.util import find_spec

    return ["scipy"] + (["soundfile"] if find_spec("soundfile") else [])


def set_audio_backend(backend: Any) -> None:
    """Nothing: the format of a file decides.

    backend: accepted.

    >>> torchaudio.set_audio_backend(None)
    """
