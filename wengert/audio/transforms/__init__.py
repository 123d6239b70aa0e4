"""torchaudio.transforms: functions of sound as modules with their windows and filters."""

from .spectral import (
    LFCC,
    MFCC,
    AmplitudeToDB,
    ComputeDeltas,
    FrequencyMasking,
    GriffinLim,
    InverseMelScale,
    InverseSpectrogram,
    MelScale,
    MelSpectrogram,
    SpecAugment,
    SpectralCentroid,
    Spectrogram,
    TimeMasking,
    TimeStretch,
)
from .waves import (
    AddNoise,
    Convolve,
    Deemphasis,
    Fade,
    FFTConvolve,
    MuLawDecoding,
    MuLawEncoding,
    Preemphasis,
    Resample,
    Vol,
)

__all__ = [
    "AddNoise", "AmplitudeToDB", "ComputeDeltas", "Convolve", "Deemphasis", "FFTConvolve", "Fade",
    "FrequencyMasking", "GriffinLim", "InverseMelScale", "InverseSpectrogram", "LFCC", "MFCC",
    "MelScale", "MelSpectrogram", "MuLawDecoding", "MuLawEncoding", "Preemphasis", "Resample",
    "SpecAugment", "SpectralCentroid", "Spectrogram", "TimeMasking", "TimeStretch", "Vol",
]  # fmt: skip
