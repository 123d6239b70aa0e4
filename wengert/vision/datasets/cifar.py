"""CIFAR-10 and CIFAR-100: small photographs, in pickled batches."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..pillow import pillow
from .archives import Source, check_integrity, extract_archive, obtain
from .vision import MISSING, Transform, VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]


class ArrayUnpickler(pickle.Unpickler):
    """Reads NumPy's arrays and nothing that could run code."""

    ALLOWED = {("numpy", n) for n in ("_reconstruct", "ndarray", "dtype", "scalar")}
    ALLOWED.add(("_codecs", "encode"))  # how Python 3 writes bytes for Python 2

    def find_class(self, module: str, name: str) -> Any:
        if (module.split(".")[0], name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"a batch of CIFAR has no use for {module}.{name}")
        module = module.replace("numpy.core", "numpy._core")  # where these were when it was written
        return super().find_class(module, name)


def read_batch(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        return ArrayUnpickler(file, encoding="latin1").load()


class CIFAR10(VisionDataset):
    """60,000 photographs of 32 x 32 pixels in 10 classes, 50,000 of them to train with.

    Args:
        root: the folder that holds `cifar-10-batches-py`, or the archive.
        train: the training images, or else the test images.
        download: unpack the archive where that is needed; RuntimeError says when it is missing.

    A sample is (Pillow image, int), after the transforms. `data` is an array (N, 32, 32, 3) of
    uint8, `targets` a list.

    target_transform: a function of the target.

    >>> CIFAR10("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
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
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(MISSING)
        files = self.train_list if train else self.test_list
        batches = [read_batch(self.path_of(name)) for name, _ in files]
        images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        self.data = images.transpose(0, 2, 3, 1)
        key = "labels" if "labels" in batches[0] else "fine_labels"
        self.targets = [label for batch in batches for label in batch[key]]
        self.classes = read_batch(self.path_of(self.meta["filename"]))[self.meta["key"]]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def path_of(self, name: str) -> str:
        """The path of a file of the set.

        name: of the file.
        """
        return os.path.join(self.root, self.base_folder, name)

    def _check_integrity(self) -> bool:
        files = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return all(check_integrity(self.path_of(name), md5) for name, md5 in files)

    def download(self) -> None:
        """Unpack the archive, once it is in root."""
        if not self._check_integrity():
            archive = [Source(self.filename, self.tgz_md5, self.url)]
            extract_archive(obtain(self.root, archive, type(self).__name__)[0], self.root)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.transformed(pillow().fromarray(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 photographs of 32 x 32 pixels in 100 classes, see CIFAR10.

    root: the folder of the data. train: the training part, or else the test part. transform: a
    function of the image. target_transform: a function of the target. download: True: check
    that the files are there; they are not fetched.

    >>> CIFAR100("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
