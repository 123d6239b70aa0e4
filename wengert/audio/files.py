"""Sound in files: WAV by SciPy, other formats by the package soundfile where it is installed."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np

from ..api.functions import from_numpy
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = ["AudioMetaData", "info", "load", "save"]

FULL = {"uint8": 128.0, "int16": 32768.0, "int32": 2147483648.0}  # what stands for 1


class AudioMetaData(NamedTuple):
    """What is known of a file without its samples.

    sample_rate: samples per second, in Hz. num_frames: how many frames. num_channels: how many
    channels. bits_per_sample: bits of a number. encoding: how numbers are written.

    >>> torchaudio.save("tone.wav", torch.zeros(1, 8), 16000)
    >>> torchaudio.info("tone.wav").num_frames
    8
    """

    sample_rate: int
    num_frames: int
    num_channels: int
    bits_per_sample: int
    encoding: str


def samples(source: Any) -> tuple[int, np.ndarray]:
    """The rate and the samples (frames, channels) of a file, as they are stored."""
    wavfile = importlib.import_module("scipy.io.wavfile")
    try:
        rate, a = wavfile.read(source)
    except ValueError as error:
        try:
            soundfile = importlib.import_module("soundfile")
        except ModuleNotFoundError:
            raise RuntimeError(
                f"{source} is no WAV file that SciPy reads ({error}); other formats need "
                "soundfile: pip install soundfile"
            ) from None
        a, rate = soundfile.read(source, dtype="float32")
    return int(rate), a[:, None] if a.ndim == 1 else a


def load(
    uri: Any,
    frame_offset: int = 0,
    num_frames: int = -1,
    normalize: bool = True,
    channels_first: bool = True,
    format: str | None = None,
    buffer_size: int = 4096,
    backend: str | None = None,
) -> tuple[Tensor, int]:
    """The samples of a file (channels, frames), float32 from -1 to 1, and its frames per second.

    frame_offset, num_frames: which part (-1: to the end). normalize=False: integers stay as they
    are. channels_first=False: (frames, channels).

    uri: path or file object of a WAV file. format: accepted: 'wav'. buffer_size: accepted. backend:
    accepted.

    Raises FileNotFoundError if there is no such file, RuntimeError if it is no sound; TypeError
    where uri is of the wrong type.

    >>> torchaudio.save("tone.wav", torch.zeros(1, 8), 16000)
    >>> samples, rate = torchaudio.load("tone.wav")
    >>> samples.shape, rate
    (torch.Size([1, 8]), 16000)
    """
    rate, a = samples(uri)
    a = a[frame_offset:] if num_frames < 0 else a[frame_offset : frame_offset + num_frames]
    if normalize and str(a.dtype) in FULL:
        shifted = a.astype(np.float64) - (128 if a.dtype == np.uint8 else 0)
        a = (shifted / FULL[str(a.dtype)]).astype(np.float32)
    elif normalize:
        a = a.astype(np.float32)
    return from_numpy(np.array(a.T if channels_first else a, order="C")), rate


def info(uri: Any, format: str | None = None, **options: Any) -> AudioMetaData:
    """Rate, frames, channels and encoding of a file.

    uri: path or file object of a WAV file. format: accepted: 'wav'.

    Raises FileNotFoundError if there is no such file, RuntimeError if it is no sound; TypeError
    where uri is of the wrong type.

    >>> torchaudio.save("tone.wav", torch.zeros(1, 8), 16000)
    >>> torchaudio.info("tone.wav").sample_rate
    16000
    """
    rate, a = samples(uri)
    kind = {"u": "PCM_U", "i": "PCM_S", "f": "PCM_F"}[a.dtype.kind]
    return AudioMetaData(rate, a.shape[0], a.shape[1], 8 * a.dtype.itemsize, kind)


@clear_errors
def save(
    uri: Any,
    src: Tensor,
    sample_rate: int,
    channels_first: bool = True,
    format: str | None = None,
    encoding: str | None = None,
    bits_per_sample: int | None = None,
    **options: Any,
) -> None:
    """Write samples of shape (channels, frames) to WAV: floats as floats, integers as they are.

    encoding: "PCM_S" with bits_per_sample 16 or 32, or "PCM_F".

    uri: path or file object of a WAV file. sample_rate: samples per second, in Hz. format:
    accepted: 'wav'. src: the samples. channels_first: (channels, frames), or the other way round.

    Raises ValueError where src has a shape that does not fit, holds booleans or complex numbers, or
    sample_rate is negative; TypeError where uri or sample_rate is of the wrong type or src is no
    tensor; RuntimeError where src holds booleans or complex numbers; struct.error where sample_rate
    is negative.

    >>> torchaudio.save("tone.wav", torch.zeros(1, 8), 16000)
    >>> torchaudio.load("tone.wav")[0].shape
    torch.Size([1, 8])
    """
    if src.ndim != 2:
        raise ValueError(f"save: expected (channels, frames), not {list(src.shape)}")
    if sample_rate <= 0:
        raise ValueError(f"save: sample_rate {sample_rate}: there have to be samples in a second")
    if src.dtype.is_complex or src.dtype.name == "bool":
        raise ValueError(f"save: samples are real numbers, not {src.dtype}")
    a = src.detach().cpu().numpy()
    a = a.T if channels_first else a
    if encoding == "PCM_S" or (encoding is None and bits_per_sample == 16):
        kind = {16: "int16", 32: "int32", None: "int16"}.get(bits_per_sample)
        if kind is None:
            raise ValueError(f"save: bits_per_sample 16 or 32, not {bits_per_sample}")
        if a.dtype.kind == "f":
            a = np.clip(np.round(a.astype(np.float64) * FULL[kind]), -FULL[kind], FULL[kind] - 1)
            a = a.astype(kind)
    importlib.import_module("scipy.io.wavfile").write(
        uri, int(sample_rate), np.ascontiguousarray(a)
    )
