"""Fourier transforms, spectrograms, window functions, sampled data."""
