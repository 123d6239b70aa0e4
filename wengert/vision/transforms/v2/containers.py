"""Transforms of version 2 made of transforms, and conversions of kinds and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....api import functions as T
from ....base.dtypes import dtype as Dtype
from ....base.dtypes import float32
from ....engine.tensor import Tensor
from ....nn.containers import ModuleList
from ...pillow import is_pil
from ...tv_tensors import Image, TVTensor, Video, wrap
from .. import containers as v1
from ..draws import chance
from . import functional as F
from .functional.dispatch import is_pure_tensor
from .transform import Transform

__all__ = [
    "Compose", "ConvertImageDtype", "Identity", "Lambda", "LinearTransformation", "Normalize",
    "PILToTensor", "RandomApply", "RandomChoice", "RandomOrder", "ToDtype", "ToImage",
    "ToPILImage", "ToPureTensor", "ToTensor",
]  # fmt: skip


class Several(Transform):
    """Transforms that are called one after the other, with the sample's parts."""

    def __init__(self, transforms: Any) -> None:
        super().__init__()
        if not isinstance(transforms, (Sequence, ModuleList)):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    def run(self, transforms: Any, inputs: tuple[Any, ...]) -> Any:
        several = len(inputs) > 1
        for transform in transforms:
            out = transform(*inputs)
            inputs = out if several else (out,)
        return inputs if several else inputs[0]

    def extra_repr(self) -> str:
        return "\n".join(f"    {transform}" for transform in self.transforms)


class Compose(Several):
    """Transforms one after the other.

    transforms: a function of image and target, or several of them.

    An image has any shape that the transforms take. Raises TypeError where transforms is of the
    wrong type; ValueError where transforms is empty.

    >>> Compose([v2.CenterCrop(4), v2.RandomHorizontalFlip()])(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def forward(self, *inputs: Any) -> Any:
        return self.run(self.transforms, inputs)


class RandomApply(Several):
    """All of the transforms, with probability p, or none.

    An image has any shape that the transforms take. Raises TypeError where transforms or p is of
    the wrong type; ValueError where transforms is empty, transforms is too short or p is not in [0,
    1]; RuntimeError where p is a tensor of several numbers.

    >>> RandomApply([v2.CenterCrop(4)], p=1.0)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        return self.run(self.transforms if chance(self.p) else (), inputs)


