"""Sets of photographs with a class each, from folders and lists: Food101, DTD, EuroSAT and others.

Flowers, pets, aircraft and cars are in `fine_grained.py`; sets whose pictures are in a few files of
arrays in `mnist.py`, `cifar.py` and `digits.py`.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .archives import Source, extract_archive, list_dir, list_files, obtain, verify_str_arg
from .folder import default_loader, find_classes, make_dataset
from .vision import Transform, VisionDataset

__all__ = [
    "Caltech101", "Caltech256", "DTD", "EuroSAT", "Food101", "GTSRB", "ImageNet", "Imagenette",
    "Omniglot",
]  # fmt: skip

Loader = Callable[[Any], Any]


class Photos(VisionDataset):
    """Photographs with a class each; a subclass says where they are and which there are.

    Attributes: `classes`, `class_to_idx`, `samples` as (path, class).
    """

    split: str | None = None
    classes: Any

    def __init__(
        self,
        root: str | Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        loader: Loader = default_loader,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        if download and not self.exists():
            self.download()
        if not self.exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.samples = self.find()
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def sources(self) -> tuple[str, list[Source]]:
        """The folder, relative to root, that the archives belong into, and the archives."""
        raise NotImplementedError

    def exists(self) -> bool:
        """Whether the unpacked set is there."""
        raise NotImplementedError

    def find(self) -> list[tuple[str, Any]]:
        """The samples; sets `classes`."""
        raise NotImplementedError

    def download(self) -> None:
        """Unpack the archives, once they are where they belong."""
        folder, sources = self.sources()
        for path in obtain(self.path(folder), sources, type(self).__name__):
            if not path.endswith(".mat"):
                extract_archive(path, self.path(folder))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)

    def extra_repr(self) -> str:
        return "" if self.split is None else f"split={self.split}"


def numbered(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    index = {name: i for i, name in enumerate(classes)}
    return [index[name] for name in names]


class Food101(Photos):
    """101 dishes, 1000 photographs of each; split is train or test.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    loader: a function of a path that gives the image.
    """

    def __init__(self, root: str | Path, split: str = "train", transform: Transform | None = None,
                 target_transform: Transform | None = None, download: bool = False,
                 loader: Loader = default_loader) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "test"))
        super().__init__(root, transform, target_transform, download, loader)

    def sources(self) -> tuple[str, list[Source]]:
        url = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
        return "", [Source("food-101.tar.gz", "85eeb15f3717b99a5da872d97d918f87", url)]

    def exists(self) -> bool:
        return all(os.path.isdir(self.path("food-101", part)) for part in ("meta", "images"))

    def find(self) -> list[tuple[str, int]]:
        listing = Path(self.path("food-101", "meta", f"{self.split}.json"))
        names = json.loads(listing.read_text())
        self.classes = sorted(names)
        pairs = [(name, dish) for dish, each in names.items() for name in each]
        paths = [self.path("food-101", "images", f"{name}.jpg") for name, _ in pairs]
        return list(zip(paths, numbered([dish for _, dish in pairs], self.classes)))


class DTD(Photos):
    """47 textures; split is train, val or test, in one of ten partitions.

    partition: which of the ten partitions, 1 to 10. download: unpack the archives in root, which
    have to be there: nothing comes from the network. loader: a function of a path that gives the
    image.
    """

    def __init__(self, root: str | Path, split: str = "train", partition: int = 1,
                 transform: Transform | None = None, target_transform: Transform | None = None,
                 download: bool = False, loader: Loader = default_loader) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "val", "test"))
        if partition not in range(1, 11):
            raise ValueError(
                "Parameter 'partition' should be an integer with `1 <= partition <= 10`, but got "
                f"{partition} instead"
            )
        self.partition = partition
        super().__init__(root, transform, target_transform, download, loader)

    def sources(self) -> tuple[str, list[Source]]:
        url = "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz"
        return "dtd", [Source("dtd-r1.0.1.tar.gz", "fff73e5086ae6bdbea199a49dfb8a4c1", url)]

    def exists(self) -> bool:
        return os.path.isdir(self.path("dtd", "dtd"))

    def find(self) -> list[tuple[str, int]]:
        listing = Path(self.path("dtd", "dtd", "labels", f"{self.split}{self.partition}.txt"))
        pairs = [line.split("/") for line in listing.read_text().split()]
        self.classes = sorted({texture for texture, _ in pairs})
        paths = [self.path("dtd", "dtd", "images", *pair) for pair in pairs]
        return list(zip(paths, numbered([texture for texture, _ in pairs], self.classes)))

    def extra_repr(self) -> str:
        return f"split={self.split}, partition={self.partition}"


class EuroSAT(Photos):
    """27,000 satellite images of 64 x 64 pixels in 10 classes of land use.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    loader: a function of a path that gives the image.
    """

    def sources(self) -> tuple[str, list[Source]]:
        url = "https://huggingface.co/datasets/torchgeo/eurosat"
        return "eurosat", [Source("EuroSAT.zip", "c8fa014336c82ac7804f0398fcb19387", url)]

    def exists(self) -> bool:
        return os.path.isdir(self.path("eurosat", "2750"))

    def find(self) -> list[tuple[str, int]]:
        folder = self.path("eurosat", "2750")
        self.classes, numbers = find_classes(folder)
        self.imgs = make_dataset(folder, numbers, extensions=(".jpg", ".jpeg", ".png", ".tif"))
        self.targets = [target for _, target in self.imgs]
        return self.imgs


class Caltech101(Photos):
    """Things of 101 kinds; target_type is category, annotation (an outline), or a list of both.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    """

    def __init__(self, root: str | Path, target_type: list[str] | str = "category",
                 transform: Transform | None = None, target_transform: Transform | None = None,
                 download: bool = False) -> None:  # fmt: skip
        types = [target_type] if isinstance(target_type, str) else target_type
        known = ("category", "annotation")
        self.target_type = [verify_str_arg(t, "target_type", known) for t in types]
        super().__init__(os.path.join(root, "caltech101"), transform, target_transform, download,
                         pillow().open)  # fmt: skip

    def sources(self) -> tuple[str, list[Source]]:
        url = "https://data.caltech.edu/records/mzrjq-6wc02"
        return "", [Source("caltech-101.zip", "3138e1922a9193bfa496528edbbc45d0", url)]

    def exists(self) -> bool:
        return os.path.isdir(self.path("101_ObjectCategories"))

    def download(self) -> None:
        super().download()
        for packed in list_files(self.path("caltech-101"), ".gz", prefix=True):
            extract_archive(packed, self.root)

    def find(self) -> list[tuple[str, int]]:
        names, _ = find_classes(self.path("101_ObjectCategories"))
        self.categories = self.classes = [name for name in names if name != "BACKGROUND_Google"]
        numbers = {name: i for i, name in enumerate(self.classes)}
        found = make_dataset(self.path("101_ObjectCategories"), numbers, extensions=(".jpg",))
        self.y = [target for _, target in found]
        return found

    def outline(self, path: str) -> Any:
        """The annotation of an image, an array (2, N)."""
        folder, name = path.split(os.sep)[-2:]
        other = {"Faces": "Faces_2", "Faces_easy": "Faces_3", "Motorbikes": "Motorbikes_16",
                 "airplanes": "Airplanes_Side_2"}  # fmt: skip
        number = name.removeprefix("image_").removesuffix(".jpg")
        file = self.path("Annotations", other.get(folder, folder), f"annotation_{number}.mat")
        return importlib.import_module("scipy.io").loadmat(file)["obj_contour"]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, number = self.samples[index]
        targets = tuple(number if t == "category" else self.outline(path) for t in self.target_type)
        return self.transformed(self.loader(path), targets if len(targets) > 1 else targets[0])


class Caltech256(Photos):
    """Things of 256 kinds, and one of clutter.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    """

    def __init__(self, root: str | Path, transform: Transform | None = None,
                 target_transform: Transform | None = None,
                 download: bool = False) -> None:  # fmt: skip
        super().__init__(os.path.join(root, "caltech256"), transform, target_transform, download,
                         pillow().open)  # fmt: skip

    def sources(self) -> tuple[str, list[Source]]:
        url = "https://data.caltech.edu/records/nyy15-4j048"
        return "", [Source("256_ObjectCategories.tar", "67b4f42ca05d46448c6bb8ecd2220f6d", url)]

    def exists(self) -> bool:
        return os.path.isdir(self.path("256_ObjectCategories"))

    def find(self) -> list[tuple[str, int]]:
        folder = self.path("256_ObjectCategories")
        self.classes, numbers = find_classes(folder)
        self.categories = self.classes
        found = make_dataset(folder, numbers, extensions=(".jpg",))
        self.y = [target for _, target in found]
        return found


class GTSRB(Photos):
    """German traffic signs of 43 kinds; split is train or test.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    """

    def __init__(self, root: str | Path, split: str = "train", transform: Transform | None = None,
                 target_transform: Transform | None = None,
                 download: bool = False) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "test"))
        super().__init__(root, transform, target_transform, download)

    def sources(self) -> tuple[str, list[Source]]:
        site = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
        files = {"GTSRB-Training_fixed.zip": "513f3c79a4c5141765e10e952eaa2478"}
        if self.split == "test":
            files = {
                "GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
                "GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
            }
        return "gtsrb", [Source(name, md5, site + name) for name, md5 in files.items()]

    def folder(self) -> str:
        """The folder of the images."""
        part = ("Training",) if self.split == "train" else ("Final_Test", "Images")
        return self.path("gtsrb", "GTSRB", *part)

    def exists(self) -> bool:
        return os.path.isdir(self.folder())

    def find(self) -> list[tuple[str, int]]:
        self.classes = [str(i) for i in range(43)]
        if self.split == "train":
            return make_dataset(self.folder(), extensions=(".ppm",))
        with open(self.path("gtsrb", "GT-final_test.csv"), newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";", skipinitialspace=True))
        return [(os.path.join(self.folder(), row["Filename"]), int(row["ClassId"])) for row in rows]


class Imagenette(Photos):
    """Ten easy classes of ImageNet; size is full, 320px or 160px, split is train or val.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    loader: a function of a path that gives the image.
    """

    names = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }
    archives = {
        "full": ("imagenette2", "fe2fc210e6bb7c5664d602c3cd71e612"),
        "320px": ("imagenette2-320", "3df6f0d01a2c9592104656642f5e78a3"),
        "160px": ("imagenette2-160", "e793b78cc4c9e9a4ccc0c1155377a412"),
    }

    def __init__(self, root: str | Path, split: str = "train", size: str = "full",
                 download: bool = False, transform: Transform | None = None,
                 target_transform: Transform | None = None,
                 loader: Loader = default_loader) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.size = verify_str_arg(size, "size", tuple(self.archives))
        super().__init__(root, transform, target_transform, download, loader)
        self.class_to_idx = {name: i for i, names in enumerate(self.classes) for name in names}

    def sources(self) -> tuple[str, list[Source]]:
        stem, md5 = self.archives[self.size]
        url = f"https://s3.amazonaws.com/fast-ai-imageclas/{stem}.tgz"
        return "", [Source(f"{stem}.tgz", md5, url)]

    def exists(self) -> bool:
        return os.path.isdir(self.path(self.archives[self.size][0]))

    def find(self) -> list[tuple[str, int]]:
        folder = self.path(self.archives[self.size][0], self.split or "train")
        self.wnids, self.wnid_to_idx = find_classes(folder)
        self.classes = [self.names[wnid] for wnid in self.wnids]
        return make_dataset(folder, self.wnid_to_idx, extensions=".jpeg")


class ImageNet(Photos):
    """ImageNet 2012, unpacked: `root/train/n01440764/...` and `root/val/n01440764/...`.

    Classes are named by WordNet's numbers; torchvision also unpacks the archives.

    split: the part of the data: 'train', 'test' and such.
    """

    def __init__(self, root: str | Path, split: str = "train", **kwargs: Any) -> None:
        self.split = verify_str_arg(split, "split", ("train", "val"))
        super().__init__(root, **kwargs)

    def exists(self) -> bool:
        if not os.path.isdir(self.split_folder):
            raise RuntimeError(
                f"ImageNet: no folder {self.split_folder}. Unpack ILSVRC2012_img_{self.split}.tar "
                "so that it holds a folder of images for each class, named n01440764 and so on"
            )
        return True

    @property
    def split_folder(self) -> str:
        """The folder of the split's classes."""
        return self.path(self.split or "train")

    def find(self) -> list[tuple[str, int]]:
        self.wnids, self.wnid_to_idx = find_classes(self.split_folder)
        self.classes = self.wnids
        self.imgs = make_dataset(self.split_folder, self.wnid_to_idx, extensions=(".jpeg", ".jpg"))
        self.targets = [target for _, target in self.imgs]
        return self.imgs


