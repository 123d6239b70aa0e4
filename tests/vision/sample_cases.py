"""Transforms of version 2 on a sample with an image, masks, boxes and points, under seeds."""

import numpy as np

CASES = {
    "RandomHorizontalFlip": lambda m: m.RandomHorizontalFlip(),
    "RandomVerticalFlip": lambda m: m.RandomVerticalFlip(0.7),
    "Resize": lambda m: m.Resize(20),
    "Resize by max_size": lambda m: m.Resize(None, max_size=30),
    "RandomResize": lambda m: m.RandomResize(10, 40),
    "RandomShortestSize": lambda m: m.RandomShortestSize([10, 20, 30], 40),
    "ScaleJitter": lambda m: m.ScaleJitter((30, 40)),
    "CenterCrop": lambda m: m.CenterCrop(16),
    "Pad": lambda m: m.Pad((1, 2, 3, 4), fill=7),
    "RandomZoomOut": lambda m: m.RandomZoomOut(p=1.0),
    "RandomCrop": lambda m: m.RandomCrop(32, padding=4),
    "RandomCrop, one side": lambda m: m.RandomCrop((37, 20)),
    "RandomResizedCrop": lambda m: m.RandomResizedCrop(16),
    "RandomRotation": lambda m: m.RandomRotation(30),
    "RandomAffine": lambda m: m.RandomAffine(20, (0.1, 0.2), (0.7, 1.3), 10),
    "RandomPerspective": lambda m: m.RandomPerspective(p=1.0),
    "ElasticTransform": lambda m: m.ElasticTransform(30.0),
    "RandomIoUCrop": lambda m: m.RandomIoUCrop(),
    "SanitizeBoundingBoxes": lambda m: m.Compose(
        [m.RandomIoUCrop(), m.SanitizeBoundingBoxes(min_size=3)]
    ),
    "ConvertBoundingBoxFormat": lambda m: m.Compose(
        [m.ConvertBoundingBoxFormat("CXCYWH"), m.RandomHorizontalFlip(1.0), m.Resize(20)]
    ),
    "ColorJitter": lambda m: m.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "RandomPhotometricDistort": lambda m: m.RandomPhotometricDistort(),
    "RandomGrayscale": lambda m: m.RandomGrayscale(0.5),
    "RandomChannelPermutation": lambda m: m.RandomChannelPermutation(),
    "RandomEqualize": lambda m: m.RandomEqualize(1.0),
    "GaussianBlur": lambda m: m.GaussianBlur((5, 3)),
    "GaussianNoise": lambda m: m.GaussianNoise(),
    "RandomErasing": lambda m: m.RandomErasing(1.0, value="random"),
    "containers": lambda m: m.Compose(
        [
            m.RandomApply([m.Grayscale(3)], p=0.5),
            m.RandomOrder([m.RandomHorizontalFlip(), m.RandomCrop(30)]),
            m.RandomChoice([m.RandomCrop(10), m.CenterCrop(12)]),
        ]
    ),
    "alone: AutoAugment": lambda m: m.AutoAugment(),
    "alone: RandAugment": lambda m: m.RandAugment(),
    "alone: TrivialAugmentWide": lambda m: m.TrivialAugmentWide(),
    "alone: AugMix": lambda m: m.AugMix(),
    "batch: MixUp": lambda m: m.MixUp(num_classes=6),
    "batch: CutMix": lambda m: m.CutMix(num_classes=6),
}


def sample(torch, tv, name):
    y, x = np.mgrid[:37, :45]
    pixels = np.stack([x * 5 + y, y * 6 + 10 * (x % 7), (x * y) % 256]).astype(np.uint8)
    image = tv.Image(torch.from_numpy((pixels / 255).astype(np.float32)))
    if name.startswith("alone"):
        return {"image": image, "rest": 3}
    if name.startswith("batch"):
        images = torch.stack([image * (i + 1) / 6 for i in range(6)])
        return {"image": tv.Image(images), "labels": torch.arange(6)}
    rng = np.random.default_rng(0)
    corners = rng.random((6, 4)) * [40, 32, 40, 32]
    low, high = (
        np.minimum(corners[:, :2], corners[:, 2:]),
        np.maximum(corners[:, :2], corners[:, 2:]),
    )
    boxes = torch.from_numpy(np.concatenate([low, high + 2], 1).astype(np.float32))
    points = torch.from_numpy((rng.random((4, 3, 2)) * [44, 36]).astype(np.float32))
    return {
        "image": image,
        "masks": tv.Mask(torch.from_numpy(np.stack([x // 9, y // 9]).astype(np.uint8))),
        "boxes": tv.BoundingBoxes(boxes, format="XYXY", canvas_size=(37, 45)),
        "points": tv.KeyPoints(points, canvas_size=(37, 45)),
        "labels": torch.arange(6),
        "rest": [3, "text"],
    }


def described(value):
    """The class, the shape, the canvas, and samples of the values."""
    if not hasattr(value, "numpy"):
        return repr(value)
    flat = value.numpy().astype(np.float64).ravel()
    some = flat[np.linspace(0, flat.size - 1, min(flat.size, 8)).astype(int)] if flat.size else flat
    canvas = [int(side) for side in getattr(value, "canvas_size", ())]
    numbers = [round(flat.mean(), 5) if flat.size else 0, *some.round(4).tolist()]
    return [type(value).__name__, list(value.shape), canvas, numbers]


def run(torch, v2, tv, name):
    transform = CASES[name](v2)
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        out = transform(sample(torch, tv, name))
        found.append({key: described(value) for key, value in out.items()})
    return found
