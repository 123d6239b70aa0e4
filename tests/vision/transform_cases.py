"""Transforms that are run under a seed: under torchvision to record, under wengert to compare."""

import random

import numpy as np

CASES = {
    "Resize": lambda m: m.Resize(20),
    "Resize to a size": lambda m: m.Resize((50, 33)),
    "Resize, bicubic": lambda m: m.Resize(17, m.InterpolationMode.BICUBIC),
    "Resize, nearest": lambda m: m.Resize(17, m.InterpolationMode.NEAREST),
    "Resize, max_size": lambda m: m.Resize(15, max_size=16),
    "CenterCrop": lambda m: m.CenterCrop(16),
    "CenterCrop, larger": lambda m: m.CenterCrop((60, 48)),
    "Pad": lambda m: m.Pad((1, 2, 3, 4), fill=7),
    "Pad, reflect": lambda m: m.Pad(4, padding_mode="reflect"),
    "Pad, symmetric": lambda m: m.Pad((3, 5), padding_mode="symmetric"),
    "RandomCrop": lambda m: m.RandomCrop(32, padding=4),
    "RandomCrop, padded": lambda m: m.RandomCrop((60, 40), pad_if_needed=True),
    "RandomHorizontalFlip": lambda m: m.RandomHorizontalFlip(),
    "RandomVerticalFlip": lambda m: m.RandomVerticalFlip(),
    "RandomResizedCrop": lambda m: m.RandomResizedCrop(16),
    "TenCrop": lambda m: m.TenCrop((11, 9)),
    "ColorJitter": lambda m: m.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "RandomRotation": lambda m: m.RandomRotation(30),
    "RandomRotation, expand": lambda m: m.RandomRotation(
        30, m.InterpolationMode.BILINEAR, expand=True, fill=0.5
    ),
    "RandomAffine": lambda m: m.RandomAffine(20, (0.1, 0.2), (0.7, 1.3), 10),
    "RandomAffine, bilinear": lambda m: m.RandomAffine(
        20, (0.1, 0.2), (0.7, 1.3), (1, 10, 2, 8), m.InterpolationMode.BILINEAR, fill=0.3
    ),
    "Grayscale": lambda m: m.Grayscale(3),
    "RandomGrayscale": lambda m: m.RandomGrayscale(0.6),
    "RandomPerspective": lambda m: m.RandomPerspective(0.5, 1.0),
    "GaussianBlur": lambda m: m.GaussianBlur((5, 3)),
    "RandomInvert": lambda m: m.RandomInvert(),
    "RandomAdjustSharpness": lambda m: m.RandomAdjustSharpness(2, 1.0),
    "RandomAutocontrast": lambda m: m.RandomAutocontrast(1.0),
    "ElasticTransform": lambda m: m.ElasticTransform(30.0),
    "Normalize": lambda m: m.Normalize((0.4, 0.5, 0.6), (0.1, 0.2, 0.3)),
    "RandomErasing": lambda m: m.RandomErasing(1.0),
    "RandomErasing, noise": lambda m: m.RandomErasing(1.0, value="random"),
    "Compose": lambda m: m.Compose(
        [
            m.RandomApply([m.Grayscale(3)]),
            m.RandomOrder([m.RandomHorizontalFlip(), m.RandomVerticalFlip()]),
            m.RandomChoice([m.RandomCrop(10), m.CenterCrop(10)]),
        ]
    ),
    "uint8: RandomPosterize": lambda m: m.RandomPosterize(3, 1.0),
    "uint8: RandomSolarize": lambda m: m.RandomSolarize(100, 1.0),
    "uint8: RandomEqualize": lambda m: m.RandomEqualize(1.0),
    "uint8: ColorJitter": lambda m: m.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "uint8: AutoAugment": lambda m: m.AutoAugment(),
    "uint8: AutoAugment, CIFAR10": lambda m: m.AutoAugment(m.AutoAugmentPolicy.CIFAR10),
    "uint8: AutoAugment, SVHN": lambda m: m.AutoAugment(m.AutoAugmentPolicy.SVHN, fill=3),
    "uint8: RandAugment": lambda m: m.RandAugment(),
    "uint8: TrivialAugmentWide": lambda m: m.TrivialAugmentWide(),
    "uint8: AugMix": lambda m: m.AugMix(),
}


def picture(torch, kind):
    """A small picture with structure: uint8, or float32 in [0, 1]."""
    y, x = np.mgrid[:37, :45]
    pixels = np.stack([x * 5 + y, y * 6 + 10 * (x % 7), (x * y) % 256]).astype(np.uint8)
    return torch.from_numpy(pixels if kind == "uint8" else (pixels / 255).astype(np.float32))


def run(torch, transforms, name):
    """Shapes and samples of what the transform makes of a picture under three seeds."""
    transform = CASES[name](transforms)
    image = picture(torch, "uint8" if name.startswith("uint8") else "float32")
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        random.seed(seed)
        out = transform(image)
        parts = out if isinstance(out, tuple) else (out,)
        flat = np.concatenate([p.numpy().astype(np.float64).ravel() for p in parts])
        some = flat[np.linspace(0, len(flat) - 1, 12).astype(int)]
        found.append(
            [[list(p.shape) for p in parts], round(flat.mean(), 6), *some.round(5).tolist()]
        )
    return found
