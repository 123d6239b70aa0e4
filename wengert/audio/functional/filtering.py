"""Filters over time: recursive ones, their usual coefficients, convolution, resampling.

Coefficients: R. Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from ...api import functions as T
from ...autodiff.function import Function
from ...base import dtypes
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn import functional as F

__all__ = [
    "allpass_biquad", "band_biquad", "bandpass_biquad", "bandreject_biquad", "bass_biquad",
    "biquad", "convolve", "deemphasis", "equalizer_biquad", "fftconvolve", "filtfilt", "gain",
    "highpass_biquad", "lfilter", "lowpass_biquad", "preemphasis", "resample", "treble_biquad",
]  # fmt: skip


class Recursion(Function):
    """y[n] = x[n] - a[1] y[n-1] - a[2] y[n-2] - ..., for each row of x; a (rows, order + 1)
    begins with 1."""

    @staticmethod
    def run(x: Tensor, a: Tensor) -> Tensor:
        """The recursion by SciPy."""
        signal = importlib.import_module("scipy.signal")
        rows, coefficients = x.detach().cpu().numpy(), a.detach().cpu().numpy()
        found = T.empty_like(x)
        for i, row in enumerate(rows):
            found[i] = T.from_numpy(signal.lfilter([1.0], coefficients[i], row))
        return found

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor) -> Tensor:
        y = Recursion.run(x, a)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        a, y = ctx.saved_tensors
        gx = lfilter_rows(g.flip(-1), a).flip(-1)
        padded = F.pad(y, (a.shape[1] - 1, 0))
        shifted = [padded[:, a.shape[1] - 1 - k : padded.shape[1] - k] for k in range(a.shape[1])]
        return gx, T.stack([-(gx * s).sum(-1) for s in shifted], dim=1)


def lfilter_rows(x: Tensor, a: Tensor) -> Tensor:
    """The recursion of each row."""
    return Recursion.apply(x, a)


@clear_errors
def lfilter(
    waveform: Tensor, a_coeffs: Tensor, b_coeffs: Tensor, clamp: bool = True, batching: bool = True
) -> Tensor:
    """A recursive filter: sum of a[k] y[n-k] is the sum of b[k] x[n-k]; differentiable.

    waveform: (..., time); a_coeffs, b_coeffs: (order + 1,), or (filters, order + 1): with batching
    one for each of waveform's channels (..., filters, time), else all for each. clamp: the result
    is limited to [-1, 1].

    Raises ValueError where a_coeffs or b_coeffs has a shape that does not fit; RuntimeError where
    waveform holds integers, booleans or complex numbers or a_coeffs or b_coeffs holds complex
    numbers; TypeError where waveform, a_coeffs or b_coeffs is no tensor.

    >>> x = torch.tensor([[1.0, 0.0, 0.0]])
    >>> lfilter(x, torch.tensor([1.0, -0.5]), torch.tensor([1.0, 0.0]))
    tensor([[1.0000, 0.5000, 0.2500]])
    """
    if a_coeffs.shape != b_coeffs.shape or a_coeffs.ndim > 2:
        raise ValueError(
            "lfilter: a_coeffs and b_coeffs need one shape, (order + 1,) or (filters, order + 1), "
            f"not {list(a_coeffs.shape)} and {list(b_coeffs.shape)}"
        )
    if a_coeffs.ndim == 2 and not batching:
        waveform = T.stack([waveform] * a_coeffs.shape[0], -2)
    a, b = (c if c.ndim == 2 else c[None] for c in (a_coeffs, b_coeffs))
    if a_coeffs.ndim == 2 and (waveform.ndim < 2 or waveform.shape[-2] != a.shape[0]):
        raise ValueError(
            f"lfilter: {a.shape[0]} filters need as many channels, not {list(waveform.shape)}"
        )
    shape, filters = waveform.shape, a.shape[0]
    x = waveform.reshape(-1, filters, shape[-1])
    b, a = b / a[:, :1], a / a[:, :1]
    direct = F.conv1d(F.pad(x, (b.shape[1] - 1, 0)), b.flip(1)[:, None], groups=filters)
    rows = direct.reshape(-1, shape[-1])
    y = lfilter_rows(rows, a.repeat(rows.shape[0] // filters, 1)).reshape(shape)
    return y.clamp(-1.0, 1.0) if clamp else y


@clear_errors
def filtfilt(waveform: Tensor, a_coeffs: Tensor, b_coeffs: Tensor, clamp: bool = True) -> Tensor:
    """The filter forward and backward in time, which moves no phase.

    waveform: samples (..., time). a_coeffs: of the outputs, from the newest. b_coeffs: of the
    inputs, from the newest. clamp: limit the result to [-1, 1].

    Raises ValueError where a_coeffs or b_coeffs has a shape that does not fit; IndexError where
    waveform has a shape that does not fit; RuntimeError where waveform holds integers, booleans or
    complex numbers or a_coeffs or b_coeffs holds complex numbers; TypeError where waveform,
    a_coeffs or b_coeffs is no tensor.

    >>> one = torch.tensor([1.0, 0.0])
    >>> torchaudio.functional.filtfilt(torch.tensor([0.1, 0.2]), one, one)
    tensor([0.1000, 0.2000])
    """
    forward = lfilter(waveform, a_coeffs, b_coeffs, clamp=False)
    return lfilter(forward.flip(-1), a_coeffs, b_coeffs, clamp=clamp).flip(-1)


@clear_errors
def biquad(waveform: Tensor, b0: Any, b1: Any, b2: Any, a0: Any, a1: Any, a2: Any) -> Tensor:
    """A recursive filter of order two.

    waveform: samples (..., time). b0: a factor of x[n]. b1: a factor of x[n-1]. b2: a factor of
    x[n-2]. a0: divides all. a1: a factor of y[n-1]. a2: a factor of y[n-2].

    Raises ValueError where b0, b1, b2 or a0 is of the wrong type; IndexError where waveform has a
    shape that does not fit; RuntimeError where waveform holds integers or booleans;
    NotImplementedError where waveform holds complex numbers; TypeError where waveform is no tensor
    or b0, b1, b2, a0, a1 or a2 is of the wrong type.

    >>> torchaudio.functional.biquad(torch.tensor([0.1, 0.2]), 0.5, 0.0, 0.0, 1.0, 0.0, 0.0)
    tensor([0.0500, 0.1000])
    """
    made = []
    for values in ((a0, a1, a2), (b0, b1, b2)):
        parts = [v if isinstance(v, Tensor) else T.tensor(float(v)) for v in values]
        made.append(T.stack([p.to(waveform.device, waveform.dtype).reshape(()) for p in parts]))
    return lfilter(waveform, *made)


def angle(sample_rate: int, frequency: Any, Q: Any) -> tuple[Any, Any]:
    """The cosine of a frequency's angle, and its sine by twice the quality."""
    w = 2 * math.pi * frequency / sample_rate
    if isinstance(w, Tensor):
        return w.cos(), w.sin() / 2 / Q
    return math.cos(w), math.sin(w) / 2 / Q


