"""Geometric transforms of version 2: of images and of the masks, boxes and points with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....api import functions as T
from ....engine.tensor import Tensor
from ...ops.boxes import box_convert, box_iou
from ...pillow import is_pil
from ...tv_tensors import BoundingBoxes, Image
from .. import geometry as v1
from ..draws import check_length, crop_rectangle, integer, uniform
from ..functional import sides
from ..interpolation import InterpolationMode, mode_of
from . import functional as F
from .functional.dispatch import is_pure_tensor
from .transform import RandomTransform, Transform, fill_of, query_size

__all__ = [
    "CenterCrop", "ElasticTransform", "FiveCrop", "Pad", "RandomAffine", "RandomCrop",
    "RandomHorizontalFlip", "RandomIoUCrop", "RandomPerspective", "RandomResize",
    "RandomResizedCrop", "RandomRotation", "RandomShortestSize", "RandomVerticalFlip",
    "RandomZoomOut", "Resize", "ScaleJitter", "TenCrop",
]  # fmt: skip

BILINEAR = InterpolationMode.BILINEAR
Params = dict[str, Any]


class RandomHorizontalFlip(RandomTransform):
    """Left and right exchanged, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type; ValueError
    where p is out of range; RuntimeError where p is a tensor of several numbers.

    >>> RandomHorizontalFlip(p=1)(torch.tensor([[[1, 2]]]))
    tensor([[[2, 1]]])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomTransform):
    """Top and bottom exchanged, with probability p.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type; ValueError
    where p is out of range; RuntimeError where p is a tensor of several numbers.

    >>> RandomVerticalFlip(p=1)(torch.tensor([[[1], [2]]])).flatten()
    tensor([2, 1])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.vertical_flip, inpt)


class Resize(Transform):
    """At another size: (height, width), or the length of the shorter side.

    interpolation: an InterpolationMode: how values between pixels are found. antialias: average
    what a smaller image cannot show. max_size: the longer side becomes no longer than this, in
    pixels.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type;
    RuntimeError where size is negative; ValueError where size is a tensor of several numbers.

    >>> Resize(4)(torch.zeros(3, 8, 16)).shape
    torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None,
        interpolation: Any = BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if size is None and max_size is None:
            raise ValueError("max_size must be an integer when size is None")
        self.size = [size] if isinstance(size, int) else size
        self.interpolation = mode_of(interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def transform(self, inpt: Any, params: Params) -> Any:
        size = params.get("size", self.size)
        return self.call(F.resize, inpt, size, self.interpolation, max_size=self.max_size,
                         antialias=self.antialias)  # fmt: skip


class RandomResize(Resize):
    """Resized so that the shorter side is at least min_size and less than max_size.

    interpolation: an InterpolationMode: how values between pixels are found. antialias: average
    what a smaller image cannot show.

    Images are of shape (..., C, H, W). Raises TypeError where min_size or max_size is of the wrong
    type; RuntimeError where max_size is negative.

    >>> min(RandomResize(4, 5)(torch.zeros(3, 8, 16)).shape[1:])
    4
    """

    def __init__(
        self,
        min_size: int,
        max_size: int,
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__(min_size, interpolation, None, antialias)
        self.limits = (min_size, max_size)

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"size": [integer(*self.limits)]}


class RandomShortestSize(Resize):
    """Resized so that the shorter side is one of min_size, and the longer at most max_size.

    interpolation: an InterpolationMode: how values between pixels are found. antialias: average
    what a smaller image cannot show.

    Images are of shape (..., C, H, W). Raises TypeError where max_size is of the wrong type or
    inputs is no tensor; IndexError where min_size is empty or min_size is too short; RuntimeError
    where max_size is negative.

    >>> RandomShortestSize([4], max_size=6)(torch.zeros(3, 8, 16)).shape
    torch.Size([3, 3, 6])
    """

    def __init__(
        self,
        min_size: list[int] | tuple[int, ...] | int,
        max_size: int | None = None,
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        self_sizes = [min_size] if isinstance(min_size, int) else list(min_size)
        super().__init__(self_sizes[0], interpolation, None, antialias)
        self.min_size = self_sizes
        self.longest = max_size

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        scale = self.min_size[integer(0, len(self.min_size))] / min(height, width)
        if self.longest is not None:
            scale = min(scale, self.longest / max(height, width))
        return {"size": (int(height * scale), int(width * scale))}


class ScaleJitter(Resize):
    """Resized to fit target_size, times a draw from scale_range.

    interpolation: an InterpolationMode: how values between pixels are found. antialias: average
    what a smaller image cannot show.

    Images are of shape (..., C, H, W). Raises TypeError where target_size or scale_range is of the
    wrong type or inputs is no tensor; IndexError where target_size is empty or too short.

    >>> max(ScaleJitter((8, 8), scale_range=(0.5, 0.5))(torch.zeros(3, 8, 16)).shape[1:])
    4
    """

    def __init__(
        self,
        target_size: tuple[int, int],
        scale_range: tuple[float, float] = (0.1, 2.0),
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__(target_size, interpolation, None, antialias)
        self.target_size = target_size
        self.scale_range = scale_range

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        scale = low + T.rand(1) * (high - low)
        fit = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int(height * fit), int(width * fit))}


class CenterCrop(Transform, v1.CenterCrop):
    """The middle.

    size: height and width, or the length of the shorter side.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type; ValueError
    where size is a tensor of several numbers.

    >>> CenterCrop(4)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.center_crop, inpt, self.size)


class FiveCrop(Transform, v1.FiveCrop):
    """The corners and the middle of an image, as a tuple.

    size: height and width, or the length of the shorter side.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type; ValueError
    where size is a tensor of several numbers or does not fit.

    >>> [tuple(part.shape) for part in FiveCrop(4)(torch.zeros(3, 8, 8))][:2]
    [(3, 4, 4), (3, 4, 4)]
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.five_crop, inpt, self.size)


