"""Sets of photographs of one kind of thing: flowers, pets, aircraft, cars."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..pillow import pillow
from .archives import Source, extract_archive, obtain, verify_str_arg
from .classification import Loader, Photos, numbered
from .folder import default_loader
from .vision import Transform, VisionDataset

__all__ = ["FGVCAircraft", "Flowers102", "OxfordIIITPet", "StanfordCars"]


FLOWERS = """
pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger
lily, moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king
protea, spear thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon
flower, giant white arum lily, fire lily, pincushion flower, fritillary, red ginger, grape
hyacinth, corn poppy, prince of wales feathers, stemless gentian, artichoke, sweet william,
carnation, garden phlox, love in the mist, mexican aster, alpine sea holly, ruby-lipped cattleya,
cape flower, great masterwort, siam tulip, lenten rose, barbeton daisy, daffodil, sword lily,
poinsettia, bolero deep blue, wallflower, marigold, buttercup, oxeye daisy, common dandelion,
petunia, wild pansy, primula, sunflower, pelargonium, bishop of llandaff, gaura, geranium, orange
dahlia, pink-yellow dahlia?, cautleya spicata, japanese anemone, black-eyed susan, silverbush,
californian poppy, osteospermum, spring crocus, bearded iris, windflower, tree poppy, gazania,
azalea, water lily, rose, thorn apple, morning glory, passion flower, lotus, toad lily, anthurium,
frangipani, clematis, hibiscus, columbine, desert-rose, tree mallow, magnolia, cyclamen,
watercress, canna lily, hippeastrum, bee balm, ball moss, foxglove, bougainvillea, camellia,
mallow, mexican petunia, bromelia, blanket flower, trumpet creeper, blackberry lily
"""


class Flowers102(Photos):
    """102 flowers; split is train, val or test.

    download: unpack the archives in root, which have to be there: nothing comes from the network.
    loader: a function of a path that gives the image.
    """

    classes = [name.strip() for name in " ".join(FLOWERS.split()).split(",")]

    def __init__(self, root: str | Path, split: str = "train", transform: Transform | None = None,
                 target_transform: Transform | None = None, download: bool = False,
                 loader: Loader = default_loader) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "val", "test"))
        super().__init__(root, transform, target_transform, download, loader)

    def sources(self) -> tuple[str, list[Source]]:
        site = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
        files = {
            "102flowers.tgz": "52808999861908f626f3c1f4e79d11fa",
            "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
            "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
        }
        return "flowers-102", [Source(name, md5, site + name) for name, md5 in files.items()]

    def exists(self) -> bool:
        parts = ("jpg", "imagelabels.mat", "setid.mat")
        return all(os.path.exists(self.path("flowers-102", part)) for part in parts)

    def find(self) -> list[tuple[str, int]]:
        load = importlib.import_module("scipy.io").loadmat
        key = {"train": "trnid", "val": "valid", "test": "tstid"}[self.split or "train"]
        chosen = load(self.path("flowers-102", "setid.mat"))[key].ravel().tolist()
        labels = load(self.path("flowers-102", "imagelabels.mat"))["labels"].ravel().tolist()
        folder = self.path("flowers-102", "jpg")
        return [(os.path.join(folder, f"image_{i:05d}.jpg"), labels[i - 1] - 1) for i in chosen]


class OxfordIIITPet(VisionDataset):
    """37 breeds of cats and dogs.

    Args:
        split: trainval or test.
        target_types: of category, binary-category (cat or dog) and segmentation, an image.

    download: unpack the archives in root, which have to be there: nothing comes from the network.

    >>> OxfordIIITPet("data")
    Traceback (most recent call last):
        ...
    RuntimeError: Dataset not found. You can use download=True to download it
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "trainval",
        target_types: Sequence[str] | str = "category",
        transforms: Transform | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transforms, transform, target_transform)
        self.split = verify_str_arg(split, "split", ("trainval", "test"))
        known = ("category", "binary-category", "segmentation")
        types = [target_types] if isinstance(target_types, str) else target_types
        self.target_types = [verify_str_arg(t, "target_types", known) for t in types]
        base = os.path.join(self.root, "oxford-iiit-pet")
        if download and not self.exists(base):
            for path in obtain(base, self.sources(), "OxfordIIITPet"):
                extract_archive(path, base)
        if not self.exists(base):
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        listing = Path(base, "annotations", f"{split}.txt").read_text().splitlines()
        rows = [line.split() for line in listing]
        self.bin_classes = ["Cat", "Dog"]
        breeds = {int(breed): name.rsplit("_", 1)[0] for name, breed, _, _ in rows}
        titles = [" ".join(p.title() for p in breeds[i].split("_")) for i in sorted(breeds)]
        self.classes = titles
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.bin_class_to_idx = {"Cat": 0, "Dog": 1}
        self.samples = [
            {
                "image": os.path.join(base, "images", f"{name}.jpg"),
                "category": int(breed) - 1,
                "binary-category": int(species) - 1,
                "segmentation": os.path.join(base, "annotations", "trimaps", f"{name}.png"),
            }
            for name, breed, species, _ in rows
        ]

    @staticmethod
    def exists(base: str) -> bool:
        """Whether the unpacked set is there.

        base: the folder of the unpacked set.
        """
        return all(os.path.isdir(os.path.join(base, part)) for part in ("images", "annotations"))

    @staticmethod
    def sources() -> list[Source]:
        """The archives."""
        site = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
        files = {
            "images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
            "annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
        }
        return [Source(name, md5, site + name) for name, md5 in files.items()]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        sample: dict[str, Any] = self.samples[index]
        image = pillow().open(sample["image"]).convert("RGB")
        targets = tuple(
            pillow().open(sample[t]) if t == "segmentation" else sample[t]
            for t in self.target_types
        )
        target = targets[0] if len(targets) == 1 else targets or None
        return self.jointly_transformed(image, target)

    def __len__(self) -> int:
        return len(self.samples)


class FGVCAircraft(Photos):
    """100 aircraft; annotation_level is variant, family or manufacturer.

    split: the part of the data: 'train', 'test' and such. download: unpack the archives in root,
    which have to be there: nothing comes from the network. loader: a function of a path that gives
    the image.
    """

    def __init__(self, root: str | Path, split: str = "trainval", annotation_level: str = "variant",
                 transform: Transform | None = None, target_transform: Transform | None = None,
                 download: bool = False, loader: Loader = default_loader) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "val", "trainval", "test"))
        levels = ("variant", "family", "manufacturer")
        self.annotation_level = verify_str_arg(annotation_level, "annotation_level", levels)
        super().__init__(root, transform, target_transform, download, loader)

    def sources(self) -> tuple[str, list[Source]]:
        name = "fgvc-aircraft-2013b.tar.gz"
        site = "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/"
        return "", [Source(name, None, site + name)]

    def data(self, *parts: str) -> str:
        """The path of a file of the set."""
        return self.path("fgvc-aircraft-2013b", "data", *parts)

    def exists(self) -> bool:
        return os.path.isdir(self.data())

    def find(self) -> list[tuple[str, int]]:
        level = self.annotation_level
        listing = {"variant": "variants", "family": "families"}.get(level, "manufacturers")
        self.classes = Path(self.data(f"{listing}.txt")).read_text().splitlines()
        lines = Path(self.data(f"images_{level}_{self.split}.txt")).read_text().splitlines()
        pairs = [line.split(" ", 1) for line in lines]
        paths = [self.data("images", f"{name}.jpg") for name, _ in pairs]
        return list(zip(paths, numbered([kind for _, kind in pairs], self.classes)))


class StanfordCars(Photos):
    """196 models of cars, from the folder `stanford_cars`; its site is gone.

    split: the part of the data: 'train', 'test' and such. download: unpack the archives in root,
    which have to be there: nothing comes from the network. loader: a function of a path that gives
    the image.
    """

    def __init__(self, root: str | Path, split: str = "train", transform: Transform | None = None,
                 target_transform: Transform | None = None, download: bool = False,
                 loader: Loader = default_loader) -> None:  # fmt: skip
        self.split = verify_str_arg(split, "split", ("train", "test"))
        super().__init__(root, transform, target_transform, download, loader)

    def download(self) -> None:
        raise ValueError(
            "The original URL is broken so the StanfordCars dataset cannot be downloaded anymore."
        )

    def table(self) -> str:
        """The path of the file of annotations."""
        part = ("devkit", "cars_train_annos.mat")
        if self.split == "test":
            part = ("", "cars_test_annos_withlabels.mat")
        return self.path("stanford_cars", *part)

    def exists(self) -> bool:
        return os.path.exists(self.table())

    def find(self) -> list[tuple[str, int]]:
        load = importlib.import_module("scipy.io").loadmat
        names = load(self.path("stanford_cars", "devkit", "cars_meta.mat"), squeeze_me=True)
        self.classes = names["class_names"].tolist()
        rows = load(self.table(), squeeze_me=True)["annotations"]
        folder = self.path("stanford_cars", f"cars_{self.split}")
        return [(os.path.join(folder, str(row["fname"])), int(row["class"]) - 1) for row in rows]