@clear_errors
def lowpass_biquad(
    waveform: Tensor, sample_rate: int, cutoff_freq: float, Q: float = 0.707
) -> Tensor:
    """What lies below a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. cutoff_freq: in Hz.
    Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or cutoff_freq is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.lowpass_biquad(torch.zeros(1, 8), 16000, 1000.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, cutoff_freq, Q)
    return biquad(waveform, (1 - c) / 2, 1 - c, (1 - c) / 2, 1 + alpha, -2 * c, 1 - alpha)


@clear_errors
def highpass_biquad(
    waveform: Tensor, sample_rate: int, cutoff_freq: float, Q: float = 0.707
) -> Tensor:
    """What lies above a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. cutoff_freq: in Hz.
    Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or cutoff_freq is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.highpass_biquad(torch.zeros(1, 8), 16000, 1000.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, cutoff_freq, Q)
    return biquad(waveform, (1 + c) / 2, -1 - c, (1 + c) / 2, 1 + alpha, -2 * c, 1 - alpha)


@clear_errors
def allpass_biquad(
    waveform: Tensor, sample_rate: int, central_freq: float, Q: float = 0.707
) -> Tensor:
    """All frequencies, their phases turned around a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. central_freq: the
    centre, in Hz. Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or central_freq is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.allpass_biquad(torch.zeros(1, 8), 16000, 1000.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, central_freq, Q)
    return biquad(waveform, 1 - alpha, -2 * c, 1 + alpha, 1 + alpha, -2 * c, 1 - alpha)


@clear_errors
def bandpass_biquad(
    waveform: Tensor,
    sample_rate: int,
    central_freq: float,
    Q: float = 0.707,
    const_skirt_gain: bool = False,
) -> Tensor:
    """What lies around a frequency; const_skirt_gain: the peak is Q instead of 1.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. central_freq: the
    centre, in Hz.

    Raises TypeError where sample_rate or central_freq is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.bandpass_biquad(torch.zeros(1, 8), 16000, 1000.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, central_freq, Q)
    peak = alpha * Q if const_skirt_gain else alpha
    return biquad(waveform, peak, 0.0, -peak, 1 + alpha, -2 * c, 1 - alpha)