class TenCrop(Transform, v1.TenCrop):
    """`FiveCrop` of an image and of the image flipped.

    size: height and width, or the length of the shorter side. vertical_flip: flip up and down
    instead of left and right.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type; ValueError
    where size is a tensor of several numbers or does not fit.

    >>> len(TenCrop(4)(torch.zeros(3, 8, 8)))
    10
    """

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.ten_crop, inpt, self.size, self.vertical_flip)


class Pad(Transform):
    """With a border; fill may be a dictionary by class.

    padding: how many pixels are added: for all sides, left and top, or each side. padding_mode:
    'constant', 'edge', 'reflect' or 'symmetric'.

    Images are of shape (..., C, H, W). Raises TypeError where padding is of the wrong type.

    >>> Pad(1)(torch.zeros(3, 2, 2)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        super().__init__()
        sides(padding)
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def transform(self, inpt: Any, params: Params) -> Any:
        fill = fill_of(self.fill, inpt)
        return self.call(F.pad, inpt, params.get("padding", self.padding), fill, self.padding_mode)


class RandomZoomOut(RandomTransform):
    """Onto a canvas whose sides are longer by a draw from side_range, with probability p.

    fill: the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where side_range or p is of the wrong type
    or inputs is no tensor; ValueError where side_range has another length or p is out of range;
    RuntimeError where p is a tensor of several numbers.

    >>> RandomZoomOut(side_range=(2.0, 2.0), p=1)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 16, 16])
    """

    def __init__(
        self, fill: Any = 0, side_range: Sequence[float] = (1.0, 4.0), p: float = 0.5
    ) -> None:
        super().__init__(p)
        check_length(side_range, "side_range", (2,))
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.fill = fill
        self.side_range = side_range

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        grow = low + T.rand(1) * (high - low)
        across, down = int(width * grow) - width, int(height * grow) - height
        at = T.rand(2)
        left, top = int(across * at[0]), int(down * at[1])
        return {"padding": [left, top, across - left, down - top]}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.pad, inpt, params["padding"], fill_of(self.fill, inpt))


class RandomCrop(Transform, v1.RandomCrop):
    """A rectangle of that size, anywhere; the sample may be padded first.

    padding: how many pixels are added: for all sides, left and top, or each side. fill: the value
    of pixels that come from outside. padding_mode: 'constant', 'edge', 'reflect' or 'symmetric'.
    pad_if_needed: pad images that are smaller than size.

    Images are of shape (..., C, H, W). Raises TypeError where size or padding is of the wrong type
    or inputs is no tensor; ValueError where padding is negative; RuntimeError where padding is a
    tensor of several numbers.

    >>> RandomCrop(8, padding=2)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        left, top, right, bottom = sides(self.padding) if self.padding else (0, 0, 0, 0)
        high, wide = self.size
        if self.pad_if_needed:
            lack = max(high - (height + top + bottom), 0)
            top, bottom = top + lack, bottom + lack
            lack = max(wide - (width + left + right), 0)
            left, right = left + lack, right + lack
        height, width = height + top + bottom, width + left + right
        if height < high or width < wide:
            raise ValueError(
                f"Required crop size {(high, wide)} is larger than input image size "
                f"{(height, width)}."
            )
        row = integer(0, height - high + 1) if height > high else 0
        column = integer(0, width - wide + 1) if width > wide else 0
        cut = (height, width) != (high, wide)
        return {
            "padding": [left, top, right, bottom],
            "part": (row, column, high, wide) if cut else None,
        }

    def transform(self, inpt: Any, params: Params) -> Any:
        if any(params["padding"]):
            fill = fill_of(self.fill, inpt)
            inpt = self.call(F.pad, inpt, params["padding"], fill, self.padding_mode)
        return inpt if params["part"] is None else self.call(F.crop, inpt, *params["part"])


