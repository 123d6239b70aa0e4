"""Transforms drawn from many: AutoAugment, RandAugment, TrivialAugment, AugMix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from ...api import functions as T
from ...engine.tensor import Tensor
from ...nn.module import Module
from . import functional as F
from .draws import colour_for, integer
from .interpolation import InterpolationMode

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR

Magnitudes = tuple[
    Tensor | None, bool
]  # one for each bin, None where there is none; may be negated


def in_unit_range(img: Any) -> bool:
    return isinstance(img, Tensor) and img.is_floating_point()


COLOURS: dict[str, Callable[[Any, float], Any]] = {
    "Brightness": lambda img, m: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m: F.posterize(img, int(m)),
    "Solarize": lambda img, m: F.solarize(img, m / 255.0 if in_unit_range(img) else m),
    "AutoContrast": lambda img, m: F.autocontrast(img),
    "Equalize": lambda img, m: F.equalize(img),
    "Invert": lambda img, m: F.invert(img),
    "Identity": lambda img, m: img,
}


def apply(name: str, img: Any, magnitude: float, mode: InterpolationMode, fill: Any) -> Any:
    """The transform of that name, with that strength."""
    if name in COLOURS:
        return COLOURS[name](img, magnitude)
    if name == "Rotate":
        return F.rotate(img, magnitude, mode, fill=fill)
    x, y = name.endswith("X"), name.endswith("Y")
    if name.startswith("Shear"):
        angle = math.degrees(math.atan(magnitude))
        return F.affine(img, 0.0, [0, 0], 1.0, [angle * x, angle * y], mode, fill, [0, 0])
    step = int(magnitude)
    return F.affine(img, 0.0, [step * x, step * y], 1.0, [0.0, 0.0], mode, fill)


def space(
    bins: int,
    shear: float,
    shift: Sequence[float],
    turn: float,
    colour: float | None,
    posterize: tuple[int, int],
    *more: str,
) -> dict[str, Magnitudes]:
    """The transforms to draw from, in the order that the draws count on, with their strengths.

    shift: the greatest shifts (x, y) in pixels; posterize: most bits, and how many to take away;
    more: names of transforms without a strength at the end.
    """
    ramp = lambda most: (T.linspace(0.0, most, bins), True)
    most_bits, fewer = posterize
    fewer_bits = (T.arange(bins) / ((bins - 1) / fewer)).round()
    names = ("Brightness", "Color", "Contrast", "Sharpness") if colour is not None else ()
    return {
        "ShearX": ramp(shear),
        "ShearY": ramp(shear),
        "TranslateX": ramp(shift[0]),
        "TranslateY": ramp(shift[1]),
        "Rotate": ramp(turn),
        **{name: ramp(colour) for name in names},
        "Posterize": (most_bits - fewer_bits, False),
        "Solarize": (T.linspace(255.0, 0.0, bins), False),
        **{name: (None, False) for name in ("AutoContrast", "Equalize", *more)},
    }


def fill_for(fill: Any, img: Any) -> Any:
    return None if fill is None else colour_for(fill, img, F.get_dimensions(img)[0])


def shifts(img: Any, part: float) -> tuple[float, float]:
    _, height, width = F.get_dimensions(img)
    return part * width, part * height


class AutoAugmentPolicy(Enum):
    """The data that AutoAugment's policies were found on.

    >>> AutoAugmentPolicy("cifar10")
    <AutoAugmentPolicy.CIFAR10: 'cifar10'>
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# A policy a line: two transforms, each with its probability and the bin of its strength.
POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8, Rotate 0.6 9
        Solarize 0.6 5, AutoContrast 0.6
        Equalize 0.8, Equalize 0.6
        Posterize 0.6 7, Posterize 0.6 6
        Equalize 0.4, Solarize 0.2 4
        Equalize 0.4, Rotate 0.8 8
        Solarize 0.6 3, Equalize 0.6
        Posterize 0.8 5, Equalize 1.0
        Rotate 0.2 3, Solarize 0.6 8
        Equalize 0.6, Posterize 0.4 6
        Rotate 0.8 8, Color 0.4 0
        Rotate 0.4 9, Equalize 0.6
        Equalize 0.0, Equalize 0.8
        Invert 0.6, Equalize 1.0
        Color 0.6 4, Contrast 1.0 8
        Rotate 0.8 8, Color 1.0 2
        Color 0.8 8, Solarize 0.8 7
        Sharpness 0.4 7, Invert 0.6
        ShearX 0.6 5, Equalize 1.0
        Color 0.4 0, Equalize 0.6
        Equalize 0.4, Solarize 0.2 4
        Solarize 0.6 5, AutoContrast 0.6
        Invert 0.6, Equalize 1.0
        Color 0.6 4, Contrast 1.0 8
        Equalize 0.8, Equalize 0.6
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1, Contrast 0.2 6
        Rotate 0.7 2, TranslateX 0.3 9
        Sharpness 0.8 1, Sharpness 0.9 3
        ShearY 0.5 8, TranslateY 0.7 9
        AutoContrast 0.5, Equalize 0.9
        ShearY 0.2 7, Posterize 0.3 7
        Color 0.4 3, Brightness 0.6 7
        Sharpness 0.3 9, Brightness 0.7 9
        Equalize 0.6, Equalize 0.5
        Contrast 0.6 7, Sharpness 0.6 5
        Color 0.7 7, TranslateX 0.5 8
        Equalize 0.3, AutoContrast 0.4
        TranslateY 0.4 3, Sharpness 0.2 6
        Brightness 0.9 6, Color 0.2 8
        Solarize 0.5 2, Invert 0.0
        Equalize 0.2, AutoContrast 0.6
        Equalize 0.2, Equalize 0.6
        Color 0.9 9, Equalize 0.6
        AutoContrast 0.8, Solarize 0.2 8
        Brightness 0.1 3, Color 0.7 0
        Solarize 0.4 5, AutoContrast 0.9
        TranslateY 0.9 9, TranslateY 0.7 9
        AutoContrast 0.9, Solarize 0.8 3
        Equalize 0.8, Invert 0.1
        TranslateY 0.7 9, AutoContrast 0.9
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4, Invert 0.2
        ShearY 0.9 8, Invert 0.7
        Equalize 0.6, Solarize 0.6 6
        Invert 0.9, Equalize 0.6
        Equalize 0.6, Rotate 0.9 3
        ShearX 0.9 4, AutoContrast 0.8
        ShearY 0.9 8, Invert 0.4
        ShearY 0.9 5, Solarize 0.2 6
        Invert 0.9, AutoContrast 0.8
        Equalize 0.6, Rotate 0.9 3
        ShearX 0.9 4, Solarize 0.3 3
        ShearY 0.8 8, Invert 0.7
        Equalize 0.9, TranslateY 0.6 6
        Invert 0.9, Equalize 0.6
        Contrast 0.3 3, Rotate 0.8 4
        Invert 0.8, TranslateY 0.0 2
        ShearY 0.7 6, Solarize 0.4 8
        Invert 0.6, Rotate 0.8 4
        ShearY 0.3 7, TranslateX 0.9 3
        ShearX 0.1 6, Invert 0.6
        Solarize 0.7 2, TranslateY 0.6 7
        ShearY 0.8 4, Invert 0.8
        ShearX 0.7 9, TranslateY 0.8 3
        ShearY 0.8 5, AutoContrast 0.7
        ShearX 0.7 2, Invert 0.1
    """,
}

Step = tuple[str, float, int | None]


def read_policy(line: str) -> tuple[Step, ...]:
    parts = [step.split() for step in line.split(",")]
    return tuple((p[0], float(p[1]), int(p[2]) if len(p) > 2 else None) for p in parts)


class AutoAugment(Module):
    """Two transforms from one of the 25 policies found for a data set (arXiv:1805.09501).

    interpolation: an InterpolationMode: how values between pixels are found. fill: the value of
    pixels that come from outside. policy: an AutoAugmentPolicy.

    Images are of shape (..., C, H, W). Raises TypeError where img is no tensor or img holds
    integers, booleans or complex numbers.

    >>> AutoAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if policy not in POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = [read_policy(line) for line in POLICIES[policy].strip().splitlines()]

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """The number of the policy, two probabilities to beat, and two signs.

        transform_num: how many policies there are.

        Raises TypeError where transform_num is of the wrong type; RuntimeError where transform_num
        is below 1.

        >>> AutoAugment.get_params(25)[0] < 25
        True
        """
        return integer(0, transform_num), T.rand((2,)), T.randint(2, (2,))

    def magnitudes(self, img: Any) -> dict[str, Magnitudes]:
        """The strengths of the transforms for an image.

        img: an image: a tensor (*, C, H, W) or a picture of Pillow.

        Raises TypeError where img is no tensor.

        >>> AutoAugment().magnitudes(torch.zeros(3, 8, 8))["Rotate"][1]
        True
        """
        return space(10, 0.3, shifts(img, 150.0 / 331.0), 30.0, 0.9, (8, 4), "Invert")

    def forward(self, img: Any) -> Any:
        fill = fill_for(self.fill, img)
        chosen, draws, signs = self.get_params(len(self.policies))
        magnitudes = self.magnitudes(img)
        for (name, p, i), draw, sign in zip(self.policies[chosen], draws.tolist(), signs.tolist()):
            # compared as float32, which the draws are
            if draw <= T.tensor(p).item():
                values, signed = magnitudes[name]
                magnitude = 0.0 if i is None or values is None else values[i].item()
                magnitude = -magnitude if signed and sign == 0 else magnitude
                img = apply(name, img, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


def draw_name(magnitudes: dict[str, Magnitudes]) -> str:
    return list(magnitudes)[integer(0, len(magnitudes))]


def heads() -> bool:
    """A coin: whether a strength is negated.

    >>> AugMix.coin() in (True, False)
    True
    """
    return bool(integer(0, 2))


class RandAugment(Module):
    """num_ops transforms drawn one by one, all of the same strength (arXiv:1909.13719).

    magnitude: how strong operations are. num_magnitude_bins: how many strengths there are.
    interpolation: an InterpolationMode: how values between pixels are found. fill: the value of
    pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where num_ops is of the wrong type or img
    is no tensor.

    >>> RandAugment(num_ops=1)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    coin = staticmethod(heads)

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img: Any) -> Any:
        """img: an image: a tensor (*, C, H, W) or a picture of Pillow.

        Raises TypeError where img is no tensor; NotImplementedError where img holds complex
        numbers.

        >>> v2.RandAugment().of_image(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
        """
        fill = fill_for(self.fill, img)
        bins = self.num_magnitude_bins
        magnitudes: dict[str, Magnitudes] = {"Identity": (None, False)}
        magnitudes |= space(bins, 0.3, shifts(img, 150.0 / 331.0), 30.0, 0.9, (8, 4))
        for _ in range(self.num_ops):
            name = draw_name(magnitudes)
            values, signed = magnitudes[name]
            magnitude = 0.0 if values is None else values[self.magnitude].item()
            magnitude = -magnitude if signed and self.coin() else magnitude
            img = apply(name, img, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, "
            f"fill={self.fill})"
        )


class TrivialAugmentWide(Module):
    """One transform of any strength (arXiv:2103.10158).

    num_magnitude_bins: how many strengths there are. interpolation: an InterpolationMode: how
    values between pixels are found. fill: the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where img is no tensor.

    >>> TrivialAugmentWide()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    coin = staticmethod(heads)

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img: Any) -> Any:
        """img: an image: a tensor (*, C, H, W) or a picture of Pillow.

        Raises TypeError where img is no tensor.

        >>> v2.TrivialAugmentWide().of_image(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
        """
        fill = fill_for(self.fill, img)
        magnitudes: dict[str, Magnitudes] = {"Identity": (None, False)}
        magnitudes |= space(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, (8, 6))
        name = draw_name(magnitudes)
        values, signed = magnitudes[name]
        magnitude = 0.0 if values is None else values[integer(0, len(values))].item()
        magnitude = -magnitude if signed and self.coin() else magnitude
        return apply(name, img, magnitude, self.interpolation, fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class AugMix(Module):
    """A weighted mean of an image and of chains of transforms of it (arXiv:1912.02781).

    interpolation: an InterpolationMode: how values between pixels are found. fill: the value of
    pixels that come from outside. severity: the most strength of the operations, 1 to 10.
    mixture_width: how many chains are mixed. chain_depth: operations a chain; -1: one to three,
    drawn. alpha: the parameter of the Beta distribution that the shares are drawn from. all_ops:
    also change brightness, contrast, colour and sharpness.

    Images are of shape (..., C, H, W). Raises TypeError where orig_img is no tensor;
    NotImplementedError where orig_img holds complex numbers.

    >>> AugMix()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    coin = staticmethod(heads)

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__()
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self.fill = fill

    def weights(self, count: int, batch: int) -> Tensor:
        """batch draws of count weights that add up to 1.

        Raises TypeError where count or batch is of the wrong type; RuntimeError where count or
        batch is negative.

        >>> AugMix().weights(3, 2).shape
        torch.Size([2, 3])
        """
        return T._sample_dirichlet(T.full((batch, count), float(self.alpha)))

    def magnitudes(self, img: Any) -> dict[str, Magnitudes]:
        """img: an image: a tensor (*, C, H, W) or a picture of Pillow.

        The strengths of the transforms for an image.

        img: an image, (*, C, H, W) or of Pillow.

        Raises TypeError where img is no tensor.

        >>> AugMix().magnitudes(torch.zeros(3, 8, 8))["Posterize"][0][:3]
        tensor([4., 4., 3.])
        """
        found = space(10, 0.3, shifts(img, 1.0 / 3.0), 30.0, 0.9, (4, 4))
        colours = {
            name: found.pop(name) for name in ("Brightness", "Color", "Contrast", "Sharpness")
        }
        return found | colours if self.all_ops else found

    def forward(self, orig_img: Any) -> Any:
        """orig_img: an image, a tensor (*, C, H, W) or a picture of Pillow.

        Raises TypeError where orig_img is no tensor; NotImplementedError where orig_img holds
        complex numbers.

        >>> v2.AugMix().of_image(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
        """
        fill = fill_for(self.fill, orig_img)
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        batch = img.reshape([1] * max(4 - img.ndim, 0) + list(img.shape))
        each = (batch.shape[0], *[1] * (batch.ndim - 1))
        kept = self.weights(2, each[0])
        weights = self.weights(self.mixture_width, each[0]) * kept[:, 1:]
        magnitudes = self.magnitudes(orig_img)
        mix = kept[:, 0].reshape(each) * batch
        for i in range(self.mixture_width):
            changed = batch
            for _ in range(self.chain_depth if self.chain_depth > 0 else integer(1, 4)):
                name = draw_name(magnitudes)
                values, signed = magnitudes[name]
                magnitude = 0.0 if values is None else values[integer(0, self.severity)].item()
                magnitude = -magnitude if signed and self.coin() else magnitude
                changed = apply(name, changed, magnitude, self.interpolation, fill)
            mix = mix + weights[:, i].reshape(each) * changed
        out = mix.reshape(img.shape).to(img.dtype)
        return out if isinstance(orig_img, Tensor) else F.to_pil_image(out)

    def __repr__(self) -> str:
        names = (
            "severity",
            "mixture_width",
            "chain_depth",
            "alpha",
            "all_ops",
            "interpolation",
            "fill",
        )
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)}' for n in names)})"
