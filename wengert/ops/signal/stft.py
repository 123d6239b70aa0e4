"""Short-time Fourier transforms: stft and its inverse."""

from __future__ import annotations

from typing import Any

from ...base.advice import advise
from ...declare.registry import function, public
from ...engine.tensor import Tensor
from ..linalg.matrix import check_tensor
from ..math.complex import view_as_real
from ..shape.unfold import unfold, unfold_input
from .fft import fft, ifft, irfft, rfft


def reflected(x: Tensor, n: int) -> Tensor:
    """x (b, t) with n mirrored elements on either side."""
    t = x._a.shape[-1]
    if n >= t:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({n}, {n}) at "
            f"dimension 2 of input {list(x.shape)}"
        )
    if n == 0:
        return x
    return function("cat")([x[:, 1 : n + 1].flip(-1), x, x[:, t - n - 1 : t - 1].flip(-1)], -1)


def padded(x: Tensor, n: int, mode: str) -> Tensor:
    """x (b, t) with n elements added on either side."""
    if mode == "reflect":
        return reflected(x, n)
    if mode == "constant":
        zeros = x.new_zeros((*x.shape[:-1], n))
        return function("cat")([zeros, x, zeros], -1)
    t = x._a.shape[-1]
    if mode == "replicate":
        ends = [x[:, :1].expand(x.shape[0], n), x[:, t - 1 :].expand(x.shape[0], n)]
    elif mode == "circular":
        if n > t:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        ends = [x[:, t - n :], x[:, :n]]
    else:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return function("cat")([ends[0], x, ends[1]], -1)


def framed_window(name: str, window: Any, win_length: int, n_fft: int, like: Tensor) -> Tensor:
    """The window centred in n_fft points."""
    if window is None:
        window = like.new_ones(win_length, dtype=like.dtype.to_real())
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    return function("cat")(
        [window.new_zeros(left), window, window.new_zeros(n_fft - win_length - left)]
    )


def _check_window(name: str, window: Any, win_length: int) -> None:
    if window is not None and (window._a.ndim != 1 or window._a.shape[0] != win_length):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but "
            "got window with size "
            f"{list(window.shape)}"
        )


NO_WINDOW = (
    "A window was not provided. A rectangular window will be applied, which is known to cause"
    " spectral leakage."
)


