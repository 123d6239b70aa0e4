"""The base of the data sets, and the pair of transforms that each of them has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...data.dataset import Dataset

__all__ = ["StandardTransform", "VisionDataset"]

MISSING = "Dataset not found or corrupted. You can use download=True to download it"

Transform = Callable[..., Any]


def labelled(label: str, value: object) -> list[str]:
    """`label: ` and the lines of value's printed form, those after the first indented."""
    first, *rest = repr(value).splitlines()
    return [f"{label}: {first}", *(" " * (len(label) + 2) + line for line in rest)]


def _transformed(
    transform: Transform | None, target_transform: Transform | None, input: Any, target: Any
) -> tuple[Any, Any]:
    if transform is not None:
        input = transform(input)  # noqa: A001
    if target_transform is not None:
        target = target_transform(target)
    return input, target


class StandardTransform:
    """A transform of the input and one of the target, called with both."""

    def __init__(
        self, transform: Transform | None = None, target_transform: Transform | None = None
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        return _transformed(self.transform, self.target_transform, input, target)

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        if self.transform is not None:
            lines += labelled("Transform", self.transform)
        if self.target_transform is not None:
            lines += labelled("Target transform", self.target_transform)
        return "\n".join(lines)


class VisionDataset(Dataset[Any]):
    """A data set in the folder root.

    Args:
        transforms: takes and returns (input, target); or, instead,
        transform and target_transform: take and return one of them.

    Raises TypeError where transform or transforms cannot be called.

    >>> class Ones(VisionDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return self.transformed(torch.ones(2), index)
    >>> Ones("data", transform=lambda x: 2 * x)[1]
    (tensor([2., 2.]), 1)
    >>> both = Ones("data", transforms=lambda x, y: (x, y + 1))
    >>> both.jointly_transformed("image", 1)
    ('image', 2)
    >>> both.extra_repr()
    ''
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transforms: Transform | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        self.transform = transform
        self.target_transform = target_transform
        if separate:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def transformed(self, input: Any, target: Any) -> tuple[Any, Any]:
        """The sample after transform and target_transform, which a user may have changed since.

        A tensor has any shape that transform takes.
        """
        return _transformed(self.transform, self.target_transform, input, target)

    def jointly_transformed(self, input: Any, target: Any) -> tuple[Any, Any]:
        """The sample after transforms, which takes both."""
        return (input, target) if self.transforms is None else self.transforms(input, target)

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """More lines for the printed form."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + line for line in body)])