@clear_errors
def bandreject_biquad(
    waveform: Tensor, sample_rate: int, central_freq: float, Q: float = 0.707
) -> Tensor:
    """What does not lie around a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. central_freq: the
    centre, in Hz. Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or central_freq is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.bandreject_biquad(torch.zeros(1, 8), 16000, 1000.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, central_freq, Q)
    return biquad(waveform, 1.0, -2 * c, 1.0, 1 + alpha, -2 * c, 1 - alpha)


@clear_errors
def band_biquad(
    waveform: Tensor, sample_rate: int, central_freq: float, Q: float = 0.707, noise: bool = False
) -> Tensor:
    """What lies around a frequency, as SoX's `band` has it; noise: for sounds without pitch.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. central_freq: the
    centre, in Hz. Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or central_freq is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers;
    ValueError where sample_rate or central_freq is a tensor of several numbers.

    >>> torchaudio.functional.band_biquad(torch.zeros(1, 8), 16000, 1000.0).shape
    torch.Size([1, 8])
    """
    c = math.cos(2 * math.pi * central_freq / sample_rate)
    a2 = math.exp(-2 * math.pi * central_freq / Q / sample_rate)
    a1 = -4 * a2 / (1 + a2) * c
    b0 = math.sqrt(1 - a1 * a1 / (4 * a2)) * (1 - a2)
    if noise:
        b0 = math.sqrt(((1 + a2) ** 2 - a1 * a1) * (1 - a2) / (1 + a2))
    return biquad(waveform, b0, 0.0, 0.0, 1.0, a1, a2)


@clear_errors
def equalizer_biquad(
    waveform: Tensor, sample_rate: int, center_freq: float, gain: float, Q: float = 0.707
) -> Tensor:
    """Louder or softer by gain decibels around a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. Q: the quality factor:
    centre by width. center_freq: the centre, in Hz.

    Raises TypeError where sample_rate, center_freq or gain is of the wrong type; RuntimeError where
    waveform holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.equalizer_biquad(torch.zeros(1, 8), 16000, 1000.0, gain=3.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, center_freq, Q)
    root = 10 ** (gain / 40)
    return biquad(
        waveform, 1 + alpha * root, -2 * c, 1 - alpha * root, 1 + alpha / root, -2 * c,
        1 - alpha / root,
    )  # fmt: skip


def shelf(waveform: Tensor, c: float, alpha: float, gain: float, sign: int) -> Tensor:
    """Louder or softer by gain decibels on one side of the frequency whose cosine is sign * c:
    below it with sign 1, above it with sign -1."""
    root = 10 ** (gain / 40)
    t1, t2, t3 = 2 * root**0.5 * alpha, (root - 1) * c, (root + 1) * c
    return biquad(
        waveform,
        root * (root + 1 - t2 + t1), sign * 2 * root * (root - 1 - t3), root * (root + 1 - t2 - t1),
        root + 1 + t2 + t1, sign * -2 * (root - 1 + t3), root + 1 + t2 - t1,
    )  # fmt: skip


