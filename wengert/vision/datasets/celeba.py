"""CelebA: 202,599 photographs of faces with attributes, identities, boxes and landmarks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from ...api import functions as T
from ...engine.tensor import Tensor
from ..pillow import pillow
from .archives import Source, check_integrity, extract_archive, obtain, verify_str_arg
from .vision import MISSING, Transform, VisionDataset

__all__ = ["CelebA"]

SITE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PARTS = {"train": 0, "valid": 1, "test": 2, "all": None}


class Table(NamedTuple):
    header: list[str]
    names: list[str]
    data: Tensor


class CelebA(VisionDataset):
    """Faces; the target is what target_type names, or a tuple of such.

    Args:
        root: the folder that holds `celeba` with the images' folder and five lists.
        split: train, valid, test or all.
        target_type: of attr (40 of 0 and 1), identity, bbox and landmarks.

    transform: a function of the image. target_transform: a function of the target. download:
    True: check that the files are there; they are not fetched.

    >>> CelebA("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    base_folder = "celeba"
    file_list = [
        ("img_align_celeba.zip", "00d2c5bc6d35e252742224ab0c1e8fcb"),
        ("list_attr_celeba.txt", "75e246fa4810816ffd6ee81facbd244c"),
        ("identity_CelebA.txt", "32bd1bd63d3c78cd57e08160ec5ed1e2"),
        ("list_bbox_celeba.txt", "00566efa6fedff7a56946cd1c10f1c16"),
        ("list_landmarks_align_celeba.txt", "cc24ecafdb5b50baae59b03474781f8c"),
        ("list_eval_partition.txt", "d32c9cbf5e040fd4025c592c306e6668"),
    ]

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        target_type: list[str] | str = "attr",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        for kind in self.target_type:
            verify_str_arg(kind, "target_type", ("attr", "identity", "bbox", "landmarks"))
        if not self.target_type and target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(MISSING)
        part = PARTS[verify_str_arg(split.lower(), "split", tuple(PARTS))]
        parts = self.table("list_eval_partition.txt")
        rows = [i for i, p in enumerate(parts.data[:, 0].tolist()) if part is None or p == part]
        self.filename = [parts.names[i] for i in rows]
        self.identity = self.table("identity_CelebA.txt").data[rows]
        self.bbox = self.table("list_bbox_celeba.txt", header=1).data[rows]
        self.landmarks_align = self.table("list_landmarks_align_celeba.txt", header=1).data[rows]
        attributes = self.table("list_attr_celeba.txt", header=1)
        self.attr = (attributes.data[rows] + 1) // 2  # -1 and 1 become 0 and 1
        self.attr_names = attributes.header

    def path_of(self, name: str) -> str:
        """The path of a file of the set.

        name: of the file.
        """
        return os.path.join(self.root, self.base_folder, name)

    def table(self, name: str, header: int | None = None) -> Table:
        """A list's rows of numbers, each after the name of an image; header: the line of titles."""
        lines = [line.split() for line in Path(self.path_of(name)).read_text().splitlines()]
        titles = [] if header is None else lines[header]
        rows = lines if header is None else lines[header + 1 :]
        return Table(
            titles, [row[0] for row in rows], T.tensor([[int(x) for x in r[1:]] for r in rows])
        )

    def _check_integrity(self) -> bool:
        lists = [(name, md5) for name, md5 in self.file_list if not name.endswith(".zip")]
        there = all(check_integrity(self.path_of(name), md5) for name, md5 in lists)
        return there and os.path.isdir(self.path_of("img_align_celeba"))

    def download(self) -> None:
        """Unpack the images, once the archive is in root."""
        if not self._check_integrity():
            sources = [Source(name, md5, SITE) for name, md5 in self.file_list]
            extract_archive(obtain(self.path_of(""), sources, "CelebA")[0])

    def target(self, index: int, kind: str) -> Tensor:
        """What target_type names of one image.

        index: the number of the image. kind: one of target_type.
        """
        if kind == "identity":
            return self.identity[index, 0]
        rows = {"attr": self.attr, "bbox": self.bbox, "landmarks": self.landmarks_align}
        return rows[kind][index]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        img = pillow().open(os.path.join(self.path_of("img_align_celeba"), self.filename[index]))
        targets = tuple(self.target(index, kind) for kind in self.target_type)
        if not targets:
            return (img if self.transform is None else self.transform(img)), None
        return self.transformed(img, targets if len(targets) > 1 else targets[0])

    def __len__(self) -> int:
        return len(self.attr)

    def extra_repr(self) -> str:
        return f"Target type: {self.target_type}\nSplit: {self.split}"
