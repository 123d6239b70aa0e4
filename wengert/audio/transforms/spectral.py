"""Spectrograms, mel scales, cepstra, masks and stretches as modules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn import Module
from .. import functional as F

__all__ = [
    "AmplitudeToDB", "ComputeDeltas", "FrequencyMasking", "GriffinLim", "InverseMelScale",
    "InverseSpectrogram", "LFCC", "MFCC", "MelScale", "MelSpectrogram", "SpecAugment",
    "SpectralCentroid", "Spectrogram", "TimeMasking", "TimeStretch",
]  # fmt: skip

Window = Callable[..., Tensor]


def hann(length: int, **kwargs: Any) -> Tensor:
    """Hann's window."""
    return T.hann_window(length, **kwargs)


class Framed(Module):
    """What cuts sound into frames: their length, their distance, their window."""

    window: Tensor

    def frames(
        self,
        n_fft: int,
        win_length: int | None,
        hop_length: int | None,
        window_fn: Window,
        wkwargs: dict[str, Any] | None,
    ) -> None:
        """Set n_fft, win_length (n_fft), hop_length (half of win_length) and window."""
        self.n_fft = n_fft
        self.win_length = n_fft if win_length is None else win_length
        self.hop_length = self.win_length // 2 if hop_length is None else hop_length
        self.register_buffer("window", window_fn(self.win_length, **(wkwargs or {})))


class Spectrogram(Framed):
    """(..., n_fft // 2 + 1, frames) of a waveform (..., time).

    power: of the magnitudes; None: complex numbers. normalized: by "window" (True) or
    "frame_length".

    win_length: samples of a window; None: n_fft. hop_length: samples between frames; None: half the
    window. pad: zeros on both sides. window_fn: makes the window from its length. wkwargs: further
    arguments of window_fn. center: frames lie around their times, with padding at the ends.
    pad_mode: how the ends are padded. onesided: leave out frequencies that real signals repeat.
    return_complex: accepted. Raises TypeError where n_fft is of the wrong type; RuntimeError where
    n_fft is negative or waveform holds integers, booleans or complex numbers.

    >>> torchaudio.transforms.Spectrogram(n_fft=64)(torch.ones(1, 640)).shape
    torch.Size([1, 33, 21])
    """

    def __init__(
        self,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: Window = hann,
        power: float | None = 2.0,
        normalized: bool | str = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool = True,
        return_complex: bool | None = None,
    ) -> None:
        super().__init__()
        self.frames(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.pad, self.power, self.normalized = pad, power, normalized
        self.center, self.pad_mode, self.onesided = center, pad_mode, onesided

    def forward(self, waveform: Tensor) -> Tensor:
        """The spectrogram."""
        return F.spectrogram(
            waveform, self.pad, self.window, self.n_fft, self.hop_length, self.win_length,
            self.power, self.normalized, self.center, self.pad_mode, self.onesided,
        )  # fmt: skip


class InverseSpectrogram(Framed):
    """The waveform of a complex spectrogram.

    n_fft: samples of a Fourier transform. win_length: samples of a window; None: n_fft. hop_length:
    samples between frames; None: half the window. pad: zeros on both sides. window_fn: makes the
    window from its length. normalized: divide by the norm of the window. wkwargs: further arguments
    of window_fn. center: frames lie around their times, with padding at the ends. pad_mode: how the
    ends are padded. onesided: leave out frequencies that real signals repeat. spectrogram is of
    shape (..., n_fft // 2 + 1, frames). Raises TypeError where n_fft is of the wrong type;
    ValueError where spectrogram holds integers or booleans; RuntimeError where n_fft is negative.

    >>> spectrogram = torch.zeros(1, 9, 5, dtype=torch.complex64)
    >>> torchaudio.transforms.InverseSpectrogram(n_fft=16)(spectrogram).shape
    torch.Size([1, 32])
    """

    def __init__(
        self,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: Window = hann,
        normalized: bool | str = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool = True,
    ) -> None:
        super().__init__()
        self.frames(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.pad, self.normalized = pad, normalized
        self.center, self.pad_mode, self.onesided = center, pad_mode, onesided

    def forward(self, spectrogram: Tensor, length: int | None = None) -> Tensor:
        """The waveform (..., time)."""
        return F.inverse_spectrogram(
            spectrogram, length, self.pad, self.window, self.n_fft, self.hop_length,
            self.win_length, self.normalized, self.center, self.pad_mode, self.onesided,
        )  # fmt: skip


class GriffinLim(Framed):
    """A waveform with the magnitudes of a spectrogram.

    n_fft: samples of a Fourier transform. win_length: samples of a window; None: n_fft. hop_length:
    samples between frames; None: half the window. window_fn: makes the window from its length.
    power: the exponent of magnitudes; None: complex numbers. wkwargs: further arguments of
    window_fn. length: of the result, in samples. n_iter: how many iterations. momentum: of the
    iteration, from 0 to 1. rand_init: start from random phases. specgram is of shape (..., n_fft //
    2 + 1, frames). Raises TypeError where n_fft or n_iter is of the wrong type; RuntimeError where
    n_fft is negative.

    >>> torchaudio.transforms.GriffinLim(n_fft=16, n_iter=2)(torch.ones(1, 9, 5)).shape
    torch.Size([1, 32])
    """

    def __init__(
        self,
        n_fft: int = 400,
        n_iter: int = 32,
        win_length: int | None = None,
        hop_length: int | None = None,
        window_fn: Window = hann,
        power: float = 2.0,
        wkwargs: dict[str, Any] | None = None,
        momentum: float = 0.99,
        length: int | None = None,
        rand_init: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise ValueError(f"GriffinLim: momentum must be in [0, 1), not {momentum}")
        self.frames(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.n_iter, self.power, self.momentum = n_iter, power, momentum
        self.length, self.rand_init = length, rand_init

    def forward(self, specgram: Tensor) -> Tensor:
        """The waveform (..., time)."""
        return F.griffinlim(
            specgram, self.window, self.n_fft, self.hop_length, self.win_length, self.power,
            self.n_iter, self.momentum, self.length, self.rand_init,
        )  # fmt: skip


class AmplitudeToDB(Module):
    """Decibels of powers (stype "power") or magnitudes ("magnitude"), at most top_db below the
    largest. x is of shape (..., frequencies, frames). Raises NotImplementedError where x holds
    complex numbers.

    >>> torchaudio.transforms.AmplitudeToDB()(torch.tensor([1.0, 10.0]))
    tensor([ 0., 10.])
    """

    def __init__(self, stype: str = "power", top_db: float | None = None) -> None:
        super().__init__()
        if top_db is not None and top_db < 0:
            raise ValueError("AmplitudeToDB: top_db must be positive")
        self.stype, self.top_db = stype, top_db
        self.multiplier = 10.0 if stype == "power" else 20.0
        self.amin, self.ref_value = 1e-10, 1.0
        self.db_multiplier = math.log10(max(self.amin, self.ref_value))

    def forward(self, x: Tensor) -> Tensor:
        """Decibels."""
        return F.amplitude_to_DB(x, self.multiplier, self.amin, self.db_multiplier, self.top_db)


class MelScale(Module):
    """(..., n_mels, frames) of a spectrogram (..., n_stft, frames).

    sample_rate: samples per second, in Hz. f_min: the lowest frequency, in Hz. f_max: the highest
    frequency, in Hz; None: half of sample_rate. norm: 'slaney' or None: divide each filter by its
    width. mel_scale: 'htk' or 'slaney'. Raises TypeError where n_mels or n_stft is of the wrong
    type; IndexError where n_stft is 0; RuntimeError where n_stft is negative or specgram holds
    integers, booleans or complex numbers.

    >>> torchaudio.transforms.MelScale(n_mels=8, n_stft=33)(torch.ones(1, 33, 3)).shape
    torch.Size([1, 8, 3])
    """

    fb: Tensor

    def __init__(
        self,
        n_mels: int = 128,
        sample_rate: int = 16000,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_stft: int = 201,
        norm: str | None = None,
        mel_scale: str = "htk",
    ) -> None:
        super().__init__()
        self.n_mels, self.sample_rate, self.f_min = n_mels, sample_rate, f_min
        self.f_max = float(sample_rate // 2) if f_max is None else f_max
        self.norm, self.mel_scale = norm, mel_scale
        if f_min > self.f_max:
            raise ValueError(f"MelScale: f_min ({f_min}) is above f_max ({self.f_max})")
        self.register_buffer(
            "fb", F.melscale_fbanks(n_stft, f_min, self.f_max, n_mels, sample_rate, norm, mel_scale)
        )

    def forward(self, specgram: Tensor) -> Tensor:
        """The mel spectrogram."""
        return (specgram.transpose(-1, -2) @ self.fb).transpose(-1, -2)


class InverseMelScale(MelScale):
    """The spectrogram (..., n_stft, frames) whose mel spectrogram is nearest to a given one.

    sample_rate: samples per second, in Hz. f_min: the lowest frequency, in Hz. f_max: the highest
    frequency, in Hz; None: half of sample_rate. norm: 'slaney' or None: divide each filter by its
    width. mel_scale: 'htk' or 'slaney'. driver: accepted. Raises TypeError where n_stft or n_mels
    is of the wrong type; IndexError where n_stft is 0; RuntimeError where n_stft or n_mels is
    negative or melspec holds integers, booleans or complex numbers.

    >>> torchaudio.transforms.InverseMelScale(n_stft=33, n_mels=8)(torch.ones(1, 8, 3)).shape
    torch.Size([1, 33, 3])
    """

    def __init__(
        self,
        n_stft: int,
        n_mels: int = 128,
        sample_rate: int = 16000,
        f_min: float = 0.0,
        f_max: float | None = None,
        norm: str | None = None,
        mel_scale: str = "htk",
        driver: str = "gels",
    ) -> None:
        super().__init__(n_mels, sample_rate, f_min, f_max, n_stft, norm, mel_scale)
        self.driver = driver

    def forward(self, melspec: Tensor) -> Tensor:
        """The spectrogram, not below 0."""
        flat = melspec.reshape(-1, *melspec.shape[-2:])
        found = T.resolve("linalg", "lstsq")(self.fb.t()[None], flat, driver=self.driver).solution
        return found.clamp(min=0.0).reshape(*melspec.shape[:-2], *found.shape[-2:])


class MelSpectrogram(Module):
    """(..., n_mels, frames) of a waveform (..., time): a spectrogram on the mel scale.

    sample_rate: samples per second, in Hz. n_fft: samples of a Fourier transform. win_length:
    samples of a window; None: n_fft. hop_length: samples between frames; None: half the window.
    f_min: the lowest frequency, in Hz. f_max: the highest frequency, in Hz; None: half of
    sample_rate. pad: zeros on both sides. window_fn: makes the window from its length. power: the
    exponent of magnitudes; None: complex numbers. normalized: divide by the norm of the window.
    wkwargs: further arguments of window_fn. center: frames lie around their times, with padding at
    the ends. pad_mode: how the ends are padded. onesided: leave out frequencies that real signals
    repeat. norm: 'slaney' or None: divide each filter by its width. mel_scale: 'htk' or 'slaney'.
    Raises TypeError where n_fft or n_mels is of the wrong type; RuntimeError where n_fft is
    negative or waveform holds integers, booleans or complex numbers.

    >>> torchaudio.transforms.MelSpectrogram(n_fft=64, n_mels=8)(torch.ones(1, 640)).shape
    torch.Size([1, 8, 21])
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        f_min: float = 0.0,
        f_max: float | None = None,
        pad: int = 0,
        n_mels: int = 128,
        window_fn: Window = hann,
        power: float = 2.0,
        normalized: bool = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool | None = None,
        norm: str | None = None,
        mel_scale: str = "htk",
    ) -> None:
        super().__init__()
        self.spectrogram = Spectrogram(
            n_fft, win_length, hop_length, pad, window_fn, power, normalized, wkwargs, center,
            pad_mode, True,
        )  # fmt: skip
        self.sample_rate, self.n_fft, self.n_mels = sample_rate, n_fft, n_mels
        self.win_length, self.hop_length = self.spectrogram.win_length, self.spectrogram.hop_length
        self.f_min, self.f_max, self.power = f_min, f_max, power
        self.mel_scale = MelScale(
            n_mels, sample_rate, f_min, f_max, n_fft // 2 + 1, norm, mel_scale
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """The mel spectrogram."""
        return self.mel_scale(self.spectrogram(waveform))


class Cepstrum(Module):
    """The cosine transform of the logarithm of a filtered spectrogram."""

    dct_mat: Tensor

    def transform(self, count: int, filters: int, dct_type: int, norm: str, log: bool) -> None:
        """Set what follows the filters."""
        if dct_type != 2:
            raise ValueError(f"dct_type: only 2, not {dct_type}")
        if count > filters:
            raise ValueError(f"cannot select more coefficients ({count}) than filters ({filters})")
        self.dct_type, self.norm, self.log = dct_type, norm, log
        self.amplitude_to_DB = AmplitudeToDB("power", 80.0)
        self.register_buffer("dct_mat", F.create_dct(count, filters, norm))

    def coefficients(self, filtered: Tensor) -> Tensor:
        """(..., coefficients, frames)."""
        logs = T.log(filtered + 1e-6) if self.log else self.amplitude_to_DB(filtered)
        return (logs.transpose(-1, -2) @ self.dct_mat).transpose(-1, -2)


class MFCC(Cepstrum):
    """Mel-frequency cepstral coefficients (..., n_mfcc, frames) of a waveform (..., time);
    log_mels: natural logarithms instead of decibels; melkwargs: for MelSpectrogram.

    sample_rate: samples per second, in Hz. dct_type: 2. norm: None or "ortho". Raises TypeError
    where n_mfcc is of the wrong type; IndexError where n_mfcc is 0; RuntimeError where n_mfcc is
    negative or waveform holds integers, booleans or complex numbers.

    >>> torchaudio.transforms.MFCC(n_mfcc=13)(torch.zeros(1, 800)).shape
    torch.Size([1, 13, 5])
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_mfcc: int = 40,
        dct_type: int = 2,
        norm: str = "ortho",
        log_mels: bool = False,
        melkwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.sample_rate, self.n_mfcc, self.log_mels = sample_rate, n_mfcc, log_mels
        self.MelSpectrogram = MelSpectrogram(sample_rate=sample_rate, **(melkwargs or {}))
        self.transform(n_mfcc, self.MelSpectrogram.n_mels, dct_type, norm, log_mels)

    def forward(self, waveform: Tensor) -> Tensor:
        """The coefficients."""
        return self.coefficients(self.MelSpectrogram(waveform))


class LFCC(Cepstrum):
    """Cepstral coefficients (..., n_lfcc, frames) of filters at equal distances in frequency.

    sample_rate: samples per second, in Hz. f_min: the lowest frequency, in Hz. f_max: the highest
    frequency, in Hz; None: half of sample_rate. norm: 'slaney' or None: divide each filter by its
    width. n_filter: how many filters. dct_type: 2. log_lf: natural logarithms instead of decibels.
    speckwargs: arguments of Spectrogram. Raises TypeError where n_lfcc is of the wrong type;
    IndexError where n_lfcc is 0; RuntimeError where n_lfcc is negative or waveform holds integers,
    booleans or complex numbers.

    >>> torchaudio.transforms.LFCC(n_lfcc=13)(torch.zeros(1, 800)).shape
    torch.Size([1, 13, 5])
    """

    filter_mat: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        n_filter: int = 128,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_lfcc: int = 40,
        dct_type: int = 2,
        norm: str = "ortho",
        log_lf: bool = False,
        speckwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.sample_rate, self.n_filter, self.n_lfcc, self.log_lf = (
            sample_rate, n_filter, n_lfcc, log_lf,
        )  # fmt: skip
        self.f_min, self.f_max = f_min, float(sample_rate // 2) if f_max is None else f_max
        self.Spectrogram = Spectrogram(**(speckwargs or {}))
        self.transform(n_lfcc, n_filter, dct_type, norm, log_lf)
        count = self.Spectrogram.n_fft // 2 + 1
        bank = F.linear_fbanks(count, f_min, self.f_max, n_filter, sample_rate)
        self.register_buffer("filter_mat", bank)

    def forward(self, waveform: Tensor) -> Tensor:
        """The coefficients."""
        found = self.Spectrogram(waveform).transpose(-1, -2) @ self.filter_mat
        return self.coefficients(found.transpose(-1, -2))


class TimeStretch(Module):
    """A complex spectrogram played faster or slower at its pitch; fixed_rate: how much faster.

    hop_length: samples between frames; None: half the window. n_freq: how many frequencies.
    complex_specgrams is of shape (..., n_freq, frames). Raises TypeError where n_freq or
    overriding_rate is of the wrong type; RuntimeError where n_freq or overriding_rate is negative.

    >>> spectrogram = torch.zeros(1, 9, 5, dtype=torch.complex64)
    >>> torchaudio.transforms.TimeStretch(n_freq=9)(spectrogram, 2.0).shape
    torch.Size([1, 9, 3])
    """

    phase_advance: Tensor

    def __init__(
        self, hop_length: int | None = None, n_freq: int = 201, fixed_rate: float | None = None
    ) -> None:
        super().__init__()
        self.fixed_rate = fixed_rate
        hop = n_freq - 1 if hop_length is None else hop_length
        self.register_buffer("phase_advance", T.linspace(0, math.pi * hop, n_freq)[..., None])

    def forward(self, complex_specgrams: Tensor, overriding_rate: float | None = None) -> Tensor:
        """The spectrogram with fewer or more frames."""
        rate = self.fixed_rate if overriding_rate is None else overriding_rate
        if rate is None:
            raise ValueError("TimeStretch: give fixed_rate, or overriding_rate")
        return F.phase_vocoder(complex_specgrams, rate, self.phase_advance)


class Masking(Module):
    """A random band of a spectrogram set to a value."""

    def __init__(self, mask_param: int, from_end: int, iid_masks: bool, p: float = 1.0) -> None:
        super().__init__()
        self.mask_param, self.from_end, self.iid_masks, self.p = mask_param, from_end, iid_masks, p

    def forward(self, specgram: Tensor, mask_value: float = 0.0) -> Tensor:
        """The spectrogram with the band masked."""
        masked = F.mask_along_axis_iid if self.iid_masks else F.mask_along_axis
        axis = specgram.ndim - self.from_end
        return masked(specgram, self.mask_param, mask_value, axis, self.p)


class FrequencyMasking(Masking):
    """Up to freq_mask_param neighbouring frequencies masked; iid_masks: anew for each example.

    specgram is of shape (..., frequencies, frames). Raises TypeError where freq_mask_param is of
    the wrong type; RuntimeError where freq_mask_param is a tensor of several numbers.

    >>> torchaudio.transforms.FrequencyMasking(2)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, freq_mask_param: int, iid_masks: bool = False) -> None:
        super().__init__(freq_mask_param, 2, iid_masks)


class TimeMasking(Masking):
    """Up to time_mask_param neighbouring frames masked, at most the share p of all.

    iid_masks: anew for each example. specgram is of shape (..., frequencies, frames). Raises
    TypeError where time_mask_param is of the wrong type; RuntimeError where time_mask_param is a
    tensor of several numbers.

    >>> torchaudio.transforms.TimeMasking(2)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, time_mask_param: int, iid_masks: bool = False, p: float = 1.0) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"TimeMasking: p must be in [0, 1], not {p}")
        super().__init__(time_mask_param, 1, iid_masks, p)


class SpecAugment(Module):
    """Several masks in time, then several in frequency (Park et al., 2019); zero_masking: with 0
    instead of the mean.

    n_time_masks: how many masks in time. time_mask_param: their largest width, in frames.
    n_freq_masks: how many masks in frequency. freq_mask_param: their largest width. iid_masks: anew
    for each example. p: the largest share that is masked. specgram is of shape (..., frequencies,
    frames). Raises TypeError where n_time_masks, time_mask_param, n_freq_masks or freq_mask_param
    is of the wrong type; RuntimeError where specgram holds integers or booleans.

    >>> torchaudio.transforms.SpecAugment(1, 2, 1, 2)(torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(
        self,
        n_time_masks: int,
        time_mask_param: int,
        n_freq_masks: int,
        freq_mask_param: int,
        iid_masks: bool = True,
        p: float = 1.0,
        zero_masking: bool = False,
    ) -> None:
        super().__init__()
        self.n_time_masks, self.time_mask_param = n_time_masks, time_mask_param
        self.n_freq_masks, self.freq_mask_param = n_freq_masks, freq_mask_param
        self.iid_masks, self.p, self.zero_masking = iid_masks, p, zero_masking

    def forward(self, specgram: Tensor) -> Tensor:
        """The masked spectrogram."""
        value = 0.0 if self.zero_masking else specgram.mean().item()
        dims = specgram.ndim
        iid = self.iid_masks and dims > 2
        masked = F.mask_along_axis_iid if iid else F.mask_along_axis
        for _ in range(self.n_time_masks):
            specgram = masked(specgram, self.time_mask_param, value, dims - 1, p=self.p)
        for _ in range(self.n_freq_masks):
            specgram = masked(specgram, self.freq_mask_param, value, dims - 2, p=self.p)
        return specgram


class ComputeDeltas(Module):
    """Slopes over win_length frames.

    mode: of the edges: see nn.functional.pad; of convolutions: "full", "valid" or "same".

    specgram is of shape (..., frequencies, frames). Raises NotImplementedError where specgram holds
    booleans or complex numbers.

    >>> torchaudio.transforms.ComputeDeltas()(torch.zeros(1, 1, 6)).shape
    torch.Size([1, 1, 6])
    """

    def __init__(self, win_length: int = 5, mode: str = "replicate") -> None:
        super().__init__()
        self.win_length, self.mode = win_length, mode

    def forward(self, specgram: Tensor) -> Tensor:
        """The slopes."""
        return F.compute_deltas(specgram, self.win_length, self.mode)


class SpectralCentroid(Framed):
    """The mean frequency of each frame in Hz.

    sample_rate: samples per second, in Hz. n_fft: samples of a Fourier transform. win_length:
    samples of a window; None: n_fft. hop_length: samples between frames; None: half the window.
    pad: zeros on both sides. window_fn: makes the window from its length. wkwargs: further
    arguments of window_fn.

    Raises TypeError where sample_rate is of the wrong type; RuntimeError where waveform holds
    integers, booleans or complex numbers.

    >>> sound = torch.sin(torch.arange(800.0)).unsqueeze(0)
    >>> torchaudio.transforms.SpectralCentroid(16000)(sound).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        sample_rate: int,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: Window = hann,
        wkwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.frames(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.sample_rate, self.pad = sample_rate, pad

    def forward(self, waveform: Tensor) -> Tensor:
        """(..., frames)."""
        return F.spectral_centroid(
            waveform, self.sample_rate, self.pad, self.window, self.n_fft, self.hop_length,
            self.win_length,
        )  # fmt: skip
