"""torchaudio: files, filters against SciPy, values recorded from torchaudio 2.11."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

import wengert as torch
from wengert import audio
from wengert.audio import functional as F
from wengert.audio import transforms

RECORDED = json.loads((Path(__file__).parents[1] / "golden" / "audio.json").read_text())


def wave(n=2000, channels=2):
    t = torch.arange(n, dtype=torch.float64) / 8000
    rows = [(0.6 * (2 * math.pi * f * t * (1 + t)).sin()) for f in (440, 1330)[:channels]]
    return torch.stack(rows).float()


x = wave()
CASES = {
    "Spectrogram": lambda: transforms.Spectrogram(n_fft=128, normalized=True)(x),
    "power": lambda: transforms.Spectrogram(64, power=1.0, pad=3, normalized="frame_length")(x),
    "complex": lambda: torch.view_as_real(transforms.Spectrogram(n_fft=64, power=None)(x)),
    "MelSpectrogram": lambda: transforms.MelSpectrogram(8000, 256, n_mels=20)(x),
    "slaney": lambda: transforms.MelSpectrogram(
        8000, 256, hop_length=50, n_mels=20, norm="slaney", mel_scale="slaney"
    )(x),
    "MFCC": lambda: transforms.MFCC(8000, 13, melkwargs={"n_fft": 256, "n_mels": 20})(x),
    "log": lambda: transforms.MFCC(8000, 13, log_mels=True, melkwargs={"n_mels": 20})(x),
    "LFCC": lambda: transforms.LFCC(8000, 20, n_lfcc=8, speckwargs={"n_fft": 256})(x),
    "decibels": lambda: transforms.AmplitudeToDB(top_db=40.0)(transforms.Spectrogram(128)(x)),
    "Resample": lambda: transforms.Resample(8000, 11025)(x),
    "resample": lambda: F.resample(x, 8000, 3000, lowpass_filter_width=12),
    "kaiser": lambda: F.resample(x, 8000, 16000, resampling_method="sinc_interp_kaiser"),
    "TimeStretch": lambda: transforms.TimeStretch(32, 65, 1.3)(
        transforms.Spectrogram(128, hop_length=32, power=None)(x)
    ).abs(),
    "deltas": lambda: transforms.ComputeDeltas(7)(transforms.Spectrogram(64)(x)),
    "centroid": lambda: transforms.SpectralCentroid(8000, 128)(x),
    "mu": lambda: transforms.MuLawEncoding()(x),
    "unmu": lambda: transforms.MuLawDecoding()(torch.arange(256)),
    "fade": lambda: torch.stack(
        [transforms.Fade(300, 500, s)(x) for s in (
            "linear", "exponential", "logarithmic", "quarter_sine", "half_sine")]
    ),
    "vol": lambda: torch.stack(
        [transforms.Vol(1.7, k)(x) for k in ("amplitude", "power", "db")]
    ),
    "griffinlim": lambda: transforms.GriffinLim(128, n_iter=4, rand_init=False)(
        transforms.Spectrogram(128)(x)
    ),
    "inverse": lambda: transforms.InverseSpectrogram(128)(
        transforms.Spectrogram(128, power=None)(x), 1900
    ),
    "inverse mel": lambda: transforms.InverseMelScale(65, 12, 8000)(
        transforms.MelScale(12, 8000, n_stft=65)(transforms.Spectrogram(128)(x))
    ),
    "emphasis": lambda: F.preemphasis(x),
    "same": lambda: F.fftconvolve(x, x[:, :101], "same"),
    "valid": lambda: F.convolve(x[:, :300], x[:, :40], "valid"),
    "noise": lambda: F.add_noise(
        x, x.flip(-1), torch.tensor([3.0, 10.0]), torch.tensor([900, 2000])
    ),
    "lowpass": lambda: F.lowpass_biquad(x, 8000, 700.0),
    "highpass": lambda: F.highpass_biquad(x, 8000, 700.0),
    "allpass": lambda: F.allpass_biquad(x, 8000, 700.0),
    "bandpass": lambda: F.bandpass_biquad(x, 8000, 700.0, 2.0, True),
    "bandreject": lambda: F.bandreject_biquad(x, 8000, 700.0),
    "band": lambda: F.band_biquad(x, 8000, 700.0, noise=True),
    "equalizer": lambda: F.equalizer_biquad(x, 8000, 700.0, -6.0),
    "bass": lambda: F.bass_biquad(x, 8000, 4.0),
    "treble": lambda: F.treble_biquad(x, 8000, -4.0),
    "filtfilt": lambda: F.filtfilt(x, torch.tensor([1.0, -0.3]), torch.tensor([0.4, 0.2])),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_are_torchaudios(name):
    found, expected = CASES[name](), RECORDED[name]
    assert list(found.shape) == expected["shape"]
    flat = found.reshape(-1)[:: expected["stride"]].numpy()
    scale = max(np.abs(expected["values"]))
    np.testing.assert_allclose(flat, expected["values"], rtol=2e-3, atol=2e-5 * scale)


def test_recursive_filters_and_their_gradients():
    a, b = torch.tensor([2.0, -0.8, 0.3]), torch.tensor([0.5, 0.2, -0.1])
    ours = F.lfilter(x, a, b, clamp=False)
    np.testing.assert_allclose(ours, signal.lfilter(b, a, x.numpy()), rtol=1e-4, atol=1e-5)
    inputs = [t.double().requires_grad_() for t in (x[:, :12], a, b)]
    assert torch.autograd.gradcheck(lambda *t: F.lfilter(*t, clamp=False), inputs)
    bank = F.lfilter(x[0], torch.stack([a, a]), torch.stack([b, b * 2]), False, batching=False)
    torch.testing.assert_close(bank[1], 2 * bank[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(F.deemphasis(F.preemphasis(x)), x, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="need one shape"):
        F.lfilter(x, a, b[:2])


def test_masks_are_bands():
    torch.manual_seed(0)
    ones = torch.ones(4, 20, 30)
    for _ in range(10):
        masked = transforms.FrequencyMasking(8)(ones)
        rows = (masked == 0).all(-1)
        assert (rows == rows[0]).all() and rows[0].sum() < 8 and (masked.sum(-1) % 30 == 0).all()
        each = transforms.TimeMasking(12, iid_masks=True, p=0.2)(ones)
        assert ((each == 0).sum((-1, -2)) < 20 * 6).all()
    assert transforms.SpecAugment(1, 5, 1, 5, zero_masking=True)(ones).shape == ones.shape


def test_files(tmp_path):
    path = tmp_path / "a.wav"
    audio.save(path, x, 8000, encoding="PCM_S", bits_per_sample=16)
    back, rate = audio.load(path)
    assert rate == 8000 and (back - x).abs().max() < 1e-4
    part, _ = audio.load(str(path), frame_offset=10, num_frames=5, channels_first=False)
    assert torch.equal(part, back[:, 10:15].t())
    assert audio.load(path, normalize=False)[0].dtype == torch.int16
    assert audio.info(path)[:4] == (8000, 2000, 2, 16)
    audio.save(path, x, 8000)
    assert torch.equal(audio.load(path)[0], x)
    path.write_bytes(b"no sound")
    with pytest.raises(RuntimeError, match=r"soundfile|Error"):
        audio.load(path)


def test_data_sets(tmp_path):
    folder = tmp_path / "SpeechCommands" / "speech_commands_v0.02"
    for word in ("yes", "no"):
        (folder / word).mkdir(parents=True)
        for i in range(2):
            audio.save(folder / word / f"abc_nohash_{i}.wav", x[:1], 16000)
    (folder / "testing_list.txt").write_text("yes/abc_nohash_1.wav\n")
    train = audio.datasets.SPEECHCOMMANDS(tmp_path, subset="training")
    test = audio.datasets.SPEECHCOMMANDS(tmp_path, subset="testing")
    assert len(train) == 3 and len(test) == 1
    assert test[0][1:] == (16000, "yes", "abc", 1) and test[0][0].shape == (1, 2000)
    with pytest.raises(RuntimeError, match="nothing is downloaded"):
        audio.datasets.YESNO(tmp_path)
