"""Transforms made of transforms, and those that change an image's kind or its dtype.

What changes the picture is in `geometry.py` and `colors.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from ...api import functions as T
from ...base.dtypes import dtype as Dtype
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from ...nn.module import Module
from . import functional as F

__all__ = [
    "Compose", "ConvertImageDtype", "Lambda", "LinearTransformation", "Normalize", "PILToTensor",
    "RandomApply", "RandomChoice", "RandomOrder", "ToPILImage", "ToTensor",
]  # fmt: skip


def listed(owner: Any, *lines: str) -> str:
    """The printed form of a transform of transforms."""
    inside = [*lines, *(f"    {t}" for t in owner.transforms)]
    return "\n".join([f"{type(owner).__name__}(", *inside, ")"])


class Compose:
    """Transforms one after the other.

    transforms: a function of image and target, or several of them.

    An image has any shape that the transforms take. Raises TypeError where transforms or img is of
    the wrong type; RuntimeError where img holds booleans.

    >>> Compose([torch.neg, torch.exp])(torch.zeros(1))
    tensor([1.])
    >>> both = Compose([transforms.CenterCrop(4), transforms.RandomHorizontalFlip()])
    >>> both(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return listed(self)


class RandomApply(Module):
    """All of the transforms, with probability p, or none.

    An image has any shape that the transforms take. Raises TypeError where transforms or p is of
    the wrong type or img is no tensor; RuntimeError where p is a tensor of several numbers.

    >>> RandomApply([transforms.CenterCrop(4)], p=1.0)(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if self.p < T.rand(1):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return listed(self, f"    p={self.p}")


class RandomOrder:
    """All of the transforms, in an order drawn from Python's `random`.

    An image has any shape that the transforms take. Raises TypeError where transforms or img is of
    the wrong type.

    >>> both = RandomOrder([transforms.CenterCrop(4), transforms.RandomHorizontalFlip()])
    >>> both(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img

    def __repr__(self) -> str:
        return listed(self)


class RandomChoice:
    """One of the transforms, drawn from Python's `random` with the weights p.

    An image has any shape that the transforms take. Raises TypeError where transforms or an
    argument is of the wrong type; IndexError where transforms is empty.

    >>> one = RandomChoice([transforms.CenterCrop(4), transforms.Resize(4)])
    >>> one(torch.zeros(3, 8, 8)).shape
    torch.Size([3, 4, 4])
    """

    @clear_errors
    def __init__(
        self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None
    ) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.transforms = transforms
        self.p = p

    def __call__(self, *args: Any) -> Any:
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self) -> str:
        return f"{listed(self)}(p={self.p})"


class Lambda:
    """A function as a transform.

    lambd: the function.

    Tensors have any shape that the function takes. Raises TypeError where lambd cannot be called.

    >>> Lambda(lambda x: x + 1)(torch.zeros(2))
    tensor([1., 1.])
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToTensor:
    """A Pillow image or array (H, W, C) as a tensor (C, H, W), uint8 scaled to [0, 1].

    Raises TypeError where pic is of the wrong type.

    >>> ToTensor()(np.zeros((4, 6, 3), np.uint8)).shape
    torch.Size([3, 4, 6])
    """

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """A Pillow image as a tensor (C, H, W) of the same values.

    Raises TypeError where pic is of the wrong type.

    >>> from PIL import Image
    >>> PILToTensor()(Image.new("RGB", (4, 2))).shape
    torch.Size([3, 2, 4])
    """

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToPILImage:
    """A tensor (C, H, W) or array (H, W, C) as an image of Pillow.

    mode: the kind of image, such as 'RGB'; None: as it is.

    Raises TypeError where pic is of the wrong type or pic holds integers, booleans or complex
    numbers; ValueError where pic has a shape that does not fit.

    >>> ToPILImage()(torch.zeros(3, 4, 6)).size
    (6, 4)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(Module):
    """A tensor image in another dtype, scaled so that white stays white.

    Images are of shape (..., C, H, W). Raises TypeError where image is no tensor.

    >>> ConvertImageDtype(torch.float32)(torch.tensor([[[255]]], dtype=torch.uint8))
    tensor([[[1.]]])
    """

    def __init__(self, dtype: Dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Module):
    """(tensor - mean) / std for each channel of a float image (..., C, H, W).

    inplace: write the result over the input.

    Raises TypeError where tensor is no tensor or tensor holds integers, booleans or complex
    numbers; ValueError where tensor has a shape that does not fit; RuntimeError where mean or std
    is empty, too short or too long.

    >>> Normalize((0.5,), (0.5,))(torch.zeros(1, 1, 1))
    tensor([[[-1.]]])
    >>> Normalize([0.5], [0.5])(torch.ones(1, 1, 2))
    tensor([[[1., 1.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class LinearTransformation(Module):
    """A flattened image, less mean_vector (D,), times transformation_matrix (D, D): whitening.

    Raises ValueError where transformation_matrix, mean_vector or tensor has a shape that does not
    fit or transformation_matrix or mean_vector holds integers, booleans or complex numbers;
    IndexError where mean_vector or tensor has a shape that does not fit; RuntimeError where tensor
    holds booleans.

    >>> LinearTransformation(torch.eye(4), torch.ones(4))(torch.ones(1, 2, 2))
    tensor([[[0., 0.],
             [0., 0.]]])
    """

    @clear_errors
    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                f"transformation_matrix should be square. Got {(rows, columns)} rectangular matrix."
            )
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"mean_vector should have the length {rows} of the sides of transformation_matrix, "
                f"got {mean_vector.shape[0]}"
            )
        if transformation_matrix.dtype != mean_vector.dtype:
            raise ValueError(
                "Input tensors should have the same dtype. Got "
                f"{transformation_matrix.dtype} and {mean_vector.dtype}"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        size = tensor.shape[-3] * tensor.shape[-2] * tensor.shape[-1]
        if size != self.transformation_matrix.shape[0]:
            raise ValueError(
                f"Input tensor and transformation matrix have incompatible shape: "
                f"{list(tensor.shape[-3:])} against {self.transformation_matrix.shape[0]}"
            )
        flat = tensor.reshape(-1, size) - self.mean_vector
        return (flat @ self.transformation_matrix.to(flat.dtype)).reshape(tensor.shape)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )
