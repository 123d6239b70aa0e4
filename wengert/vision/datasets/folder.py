"""Data sets that are folders of files, a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...base.aliases import alias
from ..pillow import pillow
from .vision import Transform, VisionDataset

__all__ = [
    "IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader", "find_classes",
    "has_file_allowed_extension", "is_image_file", "make_dataset", "pil_loader",
]  # fmt: skip

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a file's name ends in one of the extensions, in capitals or not."""
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Whether a file's name says that it is an image."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The sub-folders' names in order, and the number of each.

    Raises FileNotFoundError where there are none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


def files_below(folder: str) -> list[str]:
    return [
        os.path.join(parent, name)
        for parent, _, names in sorted(os.walk(folder, followlinks=True))
        for name in sorted(names)
    ]


def make_dataset(
    directory: str | Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """(path, number of the class) of every file that counts, class by class.

    Either extensions or is_valid_file says which count. Raises FileNotFoundError for a class
    without files, unless allow_empty.
    """
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Exactly one of extensions and is_valid_file must be given")
    counts = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ""))
    samples: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        folder = os.path.join(os.path.expanduser(directory), name)
        found = [(path, class_to_idx[name]) for path in files_below(folder) if counts(path)]
        samples += found
        if not found:
            empty.append(name)
    if empty and not allow_empty:
        known = (extensions,) if isinstance(extensions, str) else extensions or ()
        hint = f"Supported extensions are: {', '.join(known)}" if known else ""
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)}. {hint}")
    return samples


def pil_loader(path: str | Path) -> Any:
    """An image file as an RGB image of Pillow."""
    with open(path, "rb") as file:
        return pillow().open(file).convert("RGB")


default_loader = alias(pil_loader, "default_loader")


class DatasetFolder(VisionDataset):
    """The files below root, each of the class that its folder in root is named after.

    Args:
        loader: makes a sample from a path.
        extensions or is_valid_file: which files count.

    Attributes: `classes`, `class_to_idx`, `samples` as (path, class) and `targets`.

    transform: a function of the image. target_transform: a function of the target. allow_empty:
    accept classes without files.

    >>> import pathlib
    >>> pathlib.Path("files/cat").mkdir(parents=True)
    >>> pathlib.Path("files/cat/one.txt").write_text("meow")
    4
    >>> data = DatasetFolder("files", loader=lambda path: open(path).read(), extensions=(".txt",))
    >>> data[0], data.find_classes("files")
    (('meow', 0), (['cat'], {'cat': 0}))
    >>> data.make_dataset("files", {"cat": 0}, (".txt",))[0][1]
    0
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """(path, class) of every file; subclasses may choose otherwise.

        directory: the folder to look through. allow_empty: accept classes without files.
        """
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; subclasses may choose otherwise.

        directory: the folder to look through.
        """
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """The images below root, each of the class that its folder in root is named after.

    `root/cat/1.png`, `root/dog/x/2.jpg`: classes cat and dog.

    transform: a function of the image. target_transform: a function of the target. loader: a
    function that reads the file of a path. allow_empty: accept classes without files.

    >>> import pathlib
    >>> pathlib.Path("images/dark").mkdir(parents=True)
    >>> torchvision.utils.save_image(torch.zeros(3, 4, 4), "images/dark/a.png")
    >>> data = ImageFolder("images", transform=transforms.ToTensor())
    >>> data[0][0].shape, data.classes
    (torch.Size([3, 4, 4]), ['dark'])
    """

    def __init__(
        self,
        root: str | Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples
