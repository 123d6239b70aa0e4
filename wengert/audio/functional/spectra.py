"""Spectrograms and what is made of them: mel scales, decibels, cepstra, masks, phases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...api import functions as T
from ...base import dtypes
from ...base.advice import advise
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F

__all__ = [
    "DB_to_amplitude", "add_noise", "amplitude_to_DB", "compute_deltas", "create_dct",
    "edit_distance", "griffinlim", "inverse_spectrogram", "linear_fbanks", "mask_along_axis",
    "mask_along_axis_iid", "melscale_fbanks", "mu_law_decoding", "mu_law_encoding",
    "phase_vocoder", "spectral_centroid", "spectrogram",
]  # fmt: skip


def norms(normalized: bool | str) -> tuple[bool, bool]:
    """Whether to divide by the root of the frame's length, and by the window's norm."""
    if isinstance(normalized, str) and normalized not in ("window", "frame_length"):
        raise ValueError(f"normalized: 'window' or 'frame_length', not {normalized!r}")
    return normalized == "frame_length", normalized is True or normalized == "window"


@clear_errors
def spectrogram(
    waveform: Tensor,
    pad: int,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
    power: float | None,
    normalized: bool | str,
    center: bool = True,
    pad_mode: str = "reflect",
    onesided: bool = True,
    return_complex: bool | None = None,
) -> Tensor:
    """(..., n_fft // 2 + 1, frames) of waveform (..., time): magnitudes to a power, or complex
    numbers if power is None. pad: zeros at both ends; normalized: by "window" (True) or
    "frame_length".

    hop_length: samples between frames. win_length: samples of a frame. center: frames are centred
    on their times. pad_mode: how the ends are continued. onesided: without negative frequencies.
    return_complex: accepted.

    Raises TypeError where pad, n_fft, hop_length or win_length is of the wrong type or window is no
    tensor; RuntimeError where waveform holds integers, booleans or complex numbers, window has a
    shape that does not fit, window holds complex numbers or n_fft or win_length is out of range.

    >>> window = torch.hann_window(16)
    >>> torchaudio.functional.spectrogram(
    ...     torch.zeros(1, 32), 0, window, 16, 8, 16, power=2.0, normalized=False
    ... ).shape
    torch.Size([1, 9, 5])
    """
    if pad > 0:
        waveform = F.pad(waveform, (pad, pad))
    by_frame, by_window = norms(normalized)
    flat = waveform.reshape(-1, waveform.shape[-1])
    found = T.stft(
        flat, n_fft, hop_length, win_length, window, center=center, pad_mode=pad_mode,
        normalized=by_frame, onesided=onesided, return_complex=True,
    )  # fmt: skip
    found = found.reshape(*waveform.shape[:-1], *found.shape[-2:])
    if by_window:
        found = found / window.pow(2.0).sum().sqrt()
    if power is None:
        return found
    return found.abs() if power == 1.0 else found.abs().pow(power)


@clear_errors
def inverse_spectrogram(
    spectrogram: Tensor,
    length: int | None,
    pad: int,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
    normalized: bool | str,
    center: bool = True,
    pad_mode: str = "reflect",
    onesided: bool = True,
) -> Tensor:
    """The waveform (..., time) of a complex spectrogram.

    length: of the result, in samples. pad: zeros on both sides. window: the window, a vector.
    n_fft: samples of a Fourier transform. hop_length: samples between frames; None: half the
    window. win_length: samples of a window; None: n_fft. normalized: divide by the norm of the
    window. center: frames lie around their times, with padding at the ends. pad_mode: how the
    ends are padded. onesided: leave out frequencies that real signals repeat.

    Raises TypeError where length, n_fft, hop_length or win_length is of the wrong type or window is
    no tensor; ValueError where spectrogram holds integers or booleans; RuntimeError where window
    has a shape that does not fit, window holds integers or complex numbers or n_fft, hop_length or
    win_length is out of range.

    >>> window = torch.hann_window(16)
    >>> spectrogram = torch.zeros(1, 9, 5, dtype=torch.complex64)
    >>> torchaudio.functional.inverse_spectrogram(
    ...     spectrogram, None, 0, window, 16, 8, 16, normalized=False
    ... ).shape
    torch.Size([1, 32])
    """
    if not spectrogram.is_complex():
        raise ValueError("inverse_spectrogram: expected complex numbers")
    by_frame, by_window = norms(normalized)
    if by_window:
        spectrogram = spectrogram * window.pow(2.0).sum().sqrt()
    flat = spectrogram.reshape(-1, *spectrogram.shape[-2:])
    found = T.istft(
        flat, n_fft, hop_length, win_length, window, center=center, normalized=by_frame,
        onesided=onesided, length=None if length is None else length + 2 * pad,
    )  # fmt: skip
    if length is not None and pad > 0:
        found = found[:, pad:-pad]
    return found.reshape(*spectrogram.shape[:-2], found.shape[-1])


@clear_errors
def griffinlim(
    specgram: Tensor,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
    power: float,
    n_iter: int,
    momentum: float,
    length: int | None,
    rand_init: bool,
) -> Tensor:
    """A waveform (..., time) whose magnitudes are those of a spectrogram to the power `power`,
    with phases found in n_iter rounds (Griffin and Lim, 1984; momentum: Perraudin et al., 2013).

    specgram: (..., frequencies, frames). window: (win_length,). n_fft: points of the transform.
    hop_length: samples between frames. win_length: samples of a frame. length: of the result, in
    samples. rand_init: start from random phases.

    Raises TypeError where window is no tensor or n_fft, hop_length, win_length or power is of the
    wrong type; ValueError where momentum is not in [0, 1]; RuntimeError where window has a shape
    that does not fit, window holds integers or complex numbers or n_fft, hop_length or win_length
    is out of range.

    >>> window = torch.hann_window(16)
    >>> spectrogram = torch.ones(1, 9, 5)
    >>> torchaudio.functional.griffinlim(
    ...     spectrogram, window, 16, 8, 16, 1.0,
    ...     n_iter=2, momentum=0.5, length=None, rand_init=False,
    ... ).shape
    torch.Size([1, 32])
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"griffinlim: momentum must be in [0, 1), not {momentum}")
    step = momentum / (1 + momentum)
    shape = specgram.shape
    magnitudes = specgram.reshape(-1, *shape[-2:]).pow(1 / power)
    kind = dtypes.complex128 if magnitudes.dtype is dtypes.float64 else dtypes.complex64
    angles = (T.rand if rand_init else T.ones)(
        magnitudes.shape, dtype=kind, device=magnitudes.device
    )
    before: Any = 0.0
    frames = (n_fft, hop_length, win_length, window)
    for _ in range(n_iter):
        wave = T.istft(magnitudes * angles, *frames, length=length)
        rebuilt = T.stft(wave, *frames, center=True, pad_mode="reflect", return_complex=True)
        angles = rebuilt - before * step if step else rebuilt
        angles = angles / (angles.abs() + 1e-16)
        before = rebuilt
    wave = T.istft(magnitudes * angles, *frames, length=length)
    return wave.reshape(*shape[:-2], wave.shape[-1])


@clear_errors
def amplitude_to_DB(
    x: Tensor, multiplier: float, amin: float, db_multiplier: float, top_db: float | None = None
) -> Tensor:
    """multiplier * log10(x) - multiplier * db_multiplier, not below the largest value of each
    spectrogram (channels, frequencies, time) less top_db.

    amin: the least value of x.

    x is of shape (..., frequencies, frames). Raises TypeError where multiplier, amin or
    db_multiplier is of the wrong type; NotImplementedError where x holds complex numbers;
    RuntimeError where multiplier, amin or db_multiplier is a tensor of several numbers.

    >>> torchaudio.functional.amplitude_to_DB(torch.tensor([1.0, 10.0]), 20.0, 1e-10, 0.0)
    tensor([ 0., 20.])
    """
    found = multiplier * x.clamp(min=amin).log10() - multiplier * db_multiplier
    if top_db is not None:
        shape = found.shape
        grouped = found.reshape(-1, shape[-3] if found.ndim > 2 else 1, *shape[-2:])
        floor = grouped.amax(dim=(-3, -2, -1)) - top_db
        found = T.maximum(grouped, floor.view(-1, 1, 1, 1)).reshape(shape)
    return found


def DB_to_amplitude(x: Tensor, ref: float, power: float) -> Tensor:
    """ref * 10 ** (x / 10 * power).

    x has any shape. Raises TypeError where x is no tensor or ref or power is of the wrong type;
    RuntimeError where ref or power is a tensor of several numbers.

    >>> torchaudio.functional.DB_to_amplitude(torch.tensor([0.0, 20.0]), ref=1.0, power=0.5)
    tensor([ 1., 10.])
    """
    return ref * (10.0 ** (0.1 * x)) ** power


