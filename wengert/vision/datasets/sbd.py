"""Semantic boundaries: Pascal VOC's photographs with outlines or masks of its classes."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...api import functions as T
from ...api.interop import from_numpy
from ..pillow import pillow
from .archives import Source, check_integrity, extract_archive, move_into, obtain, verify_str_arg
from .vision import MISSING, Transform, VisionDataset

__all__ = ["SBDataset"]

LIST_WITHOUT_VOC = Source(
    "train_noval.txt",
    "79bff800c5f0b1ec6b21080a3c066722",
    "https://www.cs.cornell.edu/~bharathh/train_noval.txt",
)


class SBDataset(VisionDataset):
    """The targets are outlines, a tensor (20, H, W), with mode="boundaries", or masks.

    Args:
        image_set: train, val, or train_noval, which leaves out what is in VOC 2012's val.
        mode: boundaries or segmentation.

    root: the folder of the data. download: True: check that the files are there; they are not
    fetched. transforms: a function of image and target, or several of them.

    >>> SBDataset("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    url = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz"
    md5 = "82b4d87ceb2ed10f6038a1cba92111cb"
    filename = "benchmark.tgz"

    def __init__(
        self,
        root: str | Path,
        image_set: str = "train",
        mode: str = "boundaries",
        download: bool = False,
        transforms: Transform | None = None,
    ) -> None:
        super().__init__(root, transforms)
        self.image_set = verify_str_arg(image_set, "image_set", ("train", "val", "train_noval"))
        self.mode = verify_str_arg(mode, "mode", ("segmentation", "boundaries"))
        self.num_classes = 20
        listing = os.path.join(self.root, f"{image_set}.txt")
        if download and not check_integrity(listing):
            self.download()
        if not check_integrity(listing):
            raise RuntimeError(MISSING)
        names = [line.strip() for line in Path(listing).read_text().splitlines()]
        self.images = [os.path.join(self.root, "img", f"{name}.jpg") for name in names]
        self.masks = [os.path.join(self.root, "cls", f"{name}.mat") for name in names]

    def download(self) -> None:
        """Unpack the archive, once it is in root."""
        sources = [Source(self.filename, self.md5, self.url)]
        sources += [LIST_WITHOUT_VOC] * (self.image_set == "train_noval")
        extract_archive(obtain(self.root, sources, "SBDataset")[0], self.root)
        move_into(os.path.join(self.root, "benchmark_RELEASE", "dataset"), self.root)

    def target(self, path: str) -> Any:
        """The target of an image, from its file.

        path: of the image.
        """
        content = importlib.import_module("scipy.io").loadmat(path)["GTcls"][0]
        if self.mode == "segmentation":
            return pillow().fromarray(content["Segmentation"][0])
        outlines = content["Boundaries"][0]
        each = [outlines[i][0].toarray().astype(np.float32) for i in range(self.num_classes)]
        return T.stack([from_numpy(outline) for outline in each])

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        img = pillow().open(self.images[index]).convert("RGB")
        return self.jointly_transformed(img, self.target(self.masks[index]))

    def __len__(self) -> int:
        return len(self.images)

    def extra_repr(self) -> str:
        return f"Image set: {self.image_set}\nMode: {self.mode}"