@public(
    "stft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, "
    "Tensor? window=None, bool center=True, str pad_mode='reflect', "
    "bool normalized=False, bool? onesided=None, bool? return_complex=None, "
    "bool? align_to_window=None)",
    "Tensor.stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, "
    "Tensor? window=None, bool center=True, str pad_mode='reflect', "
    "bool normalized=False, bool? onesided=None, bool? return_complex=None, "
    "bool? align_to_window=None)",
    foreign=False,
    whole=True,
)
def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    """Fourier transforms of overlapping windows of a signal.

    input: (t,) or (b, t), real or complex. n_fft: points of each transform; hop_length: distance of
    windows (n_fft // 4); win_length, window: a window of that size, ones by default. center: pad so
    that window k is centred at k * hop_length. onesided: half the frequencies (default for real
    signals). return_complex: True; False gives pairs of reals. Returns (b, frequencies, windows).

    >>> torch.stft(torch.ones(20), 8, return_complex=True).shape
    torch.Size([5, 11])
    """
    if window is None:
        advise(NO_WINDOW, once=True)
    check_tensor("stft", input, "input")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    complex_input = input.dtype.is_complex
    if return_complex is None:
        if not complex_input and not (window is not None and window.dtype.is_complex):
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if not return_complex:
        advise(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will "
            "return complex tensors for all inputs, and return_complex=False will raise an error."
        )
    if not input.dtype.is_inexact:
        raise RuntimeError(
            f"stft({list(input.shape)}): expected a tensor of floating point or complex values"
        )
    if input._a.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, but got {input._a.ndim}D")
    x = input.unsqueeze(0) if input._a.ndim == 1 else input
    if center and align_to_window:
        raise RuntimeError("stft align_to_window should only be set when center = false.")
    if center and not x._a.shape[0]:
        raise RuntimeError(
            f"stft: nothing to pad: center=True needs a batch that is not empty, got"
            f" {list(input.shape)}"
        )
    if center:
        x = padded(x, n_fft // 2, pad_mode)
    elif x._n is not None and not x.is_contiguous():
        x = x.as_strided(x.shape, x.stride())  # elements that share memory share their gradients
    t = x._a.shape[-1]
    if n_fft <= 0 or n_fft > t:
        raise RuntimeError(f"stft: expected 0 < n_fft < {t}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise RuntimeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={win}")
    _check_window("stft", window, win)
    if onesided is None:
        onesided = not (complex_input or window is not None and window.dtype.is_complex)
    frames = unfold(x, -1, n_fft, hop)
    if window is not None or win < n_fft:
        frames = frames * framed_window("stft", window, win, n_fft, x)
    if onesided and frames.dtype.is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    out = (rfft if onesided else fft)(frames, None, -1, "ortho" if normalized else None).transpose(
        -2, -1
    )
    out = out.squeeze(0) if input._a.ndim == 1 else out
    return out if return_complex else view_as_real(out)


@public(
    "istft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, "
    "Tensor? window=None, bool center=True, bool normalized=False, "
    "bool? onesided=None, int? length=None, bool return_complex=False)",
    "Tensor.istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, "
    "Tensor? window=None, bool center=True, bool normalized=False, "
    "bool? onesided=None, int? length=None, bool return_complex=False)",
)
def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The signal of which input (frequencies, windows), perhaps with a batch in front, is the stft.

    Overlapping windows are added and divided by the sum of the squared windows; length cuts or pads
    the signal.

    >>> torch.istft(torch.stft(torch.ones(20), 8, return_complex=True), 8).shape
    torch.Size([20])
    """
    if window is None:
        advise(f"{NO_WINDOW} Please provide the same window used by stft.", once=True)
    check_tensor("istft", input, "input")
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if input._a.size == 0:
        raise RuntimeError(f"istft({list(input.shape)}): input tensor cannot be empty.")
    if input._a.ndim == 1:
        raise IndexError(
            f"istft: Dimension out of range: input has shape {list(input.shape)}, but needs"
            " frequencies and windows"
        )
    if input._a.ndim not in (2, 3):
        raise RuntimeError(
            f"istft: expected a tensor with 2 or 3 dimensions, but got {input._a.ndim}"
        )
    x = input.unsqueeze(0) if input._a.ndim == 2 else input
    n_frames = x._a.shape[-1]
    if onesided is None:
        onesided = x._a.shape[-2] != n_fft
    want = n_fft // 2 + 1 if onesided else n_fft
    if x._a.shape[-2] != want:
        raise RuntimeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to "
            "match n_fft "
            f"{'/ 2 + 1 ' if onesided else ''}when onesided={onesided}, but got {x._a.shape[-2]}"
        )
    if not 0 < hop <= win:
        raise RuntimeError(
            f"istft: expected 0 < hop_length <= win_length, but got hop_length={hop}, "
            f"win_length={win}"
        )
    if not 0 < win <= n_fft:
        raise RuntimeError(f"istft: expected 0 < win_length <= n_fft, but got win_length={win}")
    _check_window("istft", window, win)
    if return_complex:
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
    elif window is not None and window.dtype.is_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    w = framed_window("istft", window, win, n_fft, x)
    frames = x.transpose(-2, -1)
    norm = "ortho" if normalized else None
    if return_complex:
        frames = ifft(frames, None, -1, norm)
    else:
        frames = irfft(
            frames if onesided else frames.narrow(-1, 0, n_fft // 2 + 1), n_fft, -1, norm
        )
    frames = frames * w
    total = n_fft + hop * (n_frames - 1)
    y = unfold_input.entry(frames, (x._a.shape[0], total), 1, hop)
    squares = (w * w).to(y.dtype).expand(1, n_frames, n_fft)  # truths would not add up
    envelope = unfold_input.entry(squares, (1, total), 1, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    stop = min(end, total)
    y, envelope = y[:, start:stop], envelope[:, start:stop]
    if envelope._a.size and _below(envelope, 1e-11):
        raise RuntimeError(
            "window overlap add min: 1 (istft): the windows do not cover the signal; choose a "
            "smaller hop_length or center=True"
        )
    y = y / envelope
    if end > total:
        advise(
            "The length of signal is shorter than the length parameter. Result is being padded "
            "with zeros in the tail. Please check "
            "your center and hop_length settings.",
        )
        y = function("cat")([y, y.new_zeros((y.shape[0], end - total))], 1)
    return y.squeeze(0) if input._a.ndim == 2 else y


def _below(x: Tensor, limit: float) -> bool:
    from ..linalg.matrix import anywhere

    return bool(anywhere(x, lambda values: abs(values) < limit))
