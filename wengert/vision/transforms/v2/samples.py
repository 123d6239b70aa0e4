"""Transforms of version 2 that look at a sample as a whole: boxes and labels, batches, policies."""

from __future__ import annotations

import math
from typing import Any

from ....api import functions as T
from ....base.pytree import tree_flatten, tree_unflatten
from ....distributions import Beta
from ....engine.error_context import clear_errors
from ....engine.tensor import Tensor
from ....nn import functional as nnF
from ...pillow import is_pil
from ...tv_tensors import BoundingBoxes, BoundingBoxFormat, Image, KeyPoints, Mask, Video, wrap
from .. import autoaugment as v1
from ..draws import integer
from . import functional as F
from .functional.dispatch import is_pure_tensor
from .transform import Transform, fills, labels_getter_of, query_size

__all__ = [
    "AugMix", "AutoAugment", "ClampBoundingBoxes", "ClampKeyPoints", "ConvertBoundingBoxFormat",
    "CutMix", "MixUp", "RandAugment", "SanitizeBoundingBoxes", "TrivialAugmentWide",
    "UniformTemporalSubsample",
]  # fmt: skip

Params = dict[str, Any]


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format.

    Raises KeyError where format is unknown.

    >>> boxes = tv_tensors.BoundingBoxes([[1, 2, 3, 5]], format="XYXY", canvas_size=(8, 8))
    >>> ConvertBoundingBoxFormat("XYWH")(boxes).tolist()
    [[1, 2, 2, 3]]
    """

    def __init__(self, format: str | BoundingBoxFormat) -> None:
        super().__init__()
        self.format = format

    def takes(self, inpt: Any) -> bool:
        return isinstance(inpt, BoundingBoxes)

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut at the canvas.

    clamping_mode: 'soft': may reach out a little where rotated, 'hard': none, 'auto': the boxes'
    own, None: not at all.

    >>> boxes = tv_tensors.BoundingBoxes([[-1, 0, 9, 4]], format="XYXY", canvas_size=(8, 8))
    >>> ClampBoundingBoxes()(boxes).tolist()
    [[0, 0, 8, 4]]
    """

    def __init__(self, clamping_mode: str | None = "auto") -> None:
        super().__init__()
        self.clamping_mode = clamping_mode

    def takes(self, inpt: Any) -> bool:
        return isinstance(inpt, BoundingBoxes)

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points moved into the canvas.

    >>> ClampKeyPoints()(tv_tensors.KeyPoints([[-1, 9]], canvas_size=(8, 8))).tolist()
    [[0, 7]]
    """

    def takes(self, inpt: Any) -> bool:
        return isinstance(inpt, KeyPoints)

    def transform(self, inpt: Any, params: Params) -> Any:
        return F.clamp_keypoints(inpt)


class UniformTemporalSubsample(Transform):
    """num_samples frames of a video, evenly spread.

    A video is of shape (..., T, C, H, W). Raises TypeError where num_samples is of the wrong type;
    IndexError where inputs has a shape that does not fit; RuntimeError where num_samples is
    negative.

    >>> UniformTemporalSubsample(4)(tv_tensors.Video(torch.zeros(9, 3, 8, 8))).shape
    torch.Size([4, 3, 8, 8])
    """

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def takes(self, inpt: Any) -> bool:
        return is_pure_tensor(inpt) or isinstance(inpt, Video)

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.uniform_temporal_subsample, inpt, self.num_samples)


class SanitizeBoundingBoxes(Transform):
    """Boxes that are too small or reach out of the canvas taken away, with their labels and masks.

    labels_getter: finds the labels in a sample; None if there are none. min_size: boxes with a
    shorter side, in pixels, go. min_area: boxes of a smaller area, in pixels, go.

    Images are of shape (..., C, H, W). Raises ValueError where inputs is of the wrong type.

    >>> corners = [[1, 2, 1, 2], [0, 0, 4, 4]]
    >>> boxes = tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=(8, 8))
    >>> sample = {"boxes": boxes, "labels": torch.tensor([7, 9])}
    >>> SanitizeBoundingBoxes()(sample)["labels"]
    tensor([9])
    """

    def __init__(
        self, min_size: float = 1.0, min_area: float = 1.0, labels_getter: Any = "default"
    ) -> None:
        super().__init__()
        for name, value in (("min_size", min_size), ("min_area", min_area)):
            if value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}.")
        self.min_size = min_size
        self.min_area = min_area
        self.labels_getter = labels_getter
        self._find = labels_getter_of(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self._find(sample)
        labels = () if labels is None else (labels,) if isinstance(labels, Tensor) else labels
        flat, spec = tree_flatten(sample)
        boxes = next((x for x in flat if isinstance(x, BoundingBoxes)), None)
        if boxes is None:
            raise ValueError("No bounding boxes were found in the sample")
        for label in labels:
            if not isinstance(label, Tensor):
                raise ValueError(f"The labels must be tensors or None, got {type(label)} instead.")
            if len(label) != len(boxes):
                raise ValueError(
                    f"Number of boxes (shape={tuple(boxes.shape)}) must match the number of "
                    f"labels (shape={tuple(label.shape)})."
                )
        _, valid = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)
        kept = [self.kept(x, valid, any(x is label for label in labels)) for x in flat]
        return tree_unflatten(kept, spec)

    def kept(self, inpt: Any, valid: Tensor, is_label: bool) -> Any:
        """One part of a sample, with only the boxes that are valid.

        inpt: an image, a tensor (*, C, H, W) or a picture of Pillow. is_label: whether inpt holds
        the labels of the boxes.

        Raises TypeError where inpt is no tensor; IndexError where inpt or valid has a shape that
        does not fit, valid is no tensor or valid holds complex numbers.

        >>> valid = torch.tensor([False, True])
        >>> SanitizeBoundingBoxes().kept(torch.tensor([7, 9]), valid, is_label=True)
        tensor([9])
        """
        if is_label:
            return inpt[valid]
        belongs = isinstance(inpt, BoundingBoxes)
        belongs = belongs or isinstance(inpt, Mask) and inpt.ndim > 2 and len(inpt) == len(valid)
        return wrap(inpt.as_subclass(Tensor)[valid], like=inpt) if belongs else inpt


class MixUp(Transform):
    """A batch and its labels mixed with themselves, moved on by one (arXiv:1710.09412).

    Labels are classes (N,), with num_classes, or probabilities (N, classes); the result's are
    probabilities.

    alpha: the parameter of the Beta distribution that the shares are drawn from. labels_getter:
    finds the labels in a batch: 'default' looks for a key or the last part, or a function.

    Raises TypeError where num_classes is of the wrong type; ValueError where inputs has a shape
    that does not fit or inputs is no tensor; RuntimeError where inputs holds values out of range or
    inputs holds booleans or complex numbers.

    >>> images, labels = MixUp(num_classes=3)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    >>> images.shape, labels.shape
    (torch.Size([4, 3, 8, 8]), torch.Size([4, 3]))
    """

    def __init__(
        self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: Any = "default"
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._find = labels_getter_of(labels_getter)
        self._draws = Beta(T.tensor([self.alpha]), T.tensor([self.alpha]))

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(sample)
        if any(is_pil(x) or isinstance(x, (BoundingBoxes, Mask, KeyPoints)) for x in flat):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints "
                "and masks."
            )
        labels = self.check_labels(self._find(sample))
        chosen = self.chosen(flat)
        lam, mix = self.mixer([x for x, c in zip(flat, chosen) if c])
        out = []
        for x, is_chosen in zip(flat, chosen):
            if x is labels:
                out.append(self.mixed_labels(labels, lam))
            elif is_chosen:
                dims = 5 if isinstance(x, Video) else 4
                if x.ndim != dims or len(x) != len(labels):
                    raise ValueError(
                        f"Expected a batched input with {dims} dims, of the labels' size "
                        f"{len(labels)}, but got the shape {tuple(x.shape)}."
                    )
                mixed = mix(x.as_subclass(Tensor))
                out.append(wrap(mixed, like=x) if isinstance(x, (Image, Video)) else mixed)
            else:
                out.append(x)
        return tree_unflatten(out, spec)

    def check_labels(self, labels: Any) -> Tensor:
        """The labels of a batch, classes (N,) or probabilities (N, classes), or a ValueError.

        labels: a tensor.

        >>> MixUp(num_classes=2).check_labels(torch.tensor([0, 1]))
        tensor([0, 1])
        """
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with "
                f"shape (batch_size, num_classes), but got a tensor of shape {labels.shape}."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        return labels

    @clear_errors
    def mixed_labels(self, labels: Tensor, lam: float) -> Tensor:
        """Each sample's label, mixed with that of the one before it.

        labels: classes (N,) or probabilities (N, classes). lam: the share of the first of the two
        mixed samples.

        Raises TypeError where lam is of the wrong type; IndexError where labels has a shape that
        does not fit; RuntimeError where labels holds values out of range or labels holds booleans
        or complex numbers.

        >>> MixUp(num_classes=2).mixed_labels(torch.tensor([0, 1]), 0.75)
        tensor([[0.7500, 0.2500],
                [0.2500, 0.7500]])
        """
        each = nnF.one_hot(labels, self.num_classes or -1) if labels.ndim == 1 else labels
        each = each if each.is_floating_point() else each.float()
        return each.roll(1, 0) * (1.0 - lam) + each * lam

    def mixer(self, images: list[Any]) -> tuple[float, Any]:
        """How much of the labels stays, and what is done with the images.

        images: the images of a batch, (N, C, H, W) each.

        >>> keep, mix = MixUp(num_classes=2).mixer([torch.zeros(2, 3, 4, 4)])
        >>> 0 <= keep <= 1
        True
        """
        lam = float(self._draws.sample(()))
        return lam, lambda x: x.roll(1, 0) * (1.0 - lam) + x * lam


class CutMix(MixUp):
    """A rectangle of each image of a batch taken from the one before it (arXiv:1905.04899).

    num_classes: how many classes the last layer has. alpha: the parameter of the Beta distribution
    that the shares are drawn from. labels_getter: finds the labels in a batch: 'default' looks for
    a key or the last part, or a function.

    Raises TypeError where num_classes is of the wrong type or inputs is no tensor; ValueError where
    inputs has a shape that does not fit or inputs is no tensor; RuntimeError where inputs holds
    values out of range or inputs holds booleans or complex numbers.

    >>> images, labels = CutMix(num_classes=3)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    >>> images.shape, labels.shape
    (torch.Size([4, 3, 8, 8]), torch.Size([4, 3]))
    """

    def mixer(self, images: list[Any]) -> tuple[float, Any]:
        """images: the images of a batch, (N, C, H, W) each.

        >>> keep, mix = MixUp(num_classes=2).mixer([torch.zeros(2, 3, 4, 4)])
        >>> 0 <= keep <= 1
        True
        """
        lam = float(self._draws.sample(()))
        height, width = query_size(images)
        x, y = integer(0, width), integer(0, height)
        half = 0.5 * math.sqrt(1.0 - lam)
        across, down = int(half * width), int(half * height)
        left, right = max(x - across, 0), min(x + across, width)
        top, bottom = max(y - down, 0), min(y + down, height)

        def mix(images: Tensor) -> Tensor:
            out = images.clone()
            out[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
            return out

        return 1.0 - (right - left) * (bottom - top) / (width * height), mix


def tails() -> bool:
    """A coin, as version 2 throws it."""
    return bool(T.rand(()) <= 0.5)


class OneImage(Transform):
    """A transform of the first version, applied to the one image of a sample."""

    coin = staticmethod(tails)
    fill: Any

    of_image: Any  # what the first version does

    def forward(self, *inputs: Any) -> Any:
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        for x in flat:
            if isinstance(x, (BoundingBoxes, Mask, KeyPoints)):
                raise TypeError(
                    f"Inputs of type {type(x).__name__} are not supported by "
                    f"{type(self).__name__}()"
                )
        found = [i for i, is_chosen in enumerate(self.chosen(flat)) if is_chosen]
        if len(found) != 1:
            raise TypeError(
                f"{type(self).__name__}() needs one image or video, found {len(found)}."
            )
        image = flat[found[0]]
        fill, self.fill = self.fill, fills(self.fill)(type(image))
        try:
            changed = self.of_image(as_plain(image))
        finally:
            self.fill = fill
        flat[found[0]] = wrap(changed, like=image) if isinstance(image, (Image, Video)) else changed
        return tree_unflatten(flat, spec)


def as_plain(image: Any) -> Any:
    return image.as_subclass(Tensor) if isinstance(image, (Image, Video)) else image


class AutoAugment(OneImage, v1.AutoAugment):
    """Two transforms from one of the policies found for a data set, see the first version.

    interpolation: an InterpolationMode: how values between pixels are found. fill: the value of
    pixels that come from outside. policy: an AutoAugmentPolicy.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor or inputs holds
    integers, booleans or complex numbers.

    >>> AutoAugment()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def of_image(self, image: Any) -> Any:
        """The transform of one image.

        Raises TypeError where image is no tensor or image holds integers, booleans or complex
        numbers.

        >>> AutoAugment().of_image(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])
        """
        fill = v1.fill_for(self.fill, image)
        magnitudes = self.magnitudes(image)
        for name, p, i in self.policies[integer(0, len(self.policies))]:
            if not bool(T.rand(()) <= p):
                continue
            values, signed = magnitudes[name]
            magnitude = 0.0 if i is None or values is None else values[i].item()
            magnitude = -magnitude if signed and self.coin() else magnitude
            image = v1.apply(name, image, magnitude, self.interpolation, fill)
        return image


class RandAugment(OneImage, v1.RandAugment):
    """Transforms drawn one by one, all of the same strength, see the first version.

    num_ops: how many operations are done. magnitude: how strong operations are.
    num_magnitude_bins: how many strengths there are. interpolation: an InterpolationMode: how
    values between pixels are found. fill: the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where num_ops is of the wrong type or
    inputs is no tensor.

    >>> RandAugment(num_ops=1)(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    of_image = v1.RandAugment.forward


class TrivialAugmentWide(OneImage, v1.TrivialAugmentWide):
    """One transform of any strength, see the first version.

    num_magnitude_bins: how many strengths there are. interpolation: an InterpolationMode: how
    values between pixels are found. fill: the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor.

    >>> TrivialAugmentWide()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    of_image = v1.TrivialAugmentWide.forward


class AugMix(OneImage, v1.AugMix):
    """A weighted mean of an image and of chains of transforms of it, see the first version.

    interpolation: an InterpolationMode: how values between pixels are found. fill: the value of
    pixels that come from outside. severity: the most strength of the operations, 1 to 10.
    mixture_width: how many chains are mixed. chain_depth: operations a chain; -1: one to three,
    drawn. alpha: the parameter of the Beta distribution that the shares are drawn from. all_ops:
    also change brightness, contrast, colour and sharpness.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor;
    NotImplementedError where inputs holds complex numbers.

    >>> AugMix()(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 8, 8])
    """

    of_image = v1.AugMix.forward
