"""Pascal VOC: photographs with masks or with boxes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ..pillow import pillow
from .archives import Source, extract_archive, obtain, verify_str_arg
from .vision import Transform, VisionDataset

__all__ = ["VOCDetection", "VOCSegmentation"]


class Edition(NamedTuple):
    source: Source
    folder: str


def edition(year: str, day: str, md5: str, part: str = "trainval", above: str = "") -> Edition:
    name = f"VOC{part}_{day}.tar"
    url = f"https://thor.robots.ox.ac.uk/pascal/VOC/voc{year}/{name}"
    return Edition(Source(name, md5, url), os.path.join(above, "VOCdevkit", f"VOC{year}"))


EDITIONS = {
    "2012": edition("2012", "11-May-2012", "6cd6e144f989b92b3379bac3b3de84fd"),
    "2011": edition("2011", "25-May-2011", "6c3384ef61512963050cb5d687e5bf1e", above="TrainVal"),
    "2010": edition("2010", "03-May-2010", "da459979d0c395079b5c75ee67908abb"),
    "2009": edition("2009", "11-May-2009", "a3e00b113cfcfebf17e343f59da3caa1"),
    "2008": edition("2008", "14-Jul-2008", "2629fa636546599198acfcfbfcf1904a"),
    "2007": edition("2007", "06-Nov-2007", "c52e279531787c972589f7e41ab4ae64"),
    "2007-test": edition("2007", "06-Nov-2007", "b6e924de25625d8de591ea690078ad9f", part="test"),
}


class VOC(VisionDataset):
    """What both kinds of targets have in common: the lists of images and targets."""

    lists: str  # the folder of the lists, that of the targets, and how their files end
    folder: str
    ending: str

    def __init__(
        self,
        root: str | Path,
        year: str = "2012",
        image_set: str = "train",
        download: bool = False,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        transforms: Transform | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", [str(y) for y in range(2007, 2013)])
        sets = ["train", "trainval", "val"] + ["test"] * (year == "2007")
        self.image_set = verify_str_arg(image_set, "image_set", sets)
        source, folder = EDITIONS["2007-test" if image_set == "test" else year]
        base = os.path.join(self.root, folder)
        listing = os.path.join(base, "ImageSets", self.lists, f"{image_set}.txt")
        if download and not os.path.isfile(listing):
            extract_archive(obtain(self.root, [source], type(self).__name__)[0], self.root)
        if not os.path.isfile(listing):
            raise RuntimeError(
                "Dataset not found or corrupted. You can use download=True to download it"
            )
        names = [line.strip() for line in Path(listing).read_text().splitlines()]
        self.images = [os.path.join(base, "JPEGImages", f"{name}.jpg") for name in names]
        self.targets = [os.path.join(base, self.folder, name + self.ending) for name in names]

    def target(self, path: str) -> Any:
        """The target of an image, from its file; path: of that file."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        img = pillow().open(self.images[index]).convert("RGB")
        return self.jointly_transformed(img, self.target(self.targets[index]))

    def __len__(self) -> int:
        return len(self.images)


class VOCSegmentation(VOC):
    """Photographs with, as targets, images whose values are the classes of the pixels.

    root: the folder of the data. download: True: check that the files are there; they are not
    fetched. transform: a function of the image. target_transform: a function of the target.
    transforms: a function of image and target, or several of them. year: '2007' to '2012'.
    image_set: 'train', 'val', 'trainval', 'test'.

    >>> VOCSegmentation("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    lists, folder, ending = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self) -> list[str]:
        """The paths of the targets."""
        return self.targets

    def target(self, path: str) -> Any:
        return pillow().open(path)


class VOCDetection(VOC):
    """Photographs with, as targets, the trees of their XML annotations as dictionaries.

    root: the folder of the data. download: True: check that the files are there; they are not
    fetched. transform: a function of the image. target_transform: a function of the target.
    transforms: a function of image and target, or several of them. year: '2007' to '2012'.
    image_set: 'train', 'val', 'trainval', 'test'.

    >>> VOCDetection("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found or corrupted. You can use download=True to ...
    """

    lists, folder, ending = "Main", "Annotations", ".xml"

    @property
    def annotations(self) -> list[str]:
        """The paths of the targets."""
        return self.targets

    def target(self, path: str) -> Any:
        """The target of an image, from its file."""
        return self.parse_voc_xml(ElementTree.parse(path).getroot())

    @staticmethod
    def parse_voc_xml(node: ElementTree.Element) -> dict[str, Any]:
        """An element as {tag: text}, or {tag: children}, where children of one tag are a list.

        node: an element of xml.etree.

        Raises TypeError where node is of the wrong type.

        >>> from xml.etree import ElementTree
        >>> node = ElementTree.fromstring("<size><width>4</width></size>")
        >>> VOCDetection.parse_voc_xml(node)
        {'size': {'width': '4'}}
        """
        if not len(node):
            return {node.tag: (node.text or "").strip()} if node.text else {}
        children: dict[str, list[Any]] = {}
        for child in node:
            for tag, value in VOCDetection.parse_voc_xml(child).items():
                children.setdefault(tag, []).append(value)
        # the objects stay a list where there is only one
        found = {tag: v[0] if len(v) == 1 else v for tag, v in children.items()}
        if node.tag == "annotation":
            found["object"] = children.get("object", [])
        return {node.tag: found}
