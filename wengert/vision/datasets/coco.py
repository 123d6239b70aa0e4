"""COCO: photographs with boxes and masks, or with captions, from one file of annotations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .vision import Transform, VisionDataset

__all__ = ["CocoCaptions", "CocoDetection"]


class CocoAnnotations:
    """What is in a file of annotations: the parts of pycocotools' COCO that reading needs.

    Attributes: `dataset`, `imgs`, `anns`, `cats` by number, and `imgToAnns`.
    """

    def __init__(self, path: str | Path) -> None:
        self.dataset: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        self.imgs = {img["id"]: img for img in self.dataset.get("images", [])}
        self.anns = {ann["id"]: ann for ann in self.dataset.get("annotations", [])}
        self.cats = {cat["id"]: cat for cat in self.dataset.get("categories", [])}
        self.imgToAnns: dict[int, list[Any]] = {}
        for ann in self.dataset.get("annotations", []):
            self.imgToAnns.setdefault(ann["image_id"], []).append(ann)

    def getImgIds(self) -> list[int]:
        """The numbers of the images."""
        return list(self.imgs)

    def getCatIds(self) -> list[int]:
        """The numbers of the categories."""
        return list(self.cats)

    def getAnnIds(self, imgIds: int | list[int] | None = None) -> list[int]:
        """The numbers of the annotations of these images, by default of all."""
        images = self.imgs if imgIds is None else [imgIds] if isinstance(imgIds, int) else imgIds
        return [ann["id"] for image in images for ann in self.imgToAnns.get(image, [])]

    def loadAnns(self, ids: int | list[int]) -> list[Any]:
        """The annotations of these numbers."""
        return [self.anns[i] for i in ([ids] if isinstance(ids, int) else ids)]

    def loadImgs(self, ids: int | list[int]) -> list[Any]:
        """What is known about the images of these numbers."""
        return [self.imgs[i] for i in ([ids] if isinstance(ids, int) else ids)]

    def loadCats(self, ids: int | list[int]) -> list[Any]:
        """The categories of these numbers."""
        return [self.cats[i] for i in ([ids] if isinstance(ids, int) else ids)]


class CocoDetection(VisionDataset):
    """Photographs with, as targets, the lists of their annotations.

    Args:
        root: the folder of the images; annFile: the file of annotations, JSON.

    transform: a function of the image. target_transform: a function of the target. transforms:
    a function of image and target, or several of them.

    Raises TypeError where annFile is of the wrong type; FileNotFoundError where annFile is unknown;
    ValueError for a file that is no JSON.

    >>> import json
    >>> image = {"id": 1, "file_name": "a.png"}
    >>> box = {"id": 7, "image_id": 1, "bbox": [0, 0, 2, 2], "category_id": 3}
    >>> torchvision.utils.save_image(torch.zeros(3, 4, 4), "a.png")
    >>> with open("boxes.json", "w") as file:
    ...     json.dump({"images": [image], "annotations": [box]}, file)
    >>> CocoDetection(".", "boxes.json")[0][1][0]["bbox"]
    [0, 0, 2, 2]
    """

    def __init__(
        self,
        root: str | Path,
        annFile: str,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        transforms: Transform | None = None,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.coco = CocoAnnotations(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id: int) -> Any:
        name = self.coco.loadImgs(id)[0]["file_name"]
        return pillow().open(os.path.join(self.root, name)).convert("RGB")

    def _load_target(self, id: int) -> list[Any]:
        return self.coco.loadAnns(self.coco.getAnnIds(id))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        number = self.ids[index]
        return self.jointly_transformed(self._load_image(number), self._load_target(number))

    def __len__(self) -> int:
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """Photographs with, as targets, the lists of their captions.

    root: the folder of the data. transform: a function of the image. target_transform: a
    function of the target. transforms: a function of image and target, or several of them.

    Raises TypeError where annFile is of the wrong type; FileNotFoundError where annFile is
    unknown; ValueError for a file that is no JSON.

    >>> import json
    >>> image = {"id": 1, "file_name": "a.png"}
    >>> caption = {"id": 7, "image_id": 1, "caption": "A black square."}
    >>> torchvision.utils.save_image(torch.zeros(3, 4, 4), "a.png")
    >>> with open("captions.json", "w") as file:
    ...     json.dump({"images": [image], "annotations": [caption]}, file)
    >>> CocoCaptions(".", "captions.json")[0][1]
    ['A black square.']
    """

    def _load_target(self, id: int) -> list[str]:
        return [annotation["caption"] for annotation in super()._load_target(id)]
