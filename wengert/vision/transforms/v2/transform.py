"""The base of version 2: a transform of samples, which are any nesting of images and what belongs.

What is drawn is drawn once for a sample (`make_params`), and used for all that is in it
(`transform`). Which of a sample's tensors count: if there is an image, plain tensors are left
alone; if there is none, the first plain tensor is taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from ....base.pytree import tree_flatten, tree_unflatten
from ....engine.tensor import Tensor
from ....nn.module import Module
from ...pillow import is_pil
from ...tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, Video
from ..draws import chance
from . import functional as F
from .functional.dispatch import has_kernel, is_pure_tensor

__all__ = ["RandomTransform", "Transform"]


class Transform(Module):
    """A transform of samples; subclasses define `transform`, and `make_params` if they draw.

    Images are of shape (..., C, H, W), videos (..., T, C, H, W), masks (..., H, W), boxes (N, 4).
    Raises NotImplementedError where inputs holds complex numbers.

    >>> class Darker(Transform):
    ...     def transform(self, inpt, params):
    ...         return inpt // 2
    >>> image = tv_tensors.Image(torch.full((1, 1, 2), 100, dtype=torch.uint8))
    >>> Darker()(image, {"label": 3})[1]
    {'label': 3}
    """

    __repr__ = Module.__repr__

    def takes(self, inpt: Any) -> bool:
        """Whether inpt is of a kind that this transform may change.

        >>> Transform().takes(torch.zeros(3, 8, 8)), Transform().takes("a label")
        (True, False)
        """
        return isinstance(inpt, Tensor) or is_pil(inpt)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise if a sample is not one for this transform.

        flat_inputs: the parts of a sample: images, boxes, masks, and the rest.

        >>> Transform().check_inputs([torch.zeros(3, 8, 8)])
        """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn for a sample, from those of its parts that will be transformed.

        flat_inputs: the parts of a sample: images, boxes, masks, and the rest.

        >>> Transform().make_params([torch.zeros(3, 8, 8)])
        {}
        """
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One part of a sample, transformed.

        inpt: an image, a tensor (*, C, H, W) or a picture of Pillow. params: what make_params has
        drawn.

        >>> v2.CenterCrop(2).transform(torch.zeros(3, 8, 8), {}).shape
        torch.Size([3, 2, 2])
        """
        raise NotImplementedError

    def call(self, function: Any, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        """function of inpt, or inpt if function has nothing for its kind.

        function: one of v2.functional, which looks up what to do by the class of inpt.

        Raises TypeError where function cannot be called.

        >>> Transform().call(v2.functional.hflip, torch.tensor([[[1., 2.]]]))
        tensor([[[2., 1.]]])
        """
        return function(inpt, *args, **kwargs) if has_kernel(function, inpt) else inpt

    _call_kernel = call

    def chosen(self, flat: list[Any]) -> list[bool]:
        """Which parts of a sample are transformed.

        flat: the parts of a sample.

        Raises TypeError where flat is of the wrong type.

        >>> Transform().chosen([torch.zeros(3, 8, 8), "a label"])
        [True, False]
        """
        pure = not any(isinstance(x, (Image, Video)) or is_pil(x) for x in flat)
        found = []
        for x in flat:
            takes = self.takes(x)
            if takes and is_pure_tensor(x):
                takes, pure = pure, False
            found.append(takes)
        return found

    def drawn(self) -> bool:
        """Whether this sample is transformed at all.

        >>> Transform().drawn()
        True
        """
        return True

    def forward(self, *inputs: Any) -> Any:
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(sample)
        self.check_inputs(flat)
        if not self.drawn():
            return sample
        chosen = self.chosen(flat)
        params = self.make_params([x for x, is_chosen in zip(flat, chosen) if is_chosen])
        out = [self.transform(x, params) if c else x for x, c in zip(flat, chosen)]
        return tree_unflatten(out, spec)

    def extra_repr(self) -> str:
        plain = (bool, int, float, str, tuple, list, Enum)
        shown = {
            name: value
            for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, plain)
        }
        return ", ".join(f"{name}={value}" for name, value in shown.items())


class RandomTransform(Transform):
    """A transform that is made with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def drawn(self) -> bool:
        return chance(self.p)


def is_image(x: Any) -> bool:
    return is_pure_tensor(x) or is_pil(x) or isinstance(x, (Image, Video))


def only(found: set[tuple[int, ...]], what: str) -> tuple[int, ...]:
    if not found:
        raise TypeError(f"No {what} was found in the sample")
    if len(found) > 1:
        raise ValueError(f"Found images of several sizes in the sample: {sorted(found)}")
    return found.pop()


def query_chw(flat: list[Any]) -> tuple[int, ...]:
    """Channels, height and width of the images of a sample, which must agree."""
    return only({tuple(F.get_dimensions(x)) for x in flat if is_image(x)}, "image or video")


def query_size(flat: list[Any]) -> tuple[int, ...]:
    """Height and width of what is in a sample, which must agree."""
    kinds = (Mask, BoundingBoxes, KeyPoints)
    sizes = {tuple(F.get_size(x)) for x in flat if is_image(x) or isinstance(x, kinds)}
    return only(sizes, "image, video, mask, bounding box or keypoint")


def labels_of(sample: Any) -> Any:
    """The labels of a sample: the second of a pair, or what a dictionary has under that name."""
    inputs = sample[1] if isinstance(sample, (tuple, list)) else sample
    if is_pure_tensor(inputs):
        return inputs
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a "
            "dictionary or a two-tuple whose second item is a dictionary or a tensor, but got "
            f"{inputs} instead."
        )
    for fits in (lambda key: key == "labels", lambda key: "label" in key):
        for key in inputs:
            if fits(key.lower()):
                return inputs[key]
    raise ValueError(
        "Could not infer where the labels are in the sample. Try passing a callable as the "
        "labels_getter parameter? If there are no labels in the sample by design, pass "
        "labels_getter=None."
    )


def labels_getter_of(labels_getter: Any) -> Any:
    if labels_getter == "default":
        return labels_of
    if labels_getter is None:
        return lambda sample: None
    if not callable(labels_getter):
        raise ValueError(
            f"labels_getter should either be 'default', a callable, or None, got {labels_getter}."
        )
    return labels_getter


def fills(fill: Any) -> Any:
    """A function from a class to its fill, where fill may be a dictionary by class."""
    if isinstance(fill, dict):
        return lambda kind: fill.get(kind, fill.get("others"))
    return lambda kind: fill


def fill_of(fill: Any, inpt: Any) -> Any:
    return fills(fill)(type(inpt))
