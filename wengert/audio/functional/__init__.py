"""torchaudio.functional."""

from . import filtering
from .filtering import (
    allpass_biquad,
    band_biquad,
    bandpass_biquad,
    bandreject_biquad,
    bass_biquad,
    biquad,
    convolve,
    deemphasis,
    equalizer_biquad,
    fftconvolve,
    filtfilt,
    gain,
    highpass_biquad,
    lfilter,
    lowpass_biquad,
    preemphasis,
    resample,
    treble_biquad,
)
from .spectra import (
    DB_to_amplitude,
    add_noise,
    amplitude_to_DB,
    compute_deltas,
    create_dct,
    edit_distance,
    griffinlim,
    inverse_spectrogram,
    linear_fbanks,
    mask_along_axis,
    mask_along_axis_iid,
    melscale_fbanks,
    mu_law_decoding,
    mu_law_encoding,
    phase_vocoder,
    spectral_centroid,
    spectrogram,
)

__all__ = [
    "DB_to_amplitude", "add_noise", "allpass_biquad", "amplitude_to_DB", "band_biquad",
    "bandpass_biquad", "bandreject_biquad", "bass_biquad", "biquad", "compute_deltas", "convolve",
    "create_dct", "deemphasis", "edit_distance", "equalizer_biquad", "fftconvolve", "filtering",
    "filtfilt", "gain", "griffinlim", "highpass_biquad", "inverse_spectrogram", "lfilter",
    "linear_fbanks", "lowpass_biquad", "mask_along_axis", "mask_along_axis_iid", "melscale_fbanks",
    "mu_law_decoding", "mu_law_encoding", "phase_vocoder", "preemphasis", "resample",
    "spectral_centroid", "spectrogram", "treble_biquad",
]  # fmt: skip