class RandomResizedCrop(Transform, v1.RandomResizedCrop):
    """A part of random area and proportions, resized.

    size: height and width, or the length of the shorter side. scale: a factor, or the range of
    the share of the area. ratio: the least and largest width by height. interpolation: an
    InterpolationMode: how values between pixels are found. antialias: average what a smaller
    image cannot show.

    Images are of shape (..., C, H, W). Raises TypeError where size is of the wrong type or inputs
    is no tensor; RuntimeError where size is negative; ValueError where size is a tensor of several
    numbers.

    >>> RandomResizedCrop(4)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        return {"part": crop_rectangle(height, width, self.scale, self.ratio)}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.resized_crop, inpt, *params["part"], self.size, self.interpolation,
                         self.antialias)  # fmt: skip


class RandomRotation(Transform, v1.RandomRotation):
    """Turned by an angle from the range degrees.

    interpolation: an InterpolationMode: how values between pixels are found. expand: make room
    for the whole turned image. center: (x, y) of the point that stays; None: the middle. fill:
    the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises ValueError where degrees is of the wrong type or
    degrees is negative.

    >>> RandomRotation(30)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        return {"angle": uniform(self.degrees[0], self.degrees[1])}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.rotate, inpt, params["angle"], self.interpolation, self.expand,
                         self.center, fill_of(self.fill, inpt))  # fmt: skip


class RandomAffine(Transform, v1.RandomAffine):
    """Turned, moved, scaled and sheared by draws from the given ranges.

    degrees: the largest angle, or a range of angles. translate: the shift in pixels, or how large
    it may be as a share of the size. interpolation: an InterpolationMode: how values between pixels
    are found. fill: the value of pixels that come from outside. center: (x, y) of the point that
    stays; None: the middle. scale: a factor, or the range of factors. shear: degrees, along x or
    (along x, along y).

    Images are of shape (..., C, H, W). Raises TypeError where translate is of the wrong type or
    inputs is no tensor; ValueError where degrees is of the wrong type, degrees is negative or
    translate has another length.

    >>> RandomAffine(30, translate=(0.1, 0.1))(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return {"drawn": drawn}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.affine, inpt, *params["drawn"], self.interpolation,
                         fill_of(self.fill, inpt), self.center)  # fmt: skip


class RandomPerspective(RandomTransform, v1.RandomPerspective):
    """Seen from another side, with probability p.

    distortion_scale: how far corners move, from 0 to 1. interpolation: an InterpolationMode:
    how values between pixels are found. fill: the value of pixels that come from outside.

    Images are of shape (..., C, H, W). Raises TypeError where p is of the wrong type or inputs is
    no tensor; RuntimeError where p is a tensor of several numbers.

    >>> RandomPerspective(p=1)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = BILINEAR,
        fill: Any = 0,
    ) -> None:
        v1.RandomPerspective.__init__(self, distortion_scale, p, interpolation, fill)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        return {"points": self.get_params(width, height, self.distortion_scale)}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.perspective, inpt, *params["points"], self.interpolation,
                         fill_of(self.fill, inpt))  # fmt: skip