class RandomChoice(Several):
    """One of the transforms, drawn with the probabilities p.

    An image has any shape that the transforms take. Raises TypeError where transforms is of the
    wrong type; ValueError where transforms is empty.

    >>> RandomChoice([v2.CenterCrop(4), v2.CenterCrop(4)])(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(
        self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None
    ) -> None:
        super().__init__(transforms)
        p = [1] * len(transforms) if p is None else p
        if len(p) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}"
            )
        self.p = [x / sum(p) for x in p]

    def forward(self, *inputs: Any) -> Any:
        return self.transforms[int(T.multinomial(T.tensor(self.p), 1))](*inputs)


class RandomOrder(Several):
    """All of the transforms in random order.

    An image has any shape that the transforms take. Raises TypeError where transforms is of the
    wrong type; ValueError where transforms is empty.

    >>> RandomOrder([v2.CenterCrop(4), v2.RandomHorizontalFlip()])(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def forward(self, *inputs: Any) -> Any:
        order = T.randperm(len(self.transforms)).tolist()
        return self.run([self.transforms[i] for i in order], inputs)


class Identity(Transform):
    """Nothing changed.

    Tensors have any shape.

    >>> Identity()(torch.ones(2))
    tensor([1., 1.])
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Lambda(Transform):
    """A function of those parts of a sample that are of the given types, by default of all.

    lambd: the function.

    Tensors have any shape that the function takes. Raises TypeError where lambd cannot be called or
    types is of the wrong type.

    >>> Lambda(lambda x: x + 1, torch.Tensor)((torch.zeros(2), 5))
    (tensor([1., 1.]), 5)
    """

    def __init__(self, lambd: Callable[[Any], Any], *types: type) -> None:
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def takes(self, inpt: Any) -> bool:
        return isinstance(inpt, self.types)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.lambd(inpt)

    def extra_repr(self) -> str:
        name = getattr(self.lambd, "__name__", None)
        shown = f"types={[t.__name__ for t in self.types]}"
        return f"{name}, {shown}" if name else shown


class ToImage(Transform):
    """Tensors, arrays and images of Pillow as `Image`.

    >>> type(ToImage()(np.zeros((4, 6, 3), np.uint8))).__name__
    'Image'
    """

    def takes(self, inpt: Any) -> bool:
        return is_pure_tensor(inpt) or is_pil(inpt) or isinstance(inpt, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_image(inpt)


class ToPILImage(Transform):
    """Tensors and arrays as images of Pillow.

    mode: the kind of image, such as 'RGB'; None: as it is.

    A tensor is of shape (C, H, W) or (H, W). Raises TypeError where inputs holds integers, booleans
    or complex numbers; ValueError where inputs has a shape that does not fit.

    >>> ToPILImage()(torch.zeros(3, 4, 6)).size
    (6, 4)
    """

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def takes(self, inpt: Any) -> bool:
        return is_pure_tensor(inpt) or isinstance(inpt, (Image, np.ndarray))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_pil_image(inpt, self.mode)


class PILToTensor(Transform):
    """Images of Pillow as tensors of the same values.

    >>> from PIL import Image
    >>> PILToTensor()(Image.new("RGB", (4, 2))).shape
    torch.Size([3, 2, 4])
    """

    def takes(self, inpt: Any) -> bool:
        return is_pil(inpt)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.pil_to_tensor(inpt)


class ToTensor(Transform):
    """Images of Pillow and arrays as tensors, uint8 scaled to [0, 1].

    >>> ToTensor()(np.zeros((4, 6, 3), np.uint8)).shape
    torch.Size([3, 4, 6])
    """

    def takes(self, inpt: Any) -> bool:
        return is_pil(inpt) or isinstance(inpt, np.ndarray)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_tensor(inpt)


class ToPureTensor(Transform):
    """Tensors that say what they show as plain ones.

    Tensors have any shape.

    >>> type(ToPureTensor()(tv_tensors.Image(torch.zeros(3, 4, 6)))).__name__
    'Tensor'
    """

    def takes(self, inpt: Any) -> bool:
        return isinstance(inpt, TVTensor)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt.as_subclass(Tensor)


class ToDtype(Transform):
    """Images in another dtype, or each kind in the one that a dictionary has for its class.

    scale: so that white stays white.

    Tensors have any shape. Raises ValueError where dtype is of the wrong type.

    >>> ToDtype(torch.float32, scale=True)(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, Dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def takes(self, inpt: Any) -> bool:
        return isinstance(inpt, Tensor)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        is_image = is_pure_tensor(inpt) or isinstance(inpt, (Image, Video))
        if not isinstance(self.dtype, dict):
            dtype = self.dtype if is_image else None
        elif type(inpt) in self.dtype or "others" in self.dtype:
            dtype = self.dtype.get(type(inpt), self.dtype.get("others"))
        else:
            raise ValueError(
                f"No dtype was specified for type {type(inpt)}. Use 'others' for the rest, with "
                "None to leave them as they are."
            )
        if dtype is None:
            return inpt
        return F.to_dtype(inpt, dtype, self.scale) if is_image else inpt.to(dtype)


class ConvertImageDtype(Transform):
    """Images in another dtype, scaled so that white stays white.

    Images are of shape (..., C, H, W).

    >>> ConvertImageDtype(torch.float32)(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """

    def __init__(self, dtype: Dtype = float32) -> None:
        super().__init__()
        self.dtype = dtype

    def takes(self, inpt: Any) -> bool:
        return is_pure_tensor(inpt) or isinstance(inpt, (Image, Video))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return F.to_dtype(inpt, self.dtype, scale=True)


def refuse_pillow(owner: Transform, flat_inputs: list[Any]) -> None:
    if any(is_pil(x) for x in flat_inputs):
        raise TypeError(f"{type(owner).__name__}() does not support PIL images.")


class Normalize(Transform, v1.Normalize):
    """(image - mean) / std for each channel.

    inplace: write the result over the input.

    Raises TypeError where mean or std is of the wrong type or inputs holds integers, booleans or
    complex numbers; ValueError where inputs has a shape that does not fit; RuntimeError where mean
    or std is empty, too short or too long.

    >>> Normalize([0.5], [0.5])(torch.ones(1, 1, 2))
    tensor([[[1., 1.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        v1.Normalize.__init__(self, list(mean), list(std), inplace)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        refuse_pillow(self, flat_inputs)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self.call(F.normalize, inpt, self.mean, self.std, self.inplace)


class LinearTransformation(Transform, v1.LinearTransformation):
    """Flattened images, less a mean, times a matrix.

    Raises ValueError where transformation_matrix, mean_vector or inputs has a shape that does not
    fit or transformation_matrix or mean_vector holds integers, booleans or complex numbers;
    IndexError where mean_vector or inputs has a shape that does not fit; RuntimeError where inputs
    holds booleans.

    >>> LinearTransformation(torch.eye(4), torch.ones(4))(torch.ones(1, 2, 2))
    tensor([[[0., 0.],
             [0., 0.]]])
    """

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        refuse_pillow(self, flat_inputs)

    def takes(self, inpt: Any) -> bool:
        return is_pure_tensor(inpt) or isinstance(inpt, (Image, Video))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        out = v1.LinearTransformation.forward(self, inpt)
        return wrap(out, like=inpt) if isinstance(inpt, TVTensor) else out
