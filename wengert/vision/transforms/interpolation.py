"""How pixels between pixels are found: the modes of resizing and turning."""

from __future__ import annotations

from enum import Enum

__all__ = ["InterpolationMode", "mode_of", "pil_mode"]


class InterpolationMode(Enum):
    """Ways to interpolate; box, hamming and lanczos are for Pillow's images only.

    >>> InterpolationMode("bilinear")
    <InterpolationMode.BILINEAR: 'bilinear'>
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of the modes, which is what old code passes
NUMBERS = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}


def mode_of(interpolation: object) -> InterpolationMode:
    """The mode that a mode, its name or one of Pillow's numbers means."""
    if isinstance(interpolation, (InterpolationMode, str)):
        return InterpolationMode(interpolation)
    if isinstance(interpolation, int):
        for mode, number in NUMBERS.items():
            if number == interpolation:
                return mode
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer "
        f"constant, got {interpolation!r}"
    )


def pil_mode(interpolation: object) -> int:
    """Pillow's number of a mode."""
    return NUMBERS[mode_of(interpolation)]
