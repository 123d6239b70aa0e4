"""MNIST and the sets in its format: FashionMNIST, KMNIST, EMNIST, QMNIST; and its file format."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any

import numpy as np

from ...api.interop import from_numpy
from ...base.advice import advise
from ...base.dtypes import int64
from ...engine.tensor import Tensor
from ..transforms.conversion import image_of
from .archives import Source, check_integrity, extract_archive, obtain, verify_str_arg
from .vision import Transform, VisionDataset

__all__ = [
    "EMNIST", "KMNIST", "MNIST", "QMNIST", "FashionMNIST", "read_image_file", "read_label_file",
    "read_sn3_pascalvincent_tensor",
]  # fmt: skip

# The third byte of a file names the type of its elements, which are big-endian.
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_sn3_pascalvincent_tensor(path: str | Path, strict: bool = True) -> Tensor:
    """The array in a file of the IDX format, which MNIST is in.

    strict: raise ValueError also where there is more in the file than the array.
    """
    content = Path(path).read_bytes()
    kind, ndim = (TYPES.get(content[2]), content[3]) if len(content) > 3 else (None, 0)
    if kind is None or not 1 <= ndim <= 3 or content[:2] != b"\0\0":
        raise ValueError(f"{path} is not a file of the IDX format")
    start = 4 * (ndim + 1)
    shape = np.frombuffer(content[4:start], ">i4")
    size = int(shape.prod()) * np.dtype(kind).itemsize
    if len(content) - start < size or strict and len(content) - start != size:
        raise ValueError(
            f"{path}: {len(content) - start} bytes do not fill the shape {tuple(shape)}"
        )
    values = np.frombuffer(content[start : start + size], kind).reshape(tuple(shape))
    return from_numpy(values.astype(values.dtype.newbyteorder("=")))


def check_bytes(x: Tensor, ndim: int, path: str) -> Tensor:
    if str(x.dtype) != "torch.uint8" or x.ndim != ndim:
        raise TypeError(
            f"{path}: {ndim} dimensions of torch.uint8 expected, got {x.ndim} of {x.dtype}"
        )
    return x


def read_label_file(path: str) -> Tensor:
    """The labels (N,) in a file of the IDX format, as int64."""
    return check_bytes(read_sn3_pascalvincent_tensor(path, strict=False), 1, path).to(int64)


def read_image_file(path: str) -> Tensor:
    """The images (N, H, W) in a file of the IDX format."""
    return check_bytes(read_sn3_pascalvincent_tensor(path, strict=False), 3, path)


def renamed(old: str, new: str) -> Any:
    def get(self: MNIST) -> Tensor:
        advise(f"{old} has been renamed {new}")
        return getattr(self, new)

    return property(get, doc=f"An old name of {new}.")


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 images of 28 x 28 to train with and 10,000 to test with.

    Args:
        root: the folder that holds `MNIST/raw` with the four files, packed or not.
        train: the training images, or else the test images.
        download: unpack the files where that is needed; RuntimeError says which are missing.

    A sample is (Pillow image, int), after the transforms. `data` is uint8 (N, 28, 28), `targets`
    int64 (N,).

    target_transform: a function of the target.

    >>> MNIST("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download it
    """

    mirrors = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources: Any = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
        "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

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
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = self._load_data()

    train_labels, test_labels = (
        renamed("train_labels", "targets"),
        renamed("test_labels", "targets"),
    )
    train_data, test_data = renamed("train_data", "data"), renamed("test_data", "data")

    @property
    def raw_folder(self) -> str:
        """Where the files are."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """Where earlier releases kept what they had made of the files."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def sources(self) -> list[Source]:
        """The files that are needed."""
        return [Source(name, md5, self.mirrors[0] + name) for name, md5 in self.resources]

    def needed(self) -> list[str]:
        """The paths of the files once unpacked."""
        return [os.path.join(self.raw_folder, os.path.splitext(s.name)[0]) for s in self.sources()]

    def images_and_labels(self) -> tuple[str, str]:
        """The paths of the files of images and labels."""
        part = "train" if self.train else "t10k"
        return (
            os.path.join(self.raw_folder, f"{part}-images-idx3-ubyte"),
            os.path.join(self.raw_folder, f"{part}-labels-idx1-ubyte"),
        )

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = self.images_and_labels()
        return read_image_file(images), read_label_file(labels)

    def _check_exists(self) -> bool:
        return all(check_integrity(path) for path in self.needed())

    def download(self) -> None:
        """Unpack the files, once they are where they belong."""
        if not self._check_exists():
            for path in obtain(self.raw_folder, self.sources(), type(self).__name__):
                extract_archive(path, self.raw_folder)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        img = image_of(self.data[index].numpy(), "L")
        return self.transformed(img, int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """Articles of clothing in the format of MNIST.

    root: the folder of the data. train: the training part, or else the test part. transform: a
    function of the image. target_transform: a function of the target. download: True: check
    that the files are there; they are not fetched.

    >>> FashionMNIST("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download it
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Handwritten Japanese characters in the format of MNIST.

    root: the folder of the data. train: the training part, or else the test part. transform: a
    function of the image. target_transform: a function of the target. download: True: check
    that the files are there; they are not fetched.

    >>> KMNIST("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download it
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


LIKE_CAPITALS = set("cijklmopsuvwxyz")  # letters that EMNIST does not tell from their capitals
CHARACTERS = set(string.digits + string.ascii_letters)


class EMNIST(MNIST):
    """Handwritten letters and digits, in the splits that `splits` names.

    root: the folder of the data. split: the part of the data: 'train', 'test' and such.

    Raises ValueError where split is of the wrong type or unknown.

    >>> EMNIST("data", "letters")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download it
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": sorted(CHARACTERS),
        "bymerge": sorted(CHARACTERS - LIKE_CAPITALS),
        "balanced": sorted(CHARACTERS - LIKE_CAPITALS),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: str | Path, split: str, **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def images_and_labels(self) -> tuple[str, str]:
        """The paths of the files of images and labels."""
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return (
            os.path.join(self.raw_folder, f"{part}-images-idx3-ubyte"),
            os.path.join(self.raw_folder, f"{part}-labels-idx1-ubyte"),
        )

    def needed(self) -> list[str]:
        return list(self.images_and_labels())

    def download(self) -> None:
        if self._check_exists():
            return
        if not all(check_integrity(path + ".gz") for path in self.packed()):
            archive = [Source("gzip.zip", self.md5, self.url)]
            extract_archive(obtain(self.raw_folder, archive, "EMNIST")[0])
        for path in self.packed():
            extract_archive(path + ".gz", self.raw_folder)

    def packed(self) -> list[str]:
        """The files needed, without their .gz, as they come out of the archive."""
        folder = os.path.join(self.raw_folder, "gzip")
        return [os.path.join(folder, os.path.basename(path)) for path in self.needed()]


QMNIST_FILES = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"


class QMNIST(MNIST):
    """MNIST rebuilt from NIST's data, with all 60,000 test images and more about each.

    Args:
        what: train, test, test10k, test50k or nist.
        compat: give the digit as an int, not all eight numbers of the label.

    root: the folder of the data.

    >>> QMNIST("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download it
    """

    subsets = {
        "train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist",
    }  # fmt: skip
    resources = {
        "train": [
            ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            ("xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            ("xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(
        self,
        root: str | Path,
        what: str | None = None,
        compat: bool = True,
        train: bool = True,
        **kwargs: Any,
    ) -> None:
        what = what or ("train" if train else "test")
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        super().__init__(root, train, **kwargs)

    def sources(self) -> list[Source]:
        files = self.resources[self.subsets[self.what]]
        return [Source(name, md5, QMNIST_FILES + name) for name, md5 in files]

    def _load_data(self) -> tuple[Tensor, Tensor]:
        images, labels = (read_sn3_pascalvincent_tensor(path) for path in self.needed())
        part = {"test10k": slice(None, 10000), "test50k": slice(10000, None)}.get(
            self.what, slice(None)
        )
        return check_bytes(images, 3, self.needed()[0])[part], labels.to(int64)[part]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        label = self.targets[index]
        target = int(label[0]) if self.compat else label
        return self.transformed(image_of(self.data[index].numpy(), "L"), target)

    def extra_repr(self) -> str:
        return f"Split: {self.what}"