class ElasticTransform(Transform, v1.ElasticTransform):
    """Drawn on rubber: displaced by smooth noise.

    sigma: standard deviation in pixels, or the range that it is drawn from. interpolation: an
    InterpolationMode: how values between pixels are found. fill: the value of pixels that come
    from outside.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor; ValueError where
    sigma is of the wrong type; RuntimeError where sigma is above 1.

    >>> ElasticTransform(sigma=1.0)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: Any = BILINEAR, fill: Any = 0
    ) -> None:
        v1.ElasticTransform.__init__(self, alpha, sigma, interpolation, 0)
        self.fill = fill

    def make_params(self, flat_inputs: list[Any]) -> Params:
        size = list(query_size(flat_inputs))
        return {"displacement": self.get_params(self.alpha, self.sigma, size)}

    def transform(self, inpt: Any, params: Params) -> Any:
        return self.call(F.elastic, inpt, params["displacement"], self.interpolation,
                         fill_of(self.fill, inpt))  # fmt: skip


class RandomIoUCrop(Transform):
    """A part that overlaps some box by at least a drawn amount, as SSD trains on.

    Boxes whose middles are outside become empty: `SanitizeBoundingBoxes` takes them away.

    min_scale: the least share of each side. max_scale: the largest share of each side.
    min_aspect_ratio: the least width by height. max_aspect_ratio: the largest width by height.
    sampler_options: the least overlaps with a box that are asked for, one drawn; above 1: leave the
    image alone. trials: how many parts are tried.

    Images are of shape (..., C, H, W). Raises TypeError where inputs is no tensor, inputs has a
    shape that does not fit, inputs holds values out of range or inputs holds booleans or complex
    numbers; ValueError where inputs has a shape that does not fit.

    >>> boxes = tv_tensors.BoundingBoxes([[1, 2, 30, 50]], format="XYXY", canvas_size=(64, 64))
    >>> image, kept = RandomIoUCrop()(torch.zeros(3, 64, 64), boxes)
    >>> kept.canvas_size == image.shape[-2:]
    True
    """

    def __init__(
        self,
        min_scale: float = 0.3,
        max_scale: float = 1.0,
        min_aspect_ratio: float = 0.5,
        max_aspect_ratio: float = 2.0,
        sampler_options: list[float] | None = None,
        trials: int = 40,
    ) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.min_aspect_ratio = min_aspect_ratio
        self.max_aspect_ratio = max_aspect_ratio
        self.options = sampler_options or [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
        self.trials = trials

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        images = any(is_pil(x) or is_pure_tensor(x) or isinstance(x, Image) for x in flat_inputs)
        if not images or not any(isinstance(x, BoundingBoxes) for x in flat_inputs):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images "
                "and bounding boxes. Sample can also contain masks."
            )

    def make_params(self, flat_inputs: list[Any]) -> Params:
        height, width = query_size(flat_inputs)
        found = next(x for x in flat_inputs if isinstance(x, BoundingBoxes))
        boxes = box_convert(found.as_subclass(Tensor), found.format.value.lower(), "xyxy")
        middles = (boxes[:, :2] + boxes[:, 2:]) * 0.5
        while True:
            overlap = self.options[integer(0, len(self.options))]
            if overlap >= 1.0:
                return {}
            for _ in range(self.trials):
                scale = self.min_scale + (self.max_scale - self.min_scale) * T.rand(2)
                wide, high = int(width * scale[0]), int(height * scale[1])
                if not self.min_aspect_ratio <= wide / high <= self.max_aspect_ratio:
                    continue
                at = T.rand(2)
                left, top = int((width - wide) * at[0]), int((height - high) * at[1])
                if wide == 0 or high == 0:
                    continue
                x, y = middles[:, 0], middles[:, 1]
                inside = (left < x) & (x < left + wide) & (top < y) & (y < top + high)
                if not bool(inside.any()):
                    continue
                part = T.tensor([[left, top, left + wide, top + high]], dtype=boxes.dtype)
                if float(box_iou(boxes[inside], part).max()) < overlap:
                    continue
                return {"part": (top, left, high, wide), "inside": inside}

    def transform(self, inpt: Any, params: Params) -> Any:
        if not params:
            return inpt
        out = self.call(F.crop, inpt, *params["part"])
        if isinstance(out, BoundingBoxes):
            out[~params["inside"]] = 0
        return out
