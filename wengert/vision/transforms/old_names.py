"""Transforms that torchvision has taken away: they work, and say once which one came after them."""

from __future__ import annotations

from typing import Any

from ...base.hints import hint
from .crops import RandomResizedCrop
from .geometry import Resize

__all__ = ["RandomSizedCrop", "Scale"]


def gone(name: str, instead: str) -> None:
    hint(f"old name transforms.{name}",
         f"transforms.{name} is gone from torchvision: write transforms.{instead}")  # fmt: skip


class Scale(Resize):
    """Resize under the name that it had until 0.2; args and kwargs are Resize's.

    Images are of shape (..., C, H, W).

    >>> torchvision.transforms.Scale(4)(torch.zeros(3, 8, 16)).shape
    torch.Size([3, 4, 8])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        gone("Scale", "Resize")
        super().__init__(*args, **kwargs)


class RandomSizedCrop(RandomResizedCrop):
    """RandomResizedCrop under the name that it had until 0.2; args and kwargs are its own.

    Images are of shape (..., C, H, W).

    >>> torchvision.transforms.RandomSizedCrop(4)(torch.zeros(3, 8, 16)).shape
    torch.Size([3, 4, 4])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        gone("RandomSizedCrop", "RandomResizedCrop")
        super().__init__(*args, **kwargs)
