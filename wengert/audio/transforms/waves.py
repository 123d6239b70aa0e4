"""What is done to waveforms as modules: rates, loudness, noise, codes."""

from __future__ import annotations

import math
from typing import Any

from ...api import functions as T
from ...base import dtypes
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import Module
from .. import functional as F
from ..functional.filtering import resampled, resampling_kernel

__all__ = [
    "AddNoise", "Convolve", "Deemphasis", "FFTConvolve", "Fade", "MuLawDecoding", "MuLawEncoding",
    "Preemphasis", "Resample", "Vol",
]  # fmt: skip


class Resample(Module):
    """A waveform (..., time) at another rate.

    orig_freq: samples per second before. new_freq: samples per second after. resampling_method:
    "sinc_interp_hann" or "sinc_interp_kaiser". lowpass_filter_width: zero crossings of the sinc.
    rolloff: where the filter ends, as a part of half the rate. beta: the shape of the Kaiser
    window. dtype: of the weights.

    Raises ValueError where orig_freq or new_freq is of the wrong type; RuntimeError where orig_freq
    or new_freq is negative or waveform holds integers, booleans or complex numbers.

    >>> torchaudio.transforms.Resample(16000, 8000)(torch.zeros(1, 16)).shape
    torch.Size([1, 8])
    """

    kernel: Tensor

    @clear_errors
    def __init__(
        self,
        orig_freq: int = 16000,
        new_freq: int = 16000,
        resampling_method: str = "sinc_interp_hann",
        lowpass_filter_width: int = 6,
        rolloff: float = 0.99,
        beta: float | None = None,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.orig_freq, self.new_freq = orig_freq, new_freq
        common = math.gcd(int(orig_freq), int(new_freq))
        self.steps = int(orig_freq) // common, int(new_freq) // common
        if orig_freq != new_freq:
            kernel, self.width = resampling_kernel(
                *self.steps, lowpass_filter_width, rolloff, resampling_method, beta,
                {"dtype": dtype or dtypes.float64},
            )  # fmt: skip
            self.register_buffer("kernel", kernel if dtype else kernel.to(dtypes.float32))

    def forward(self, waveform: Tensor) -> Tensor:
        """The waveform at the new rate."""
        if self.orig_freq == self.new_freq:
            return waveform
        return resampled(waveform, *self.steps, self.kernel, self.width)


class MuLawEncoding(Module):
    """Mu-law numbers of a signal.

    quantization_channels: how many values there are. x has any shape.

    >>> torchaudio.transforms.MuLawEncoding()(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([  0, 128, 255])
    """

    def __init__(self, quantization_channels: int = 256) -> None:
        super().__init__()
        self.quantization_channels = quantization_channels

    def forward(self, x: Tensor) -> Tensor:
        """The numbers."""
        return F.mu_law_encoding(x, self.quantization_channels)


class MuLawDecoding(MuLawEncoding):
    """The signal of mu-law numbers.

    quantization_channels: how many values there are. x_mu has any shape.

    >>> torchaudio.transforms.MuLawDecoding()(torch.tensor([0, 255]))
    tensor([-1.,  1.])
    """

    def forward(self, x_mu: Tensor) -> Tensor:
        """The signal."""
        return F.mu_law_decoding(x_mu, self.quantization_channels)


class Fade(Module):
    """A waveform that begins and ends softly; fade_shape: "linear", "exponential", "logarithmic",
    "quarter_sine" or "half_sine".

    fade_in_len: samples at the beginning. fade_out_len: samples at the end.

    waveform is of shape (..., time). Raises TypeError where fade_in_len, fade_out_len or length is
    of the wrong type; IndexError where waveform has a shape that does not fit; RuntimeError where
    fade_in_len, fade_out_len or length is negative or device is unknown or device is of the wrong
    type.

    >>> fade = torchaudio.transforms.Fade(2, 2)
    >>> fade(torch.ones(4)), fade.rising(4, "cpu").shape, fade.falling(4, "cpu").shape
    (tensor([0., 1., 1., 0.]), torch.Size([4]), torch.Size([4]))
    """

    def __init__(
        self, fade_in_len: int = 0, fade_out_len: int = 0, fade_shape: str = "linear"
    ) -> None:
        super().__init__()
        self.fade_in_len, self.fade_out_len, self.fade_shape = fade_in_len, fade_out_len, fade_shape

    def rising(self, length: int, device: Any) -> Tensor:
        """What the first samples are multiplied with.

        length: of the result, in samples. device: of the result.

        Raises TypeError where length is of the wrong type; RuntimeError where length is negative or
        device is unknown or device is of the wrong type.
        """
        up = T.linspace(0, 1, length, device=device)
        if self.fade_shape == "exponential":
            return T.pow(2, up - 1) * up
        if self.fade_shape == "logarithmic":
            return T.log10(0.1 + up) + 1
        if self.fade_shape == "quarter_sine":
            return T.sin(up * math.pi / 2)
        if self.fade_shape == "half_sine":
            return T.sin(up * math.pi - math.pi / 2) / 2 + 0.5
        return up

    def falling(self, length: int, device: Any) -> Tensor:
        """What the last samples are multiplied with.

        length: of the result, in samples. device: of the result.

        Raises TypeError where length is of the wrong type; RuntimeError where length is negative or
        device is unknown or device is of the wrong type.
        """
        up = T.linspace(0, 1, length, device=device)
        if self.fade_shape == "exponential":
            return T.pow(2, -up) * (1 - up)
        if self.fade_shape == "logarithmic":
            return T.log10(1.1 - up) + 1
        if self.fade_shape == "quarter_sine":
            return T.sin(up * math.pi / 2 + math.pi / 2)
        if self.fade_shape == "half_sine":
            return T.sin(up * math.pi + math.pi / 2) / 2 + 0.5
        return 1 - up

    def forward(self, waveform: Tensor) -> Tensor:
        """The waveform, softened."""
        length, device = waveform.shape[-1], waveform.device
        ones = T.ones(length - self.fade_in_len, device=device)
        begin = T.cat([self.rising(self.fade_in_len, device), ones]).clamp(0, 1)
        ones = T.ones(length - self.fade_out_len, device=device)
        end = T.cat([ones, self.falling(self.fade_out_len, device)]).clamp(0, 1)
        return begin * end * waveform


class Vol(Module):
    """Louder by a factor (gain_type "amplitude"), a factor of power ("power") or decibels ("db"),
    limited to [-1, 1].

    gain: how much louder.

    waveform is of shape (..., time). Raises TypeError where gain is of the wrong type or waveform
    is no tensor; ValueError where gain is negative; NotImplementedError where waveform holds
    complex numbers; RuntimeError where gain is a tensor of several numbers.

    >>> torchaudio.transforms.Vol(0.5)(torch.tensor([0.4]))
    tensor([0.2000])
    """

    def __init__(self, gain: float, gain_type: str = "amplitude") -> None:
        super().__init__()
        if gain_type in ("amplitude", "power") and gain < 0:
            raise ValueError("Vol: gain must be positive, or gain_type 'db'")
        self.gain, self.gain_type = gain, gain_type

    def forward(self, waveform: Tensor) -> Tensor:
        """The waveform, louder."""
        if self.gain_type == "amplitude":
            waveform = waveform * self.gain
        elif self.gain_type == "db":
            waveform = F.gain(waveform, self.gain)
        elif self.gain_type == "power":
            waveform = F.gain(waveform, 10 * math.log10(self.gain))
        return waveform.clamp(-1, 1)


class Preemphasis(Module):
    """x[n] - coeff x[n-1].

    waveform is of shape (..., time). Raises TypeError where coeff is of the wrong type or waveform
    is no tensor; IndexError where waveform has a shape that does not fit; RuntimeError where
    waveform holds booleans.

    >>> torchaudio.transforms.Preemphasis(0.5)(torch.tensor([1.0, 1.0]))
    tensor([1.0000, 0.5000])
    """

    def __init__(self, coeff: float = 0.97) -> None:
        super().__init__()
        self.coeff = coeff

    def forward(self, waveform: Tensor) -> Tensor:
        """The waveform with its high frequencies louder."""
        return F.preemphasis(waveform, self.coeff)


class Deemphasis(Preemphasis):
    """What Preemphasis made undone.

    waveform is of shape (..., time). Raises TypeError where coeff is of the wrong type; IndexError
    where waveform has a shape that does not fit; RuntimeError where waveform holds integers or
    booleans; ValueError where coeff is a tensor of several numbers.

    >>> torchaudio.transforms.Deemphasis(0.5)(torch.tensor([1.0, 0.0]))
    tensor([1.0000, 0.5000])
    """

    def forward(self, waveform: Tensor) -> Tensor:
        """The waveform as it was."""
        return F.deemphasis(waveform, self.coeff)


class Convolve(Module):
    """Convolution along the last dimension; mode "full", "valid" or "same".

    x and y are of shape (..., time). Raises IndexError where x or y has a shape that does not fit;
    RuntimeError where x or y holds integers, booleans or complex numbers.

    >>> torchaudio.transforms.Convolve()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([1., 3., 2.])
    """

    def __init__(self, mode: str = "full") -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The convolution."""
        return F.convolve(x, y, self.mode)


class FFTConvolve(Convolve):
    """The same by Fourier transforms.

    x and y are of shape (..., time). Raises IndexError where x or y has a shape that does not fit;
    RuntimeError where x or y holds complex numbers.

    >>> torchaudio.transforms.FFTConvolve()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([1., 3., 2.])
    """

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The convolution."""
        return F.fftconvolve(x, y, self.mode)


class AddNoise(Module):
    """Noise at a ratio of energies.

    waveform and noise are of shape (..., time), snr of shape (...). Raises TypeError where snr is
    no tensor; RuntimeError where waveform or noise has a shape that does not fit, waveform or noise
    holds integers or booleans or snr holds booleans.

    >>> torchaudio.transforms.AddNoise()(torch.ones(4), torch.ones(4), torch.tensor(0.0))
    tensor([2., 2., 2., 2.])
    """

    def forward(
        self, waveform: Tensor, noise: Tensor, snr: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """The waveform with noise."""
        return F.add_noise(waveform, noise, snr, lengths)