class Omniglot(Photos):
    """Characters of 50 alphabets, 20 drawings of each; background is the set to train with.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    loader: a function of a path that gives the image.
    """

    def __init__(self, root: str | Path, background: bool = True,
                 transform: Transform | None = None, target_transform: Transform | None = None,
                 download: bool = False, loader: Loader | None = None) -> None:  # fmt: skip
        self.background = background
        grey = lambda path: pillow().open(path).convert("L")
        super().__init__(os.path.join(root, "omniglot-py"), transform, target_transform, download,
                         loader or grey)  # fmt: skip

    def sources(self) -> tuple[str, list[Source]]:
        files = {
            "images_background": "68d2efa1b9178cc56df9314c21c6e718",
            "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
        }
        site = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
        name = os.path.basename(self.folder())
        return "", [Source(f"{name}.zip", files[name], f"{site}{name}.zip")]

    def folder(self) -> str:
        """The folder of the images."""
        return self.path("images_background" if self.background else "images_evaluation")

    def exists(self) -> bool:
        return os.path.isdir(self.folder())

    def find(self) -> list[tuple[str, int]]:
        folder = self.folder()
        alphabets = sorted(list_dir(folder, prefix=True))
        characters = [c for a in alphabets for c in sorted(list_dir(a, prefix=True))]
        self.classes = [os.path.relpath(c, folder) for c in characters]
        each = [sorted(list_files(c, ".png", prefix=True)) for c in characters]
        return [(path, i) for i, paths in enumerate(each) for path in paths]