def hz_to_mel(f: float, scale: str) -> float:
    """A frequency on the mel scale "htk" or "slaney" (linear below 1000 Hz)."""
    if scale == "htk":
        return 2595.0 * math.log10(1.0 + f / 700.0)
    if scale != "slaney":
        raise ValueError(f"mel_scale: 'htk' or 'slaney', not {scale!r}")
    return 15.0 + math.log(f / 1000.0) * 27.0 / math.log(6.4) if f >= 1000.0 else 3.0 * f / 200.0


def mel_to_hz(mels: Tensor, scale: str) -> Tensor:
    """Frequencies of places on a mel scale."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    above = 1000.0 * ((mels - 15.0) * (math.log(6.4) / 27.0)).exp()
    return T.where(mels >= 15.0, above, mels * (200.0 / 3.0))


def triangles(frequencies: Tensor, corners: Tensor) -> Tensor:
    """(frequencies, filters): each filter rises from one corner to the next and falls to the one
    after it."""
    width = corners[1:] - corners[:-1]
    slopes = corners[None] - frequencies[:, None]
    down = -slopes[:, :-2] / width[:-1]
    up = slopes[:, 2:] / width[1:]
    return T.minimum(down, up).clamp(min=0.0)


def melscale_fbanks(
    n_freqs: int,
    f_min: float,
    f_max: float,
    n_mels: int,
    sample_rate: int,
    norm: str | None = None,
    mel_scale: str = "htk",
) -> Tensor:
    """(n_freqs, n_mels): triangular filters at equal distances on a mel scale.

    norm: "slaney" makes their areas equal.

    f_min: the lowest frequency, in Hz. f_max: the highest frequency, in Hz; None: half of
    sample_rate. sample_rate: samples per second, in Hz. mel_scale: 'htk' or 'slaney'.

    Raises TypeError where n_freqs, f_min, f_max or n_mels is of the wrong type; IndexError where
    n_freqs is 0; RuntimeError where n_freqs is negative; ValueError where f_min or f_max is a
    tensor of several numbers.

    >>> melscale_fbanks(5, 0.0, 4000.0, 2, 8000).shape
    torch.Size([5, 2])
    """
    if norm not in (None, "slaney"):
        raise ValueError(f"norm: None or 'slaney', not {norm!r}")
    low, high = hz_to_mel(f_min, mel_scale), hz_to_mel(f_max, mel_scale)
    corners = mel_to_hz(T.linspace(low, high, n_mels + 2), mel_scale)
    bank = triangles(T.linspace(0, sample_rate // 2, n_freqs), corners)
    if norm == "slaney":
        bank = bank * (2.0 / (corners[2:] - corners[:-2]))
    if bool((bank.amax(0) == 0.0).any()):
        advise(
            f"at least one mel filter has all zeros: n_mels ({n_mels}) is high for n_freqs "
            f"({n_freqs})",
        )
    return bank


def linear_fbanks(
    n_freqs: int, f_min: float, f_max: float, n_filter: int, sample_rate: int
) -> Tensor:
    """(n_freqs, n_filter): triangular filters at equal distances in frequency.

    f_min: the lowest frequency, in Hz. f_max: the highest frequency, in Hz; None: half of
    sample_rate. sample_rate: samples per second, in Hz.

    Raises TypeError where n_freqs, f_min, f_max or n_filter is of the wrong type; RuntimeError
    where n_freqs is negative.

    >>> torchaudio.functional.linear_fbanks(9, 0.0, 8000.0, 4, 16000).shape
    torch.Size([9, 4])
    """
    return triangles(
        T.linspace(0, sample_rate // 2, n_freqs), T.linspace(f_min, f_max, n_filter + 2)
    )


@clear_errors
def create_dct(n_mfcc: int, n_mels: int, norm: str | None) -> Tensor:
    """(n_mels, n_mfcc): the cosine transform of kind II; norm: None or "ortho".

    Raises ValueError where n_mfcc, n_mels or norm is of the wrong type or norm is unknown;
    IndexError where n_mfcc is 0; RuntimeError where n_mfcc or n_mels is negative.

    >>> torchaudio.functional.create_dct(13, 40, "ortho").shape
    torch.Size([40, 13])
    """
    if norm not in (None, "ortho"):
        raise ValueError(f"norm: None or 'ortho', not {norm!r}")
    n, k = T.arange(float(n_mels)), T.arange(float(n_mfcc))[:, None]
    dct = T.cos(math.pi / n_mels * (n + 0.5) * k)
    if norm is None:
        return (dct * 2.0).t()
    dct[0] *= 1.0 / math.sqrt(2.0)
    return (dct * math.sqrt(2.0 / n_mels)).t()


@clear_errors
def mu_law_encoding(x: Tensor, quantization_channels: int) -> Tensor:
    """Numbers from 0 to quantization_channels - 1 of a signal from -1 to 1, finer near 0.

    x: a tensor.

    x has any shape. Raises TypeError where quantization_channels is of the wrong type; RuntimeError
    where quantization_channels is a tensor of several numbers.

    >>> torchaudio.functional.mu_law_encoding(torch.tensor([-1.0, 0.0, 1.0]), 256)
    tensor([  0, 128, 255])
    """
    mu = quantization_channels - 1.0
    x = x if x.is_floating_point() else x.to(dtypes.float32)
    mus = T.tensor(mu, dtype=x.dtype)
    y = x.sign() * T.log1p(mus * x.abs()) / T.log1p(mus)
    return ((y + 1) / 2 * mus + 0.5).to(dtypes.int64)


@clear_errors
def mu_law_decoding(x_mu: Tensor, quantization_channels: int) -> Tensor:
    """The signal of mu-law numbers.

    quantization_channels: how many values there are. x_mu: numbers from 0.

    x_mu has any shape. Raises TypeError where quantization_channels is of the wrong type;
    RuntimeError where quantization_channels is a tensor of several numbers.

    >>> torchaudio.functional.mu_law_decoding(torch.tensor([0, 255]), 256)
    tensor([-1.,  1.])
    """
    mu = quantization_channels - 1.0
    x = x_mu if x_mu.is_floating_point() else x_mu.to(dtypes.float32)
    mus = T.tensor(mu, dtype=x.dtype)
    y = x / mus * 2 - 1.0
    return y.sign() * (T.exp(y.abs() * T.log1p(mus)) - 1.0) / mus


@clear_errors
def phase_vocoder(complex_specgrams: Tensor, rate: float, phase_advance: Tensor) -> Tensor:
    """A complex spectrogram (..., frequencies, frames) played rate times as fast, at its pitch.

    phase_advance: what each frequency's phase grows by in one hop, (frequencies, 1).
    complex_specgrams: (..., frequencies, frames).

    Raises TypeError where rate is of the wrong type; RuntimeError where complex_specgrams or
    phase_advance has a shape that does not fit or rate is negative; NotImplementedError where
    phase_advance holds booleans or complex numbers.

    >>> spectrogram = torch.zeros(9, 5, dtype=torch.complex64)
    >>> torchaudio.functional.phase_vocoder(spectrogram, 2.0, torch.zeros(9, 1)).shape
    torch.Size([9, 3])
    """
    if rate == 1.0:
        return complex_specgrams
    s = complex_specgrams.reshape(-1, *complex_specgrams.shape[-2:])
    steps = T.arange(0, s.shape[-1], rate, dtype=phase_advance.dtype, device=s.device)
    share = steps % 1.0
    first = s[..., :1].angle()
    padded = F.pad(s, (0, 2))
    at = steps.to(dtypes.int64)
    now, after = padded.index_select(-1, at), padded.index_select(-1, at + 1)
    turn = after.angle() - now.angle() - phase_advance
    turn = turn - 2 * math.pi * (turn / (2 * math.pi)).round() + phase_advance
    phase = T.cat([first, turn[..., :-1]], dim=-1).cumsum(-1)
    found = T.polar(share * after.abs() + (1 - share) * now.abs(), phase)
    return found.reshape(*complex_specgrams.shape[:-2], *found.shape[1:])


def mask_size(mask_param: int, p: float, length: int) -> int:
    """The largest mask: mask_param, and not more than the share p of the axis."""
    return mask_param if p == 1.0 else min(mask_param, int(length * p))


@clear_errors
def mask_along_axis(
    specgram: Tensor, mask_param: int, mask_value: float, axis: int, p: float = 1.0
) -> Tensor:
    """specgram with mask_value in one band of up to mask_param places along axis, at random.

    p: the largest share that is masked.

    specgram is of shape (..., frequencies, frames). Raises TypeError where mask_param or mask_value
    is of the wrong type; ValueError where specgram has a shape that does not fit, axis is of the
    wrong type or axis is out of range; RuntimeError where mask_param, mask_value or axis is a
    tensor of several numbers.

    >>> torchaudio.functional.mask_along_axis(torch.ones(1, 4, 4), 2, 0.0, axis=1).shape
    torch.Size([1, 4, 4])
    """
    dims = specgram.ndim
    if axis not in (dims - 2, dims - 1):
        raise ValueError(f"mask_along_axis: axis {dims - 2} or {dims - 1}, not {axis}")
    size = specgram.shape[axis]
    largest = mask_size(mask_param, p, size)
    if largest < 1:
        return specgram
    width = T.rand(1) * largest
    low = (T.rand(1) * (size - width)).to(dtypes.int64)
    places = T.arange(size, device=specgram.device)
    inside = (places >= low) & (places < low + width.to(dtypes.int64))
    inside = inside[:, None] if axis == dims - 2 else inside
    return specgram.masked_fill(inside, mask_value)


@clear_errors
def mask_along_axis_iid(
    specgrams: Tensor, mask_param: int, mask_value: float, axis: int, p: float = 1.0
) -> Tensor:
    """As mask_along_axis, with a band of its own for each spectrogram of a batch.

    specgrams: of shape (batch, channels, frequencies, frames). mask_param: the largest width of the
    band. mask_value: what is put there. axis: the dimension. p: the largest share that is masked.

    Raises TypeError where mask_param or mask_value is of the wrong type; ValueError where specgrams
    has a shape that does not fit, axis is of the wrong type or axis is out of range;
    NotImplementedError where specgrams holds integers or booleans; RuntimeError where mask_param,
    mask_value or axis is a tensor of several numbers.

    >>> torchaudio.functional.mask_along_axis_iid(torch.ones(2, 1, 4, 4), 2, 0.0, axis=2).shape
    torch.Size([2, 1, 4, 4])
    """
    dims = specgrams.ndim
    if dims < 3 or axis not in (dims - 2, dims - 1):
        raise ValueError(f"mask_along_axis_iid: axis {dims - 2} or {dims - 1}, not {axis}")
    size = specgrams.shape[axis]
    largest = mask_size(mask_param, p, size)
    if largest < 1:
        return specgrams
    options = {"device": specgrams.device, "dtype": specgrams.dtype}
    width = T.rand(specgrams.shape[:-2], **options) * largest
    low = (T.rand(specgrams.shape[:-2], **options) * (size - width)).to(dtypes.int64)
    low, end = low[..., None, None], (low + width.to(dtypes.int64))[..., None, None]
    places = T.arange(size, device=specgrams.device)
    inside = (places >= low) & (places < end)
    inside = inside.transpose(-1, -2) if axis == dims - 2 else inside
    return specgrams.masked_fill(inside, mask_value)


@clear_errors
def compute_deltas(specgram: Tensor, win_length: int = 5, mode: str = "replicate") -> Tensor:
    """The slope of each row over win_length frames, (..., frames) like specgram.

    mode: of the edges: see nn.functional.pad; of convolutions: "full", "valid" or "same".

    Raises NotImplementedError where specgram holds booleans or complex numbers; TypeError where
    specgram is no tensor.

    >>> torchaudio.functional.compute_deltas(torch.arange(6.0).view(1, 1, 6))
    tensor([[[0.5000, 0.8000, 1.0000, 1.0000, 0.8000, 0.5000]]])
    """
    if win_length < 3:
        raise ValueError(f"compute_deltas: win_length must be 3 or more, not {win_length}")
    shape, n = specgram.shape, (win_length - 1) // 2
    rows = F.pad(specgram.reshape(1, -1, shape[-1]), (n, n), mode=mode)
    kernel = T.arange(-n, n + 1, dtype=rows.dtype, device=rows.device)
    kernel = kernel.repeat(rows.shape[1], 1, 1)
    slope = F.conv1d(rows, kernel, groups=rows.shape[1]) / (n * (n + 1) * (2 * n + 1) / 3)
    return slope.reshape(shape)


@clear_errors
def spectral_centroid(
    waveform: Tensor,
    sample_rate: int,
    pad: int,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
) -> Tensor:
    """The mean frequency of each frame in Hz, weighted by magnitude: (..., frames).

    waveform: samples (..., time). sample_rate: samples per second, in Hz. pad: zeros on both
    sides. window: the window, a vector. n_fft: samples of a Fourier transform. hop_length:
    samples between frames; None: half the window. win_length: samples of a window; None: n_fft.

    Raises TypeError where sample_rate, pad, n_fft or hop_length is of the wrong type or window is
    no tensor; RuntimeError where waveform holds integers, booleans or complex numbers, window has a
    shape that does not fit, window holds complex numbers or n_fft or win_length is out of range.

    >>> window = torch.hann_window(16)
    >>> sound = torch.sin(torch.arange(32.0)).unsqueeze(0)
    >>> torchaudio.functional.spectral_centroid(sound, 16000, 0, window, 16, 8, 16).shape
    torch.Size([1, 5])
    """
    found = spectrogram(waveform, pad, window, n_fft, hop_length, win_length, 1.0, False)
    f = T.linspace(0, sample_rate // 2, 1 + n_fft // 2, device=found.device)[:, None]
    return (f * found).sum(-2) / found.sum(-2)


@clear_errors
def add_noise(
    waveform: Tensor, noise: Tensor, snr: Tensor, lengths: Tensor | None = None
) -> Tensor:
    """waveform (..., time) plus noise, scaled to a ratio of energies in decibels, snr (...).

    lengths (...): how many samples of each count for the energies.

    Raises TypeError where snr is no tensor; RuntimeError where waveform or noise has a shape that
    does not fit, waveform or noise holds integers or booleans or snr holds booleans.

    >>> torchaudio.functional.add_noise(torch.ones(4), torch.ones(4), torch.tensor(0.0))
    tensor([2., 2., 2., 2.])
    """
    clean, dirty = waveform, noise
    if lengths is not None:
        inside = T.arange(waveform.shape[-1], device=waveform.device) < lengths[..., None]
        clean, dirty = waveform * inside, noise * inside
    now = 10 * (clean.norm(dim=-1).pow(2).log10() - dirty.norm(dim=-1).pow(2).log10())
    return waveform + 10 ** ((now - snr) / 20.0)[..., None] * noise


def edit_distance(seq1: Sequence[Any], seq2: Sequence[Any]) -> int:
    """How many insertions, deletions and replacements lead from one sequence to the other.

    seq1: a sequence. seq2: a sequence.

    Raises TypeError where seq1 or seq2 is of the wrong type.

    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(seq2) + 1))
    for i, a in enumerate(seq1, 1):
        left, diagonal = i, row[0]
        for j, b in enumerate(seq2, 1):
            best = min(row[j] + 1, left + 1, diagonal + (a != b))
            row[j - 1], diagonal, left = left, row[j], best
        row[-1] = left
    return row[-1]