@clear_errors
def bass_biquad(
    waveform: Tensor, sample_rate: int, gain: float, central_freq: float = 100, Q: float = 0.707
) -> Tensor:
    """Louder or softer by gain decibels below a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. central_freq: the
    centre, in Hz. Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or gain is of the wrong type; RuntimeError where waveform
    holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.bass_biquad(torch.zeros(1, 8), 16000, gain=3.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, central_freq, Q)
    return shelf(waveform, c, alpha, gain, 1)


@clear_errors
def treble_biquad(
    waveform: Tensor, sample_rate: int, gain: float, central_freq: float = 3000, Q: float = 0.707
) -> Tensor:
    """Louder or softer by gain decibels above a frequency.

    waveform: samples (..., time). sample_rate: samples per second, in Hz. central_freq: the
    centre, in Hz. Q: the quality factor: centre by width.

    Raises TypeError where sample_rate or gain is of the wrong type; RuntimeError where waveform
    holds integers or booleans; NotImplementedError where waveform holds complex numbers.

    >>> torchaudio.functional.treble_biquad(torch.zeros(1, 8), 16000, gain=3.0).shape
    torch.Size([1, 8])
    """
    c, alpha = angle(sample_rate, central_freq, Q)
    return shelf(waveform, -c, alpha, gain, -1)


def gain(waveform: Tensor, gain_db: float = 1.0) -> Tensor:
    """Louder by decibels.

    waveform: samples (..., time). gain_db: how much louder, in decibels.

    Raises TypeError where waveform is no tensor or gain_db is of the wrong type; RuntimeError where
    gain_db is a tensor of several numbers.

    >>> torchaudio.functional.gain(torch.tensor([0.1]), gain_db=20.0)
    tensor([1.])
    """
    return waveform if gain_db == 0 else waveform * 10 ** (gain_db / 20)


def preemphasis(waveform: Tensor, coeff: float = 0.97) -> Tensor:
    """x[n] - coeff x[n-1] along the last dimension.

    waveform: samples (..., time).

    Raises TypeError where waveform is no tensor or coeff is of the wrong type; IndexError where
    waveform has a shape that does not fit; RuntimeError where waveform holds booleans.

    >>> torchaudio.functional.preemphasis(torch.tensor([1.0, 1.0]), coeff=0.5)
    tensor([1.0000, 0.5000])
    """
    return T.cat([waveform[..., :1], waveform[..., 1:] - coeff * waveform[..., :-1]], dim=-1)


@clear_errors
def deemphasis(waveform: Tensor, coeff: float = 0.97) -> Tensor:
    """What preemphasis came from.

    waveform: samples (..., time). coeff: the factor.

    Raises TypeError where coeff is of the wrong type; IndexError where waveform has a shape that
    does not fit; RuntimeError where waveform holds integers or booleans; ValueError where coeff is
    a tensor of several numbers.

    >>> torchaudio.functional.deemphasis(torch.tensor([1.0, 0.0]), coeff=0.5)
    tensor([1.0000, 0.5000])
    """
    a = T.tensor([1.0, -coeff], dtype=waveform.dtype, device=waveform.device)
    return lfilter(waveform, a, T.tensor([1.0, 0.0], dtype=a.dtype, device=a.device), clamp=False)


def cut(full: Tensor, n: int, m: int, mode: str) -> Tensor:
    """The part of a full convolution of lengths n and m that a mode keeps."""
    sizes = {"full": full.shape[-1], "valid": max(n, m) - min(n, m) + 1, "same": n}
    if mode not in sizes:
        raise ValueError(f"mode: 'full', 'valid' or 'same', not {mode!r}")
    start = (full.shape[-1] - sizes[mode]) // 2
    return full[..., start : start + sizes[mode]]


@clear_errors
def fftconvolve(x: Tensor, y: Tensor, mode: str = "full") -> Tensor:
    """Convolution along the last dimension by Fourier transforms; the other dimensions broadcast.

    mode: "full", "valid" (where both overlap wholly) or "same" (as long as x). y: a tensor.

    Raises IndexError where x or y has a shape that does not fit; RuntimeError where x or y holds
    complex numbers; TypeError where x or y is no tensor.

    >>> torchaudio.functional.fftconvolve(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([1., 3., 2.])
    """
    rfft, irfft = T.resolve("fft", "rfft"), T.resolve("fft", "irfft")
    n = x.shape[-1] + y.shape[-1] - 1
    product = rfft(x, n=n) * rfft(y, n=n)
    return cut(irfft(product, n=n), x.shape[-1], y.shape[-1], mode)


@clear_errors
def convolve(x: Tensor, y: Tensor, mode: str = "full") -> Tensor:
    """Convolution along the last dimension, summed directly; the other dimensions broadcast.

    x: a tensor. y: a tensor. mode: of the edges: see nn.functional.pad; of convolutions: "full",
    "valid" or "same".

    Raises IndexError where x or y has a shape that does not fit; RuntimeError where x or y holds
    integers, booleans or complex numbers; TypeError where x or y is no tensor.

    >>> torchaudio.functional.convolve(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([1., 3., 2.])
    """
    n, m = x.shape[-1], y.shape[-1]
    lead = T.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    x, y = x.expand(*lead, n), y.expand(*lead, m)
    rows = x.reshape(1, -1, n)
    kernels = y.reshape(-1, 1, m).flip(-1)
    full = F.conv1d(rows, kernels, groups=rows.shape[1], padding=m - 1)
    return cut(full.reshape(*lead, n + m - 1), n, m, mode)


def resampling_kernel(
    orig: int, new: int, width: int, rolloff: float, method: str, beta: float | None, options: Any
) -> tuple[Tensor, int]:
    """(new, 1, taps): a windowed sinc for each phase of the new rate, and how far it reaches."""
    if method not in ("sinc_interp_hann", "sinc_interp_kaiser"):
        raise ValueError(f"resampling_method: sinc_interp_hann or sinc_interp_kaiser, not {method}")
    base = min(orig, new) * rolloff
    reach = math.ceil(width * orig / base)
    taps = T.arange(-reach, reach + orig, **options)[None, None] / orig
    t = T.arange(0, -new, -1, **options)[:, None, None] / new + taps
    t = (t * base).clamp(-width, width)
    if method == "sinc_interp_hann":
        window = T.cos(t * math.pi / width / 2) ** 2
    else:
        beta_ = T.tensor(14.769656459379492 if beta is None else float(beta))
        window = T.i0(beta_ * T.sqrt(1 - (t / width) ** 2)) / T.i0(beta_)
    t = t * math.pi
    sinc = T.where(t == 0, T.ones_like(t), t.sin() / t)
    return sinc * window * (base / orig), reach


def resampled(waveform: Tensor, orig: int, new: int, kernel: Tensor, reach: int) -> Tensor:
    """The waveform at the new rate."""
    shape = waveform.shape
    rows = F.pad(waveform.reshape(-1, shape[-1]), (reach, reach + orig))
    found = F.conv1d(rows[:, None], kernel, stride=orig)
    found = found.transpose(1, 2).reshape(rows.shape[0], -1)
    length = -(-new * shape[-1] // orig)
    return found[:, :length].reshape(*shape[:-1], length)


@clear_errors
def resample(
    waveform: Tensor,
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int = 6,
    rolloff: float = 0.99,
    resampling_method: str = "sinc_interp_hann",
    beta: float | None = None,
) -> Tensor:
    """waveform (..., time) at another rate, by interpolation with a windowed sinc (J. O. Smith,
    Digital audio resampling).

    lowpass_filter_width: zero crossings of the window; rolloff: the highest frequency that stays,
    as a share of the lower rate's.

    orig_freq: samples per second before. new_freq: samples per second after. resampling_method:
    "sinc_interp_hann" or "sinc_interp_kaiser". beta: the shape of the Kaiser window.

    Raises TypeError where orig_freq or new_freq is of the wrong type; ValueError where orig_freq or
    new_freq is below 1; NotImplementedError where waveform holds booleans or complex numbers;
    RuntimeError where orig_freq or new_freq is a tensor of several numbers.

    >>> resample(torch.ones(1, 100), 16000, 8000).shape
    torch.Size([1, 50])
    """
    if orig_freq <= 0 or new_freq <= 0:
        raise ValueError("resample: rates must be positive")
    if orig_freq == new_freq:
        return waveform
    common = math.gcd(int(orig_freq), int(new_freq))
    orig, new = int(orig_freq) // common, int(new_freq) // common
    options = {"dtype": waveform.dtype, "device": waveform.device}
    kernel, reach = resampling_kernel(
        orig, new, lowpass_filter_width, rolloff, resampling_method, beta, options
    )
    return resampled(waveform, orig, new, kernel.to(dtypes.float64).to(waveform.dtype), reach)
