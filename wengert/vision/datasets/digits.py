"""Data sets that are one file of small pictures: SVHN, USPS, SEMEION, STL10."""

from __future__ import annotations

import bz2
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..pillow import pillow
from ..transforms.conversion import image_of
from .archives import Source, check_integrity, extract_archive, obtain, verify_str_arg
from .vision import MISSING, Transform, VisionDataset

__all__ = ["SEMEION", "STL10", "SVHN", "USPS"]


class SVHN(VisionDataset):
    """House numbers, 32 x 32 pixels: split is train, test or extra. The digit 0 is class 0.

    root: the folder of the data. transform: a function of the image. target_transform: a
    function of the target. download: True: check that the files are there; they are not
    fetched.

    >>> SVHN("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    split_list = {
        "train": [
            "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
            "train_32x32.mat",
            "e26dedcc434d2e4c54c9b2d4a06d8373",
        ],
        "test": [
            "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
            "test_32x32.mat",
            "eb5a983be6a315427106f1b164d9cef3",
        ],
        "extra": [
            "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat",
            "extra_32x32.mat",
            "a93ce644f1a588dc4d68dda5feec44a7",
        ],
    }

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.file_md5):
            raise RuntimeError(MISSING)
        content = importlib.import_module("scipy.io").loadmat(path)
        labels = content["y"].astype(np.int64).squeeze()
        self.labels = np.where(labels == 10, 0, labels)
        self.data = content["X"].transpose(3, 2, 0, 1)

    def download(self) -> None:
        """Check that the file is in root."""
        obtain(self.root, [Source(self.filename, self.file_md5, self.url)], "SVHN")

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels = np.ascontiguousarray(self.data[index].transpose(1, 2, 0))
        return self.transformed(pillow().fromarray(pixels), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"


class USPS(VisionDataset):
    """Handwritten digits from envelopes, 16 x 16 pixels.

    root: the folder of the data. train: the training part, or else the test part. transform: a
    function of the image. target_transform: a function of the target. download: True: check
    that the files are there; they are not fetched.

    >>> USPS("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    split_list = {
        "train": [
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
            "usps.bz2",
            "ec16c51db3855ca6c91edd34d0e9b197",
        ],
        "test": [
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2",
            "usps.t.bz2",
            "8ea070ee2aca1ac39742fdd1ef5ed118",
        ],
    }

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        url, name, md5 = self.split_list["train" if train else "test"]
        path = os.path.join(self.root, name)
        if download:
            obtain(self.root, [Source(name, md5, url)], "USPS")
        if not check_integrity(path):
            raise RuntimeError(MISSING)
        with bz2.open(path, "rt") as file:
            rows = [line.split() for line in file]
        values = np.array([[x.split(":")[-1] for x in row[1:]] for row in rows], np.float32)
        self.data = ((values.reshape(-1, 16, 16) + 1) / 2 * 255).astype(np.uint8)
        self.targets = [int(row[0]) - 1 for row in rows]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.transformed(image_of(self.data[index], "L"), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)


class SEMEION(VisionDataset):
    """1593 handwritten digits of 16 x 16 black and white pixels.

    root: the folder of the data. transform: a function of the image. target_transform: a
    function of the target. download: True: check that the files are there; they are not
    fetched.

    >>> SEMEION("data")
    Traceback (most recent call last):
        ...
    RuntimeError: SEMEION: nothing is downloaded here. Fetch these files, ...
    """

    url = "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data"
    filename = "semeion.data"
    md5_checksum = "cb545d371d2ce14ec121470795a77432"

    def __init__(
        self,
        root: str | Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = True,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        if download:
            obtain(self.root, [Source(self.filename, self.md5_checksum, self.url)], "SEMEION")
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.md5_checksum):
            raise RuntimeError(MISSING)
        content = np.loadtxt(path)
        self.data = (content[:, :256] * 255).astype(np.uint8).reshape(-1, 16, 16)
        self.labels = content[:, 256:].nonzero()[1]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.transformed(image_of(self.data[index], "L"), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)


class STL10(VisionDataset):
    """Photographs of 96 x 96 pixels in 10 classes, and many without a class, which count as -1.

    Args:
        split: train, test, unlabeled or train+unlabeled.
        folds: only that one of the ten parts of the training images.

    root: the folder of the data. transform: a function of the image. target_transform: a
    function of the target. download: True: check that the files are there; they are not
    fetched.

    >>> STL10("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        if folds is not None and folds not in range(10):
            raise ValueError(
                f"Value for argument folds should be in the range [0, 10), but got {folds}."
            )
        self.folds = folds
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(MISSING)
        parts = [self.read(part) for part in split.split("+")]
        self.data = np.concatenate([images for images, _ in parts])
        self.labels = np.concatenate([labels for _, labels in parts])
        names = self.path_of(self.class_names_file)
        if os.path.isfile(names):
            self.classes = Path(names).read_text().splitlines()

    def path_of(self, name: str) -> str:
        """The path of a file of the set.

        name: of the file.
        """
        return os.path.join(self.root, self.base_folder, name)

    def read(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, 3, 96, 96) and classes of train, test or unlabeled.

        part: 'train', 'test' or 'unlabeled'.
        """
        stored = np.fromfile(self.path_of(f"{part}_X.bin"), np.uint8).reshape(-1, 3, 96, 96)
        images = stored.transpose(0, 1, 3, 2)
        if part == "unlabeled":
            return images, np.full(len(images), -1)
        labels = np.fromfile(self.path_of(f"{part}_y.bin"), np.uint8) - 1
        if part == "train" and self.folds is not None:
            lines = Path(self.path_of(self.folds_list_file)).read_text().splitlines()
            chosen = np.array(lines[self.folds].split(), np.int64)
            return images[chosen], labels[chosen]
        return images, labels

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list]
        return all(check_integrity(self.path_of(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Unpack the archive, once it is in root."""
        if not self._check_integrity():
            archive = [Source(self.filename, self.tgz_md5, self.url)]
            extract_archive(obtain(self.root, archive, "STL10")[0], self.root)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels = np.ascontiguousarray(self.data[index].transpose(1, 2, 0))
        return self.transformed(pillow().fromarray(pixels), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {self.split}"
