"""Images of noise, to try things on."""

from __future__ import annotations

from typing import Any

from ...api import functions as T
from ...api.generator import get_rng_state, manual_seed, set_rng_state
from ..transforms.functional import to_pil_image
from .vision import Transform, VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """size images of noise, the same at each call, with random classes.

    num_classes: how many classes the last layer has. transform: a function of the image.
    target_transform: a function of the target. random_offset: added to the number of an image
    before it is drawn.

    >>> FakeData(size=2, image_size=(3, 4, 4))[0][0].size
    (4, 4)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = get_rng_state()
        manual_seed(index + self.random_offset)
        noise = T.randn(*self.image_size)
        label = T.randint(0, self.num_classes, size=(1,))[0]
        set_rng_state(state)
        img, target = self.transformed(to_pil_image(noise), label)
        return img, target.item() if hasattr(target, "item") else target

    def __len__(self) -> int:
        return self.size
