"""Transforms: the same draws and values as torchvision recorded, and what no record can show."""

import json
from pathlib import Path

import numpy as np
import pytest
from vision import transform_cases

import wengert as torch
from wengert.vision import transforms
from wengert.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")
GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "vision.json").read_text())


@pytest.mark.parametrize("name", transform_cases.CASES)
def test_same_draws_and_values_as_torchvision(name, keep_rng):
    found = transform_cases.run(torch, transforms, name)
    for ours, theirs in zip(found, GOLDEN["transforms"][name]):
        assert ours[0] == theirs[0]
        # whole numbers may be rounded the other way, and nearest may find the other neighbour
        close = np.isclose(ours[1:], theirs[1:], atol=1.01 if name.startswith("uint8") else 2e-5)
        assert close.mean() >= 0.9, (ours, theirs)


def pil(mode="RGB"):
    return Image.fromarray(
        transform_cases.picture(torch, "uint8").permute(1, 2, 0).numpy()
    ).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "name", [n for n in transform_cases.CASES if "Normalize" not in n and "Erasing" not in n]
)
def test_pillow_images_come_out_as_such_of_the_same_size(name, mode, keep_rng):
    torch.manual_seed(0)
    out = transform_cases.CASES[name](transforms)(pil(mode))
    out = out[0] if isinstance(out, tuple) else out
    assert isinstance(out, Image.Image)


def test_a_crop_of_pillow_and_of_a_tensor_take_the_same_pixels(keep_rng):
    crop = transforms.Compose(
        [transforms.RandomCrop(9, padding=3), transforms.RandomHorizontalFlip()]
    )
    for seed in range(5):
        torch.manual_seed(seed)
        first = F.pil_to_tensor(crop(pil()))
        torch.manual_seed(seed)
        assert torch.equal(first, crop(transform_cases.picture(torch, "uint8")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "CMYK", "I", "F"])
def test_pillow_to_tensor_and_back(mode):
    image = pil("L").convert(mode)
    tensor = F.pil_to_tensor(image)
    assert tensor.shape == (len(image.getbands()), 37, 45)
    scaled = F.to_tensor(image)
    assert scaled.dtype == (torch.int32 if mode == "I" else torch.float32)
    if mode in ("L", "LA", "RGB", "RGBA"):
        assert F.to_pil_image(tensor).mode == mode
        assert F.to_pil_image(scaled).tobytes() == image.tobytes()


def test_to_tensor_of_arrays():
    assert F.to_tensor(np.full((2, 3), 255, np.uint8)).tolist() == [[[1.0] * 3] * 2]
    assert F.to_tensor(np.ones((2, 3, 4))).shape == (4, 2, 3)
    with pytest.raises(ValueError, match="2/3 dimensional"):
        F.to_tensor(np.ones(3))
    with pytest.raises(TypeError, match="PIL Image or ndarray"):
        F.to_tensor([1])


def test_dtypes_keep_white_white():
    white = torch.tensor([0, 255], dtype=torch.uint8)
    assert F.convert_image_dtype(white, torch.float64).tolist() == [0, 1]
    assert F.convert_image_dtype(white, torch.int32).tolist() == [0, 255 << 23]
    assert F.convert_image_dtype(torch.tensor([0.0, 1.0]), torch.uint8).tolist() == [0, 255]
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(torch.tensor([0.5]), torch.int32)


def test_images_have_gradients():
    x = transform_cases.picture(torch, "float32").requires_grad_()
    out = F.normalize(F.resize(F.affine(x, 10.0, [1, 2], 1.1, [3.0, 4.0]), 9), [0.5] * 3, [0.2] * 3)
    out.sum().backward()
    assert float(x.grad.abs().sum()) > 0


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.normalize(torch.ones(1, 2, 2), [0.0], [0.0]), ValueError, "std"),
        (
            lambda: F.normalize(torch.ones(1, 2, 2, dtype=torch.uint8), [0.0], [1.0]),
            TypeError,
            "float",
        ),
        (lambda: F.normalize(torch.ones(1, 2, 2), [0.5] * 3, [0.5] * 3), RuntimeError, "shape"),
        (lambda: F.pad(torch.ones(1, 2, 2), [1, 2, 3]), ValueError, "1, 2, or 4"),
        (lambda: F.pad(torch.ones(1, 2, 2), 2, padding_mode="reflect"), RuntimeError, "reflect"),
        (lambda: transforms.RandomCrop(9)(torch.ones(1, 4, 4)), ValueError, "larger than input"),
        (lambda: transforms.ColorJitter(hue=0.7), ValueError, "hue"),
        (lambda: F.rotate(torch.ones(1, 4, 4), 3, 1), ValueError, "unsupported with Tensor"),
        (lambda: F.resize("x", 3), TypeError, "PIL Image"),
        (lambda: F.gaussian_blur(torch.ones(1, 9, 9), 4), ValueError, "odd"),
        (lambda: F.posterize(torch.ones(3, 4, 4).int(), 2), TypeError, "uint8"),
    ],
)
def test_wrong_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_printed_forms():
    made = transforms.Compose([transforms.RandomCrop(4, padding=1), transforms.ToTensor()])
    assert repr(made) == ("Compose(\n    RandomCrop(size=(4, 4), padding=1)\n    ToTensor()\n)")
