"""Data sets over files made for the purpose: what is read, checked, unpacked and asked for."""

import gzip
import hashlib
import io
import json
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest

import wengert as torch
from wengert.vision import datasets, transforms
from wengert.vision.datasets import utils
from wengert.vision.datasets.cifar import ArrayUnpickler

Image = pytest.importorskip("PIL.Image")


def idx(array):
    """An array of uint8 in the format of MNIST."""
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}i", *array.shape)
        + array.tobytes()
    )


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def tiny_mnist(tmp_path):
    """A subclass of MNIST whose four files, made here, are to be packed."""
    rng = np.random.default_rng(0)
    packed, arrays = {}, {}
    for part, count in (("train", 6), ("t10k", 4)):
        arrays[part] = images, labels = (
            rng.integers(0, 256, (count, 28, 28), np.uint8),
            np.arange(count, dtype=np.uint8),
        )
        packed[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(images))
        packed[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels))

    class Tiny(datasets.MNIST):
        resources = [(name, md5(content)) for name, content in packed.items()]

    return Tiny, packed, arrays, tmp_path / "Tiny" / "raw"


def test_mnist_says_which_files_it_needs_and_where(tiny_mnist, tmp_path):
    Tiny, packed, _, raw = tiny_mnist
    with pytest.raises(RuntimeError, match="download=True"):
        Tiny(tmp_path)
    with pytest.raises(RuntimeError) as found:
        Tiny(tmp_path, download=True)
    for name, content in packed.items():
        assert name in str(found.value) and md5(content) in str(found.value)
    assert str(raw) in str(found.value)
    assert not raw.exists()  # and nothing was written


def test_mnist_reads_what_it_has_unpacked(tiny_mnist, tmp_path):
    Tiny, packed, arrays, raw = tiny_mnist
    raw.mkdir(parents=True)
    for name, content in packed.items():
        (raw / name).write_bytes(content)
    data = Tiny(str(tmp_path), train=False, transform=transforms.ToTensor(), download=True)
    images, labels = arrays["t10k"]
    assert len(data) == 4 and data.data.dtype == torch.uint8 and data.targets.dtype == torch.int64
    assert np.array_equal(data.data.numpy(), images)
    image, label = data[3]
    assert label == 3 and np.allclose(image[0].numpy(), images[3] / 255)
    assert repr(data).splitlines()[:4] == [
        "Dataset Tiny", "    Number of datapoints: 4", f"    Root location: {tmp_path}",
        "    Split: Test",
    ]  # fmt: skip
    assert "Transform: ToTensor()" in repr(data)
    batch, targets = next(iter(torch.utils.data.DataLoader(data, batch_size=2)))
    assert batch.shape == (2, 1, 28, 28) and targets.tolist() == [0, 1]


def test_a_damaged_file_is_not_used(tiny_mnist, tmp_path):
    Tiny, packed, _, raw = tiny_mnist
    raw.mkdir(parents=True)
    for name, content in packed.items():
        (raw / name).write_bytes(content)
    victim = raw / next(iter(packed))
    victim.write_bytes(victim.read_bytes()[:-3])
    with pytest.raises(RuntimeError, match=f"{victim.name} is damaged"):
        Tiny(tmp_path, download=True)
    assert sorted(p.name for p in raw.iterdir()) == sorted(packed)


def test_half_an_idx_file_is_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx(np.zeros((2, 3, 3), np.uint8))[:-1])
    with pytest.raises(ValueError, match="do not fill"):
        datasets.mnist.read_image_file(str(path))


def test_unpacking_leaves_nothing_half_done(tmp_path):
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name in ("x/1", "x/2"):
            member = tarfile.TarInfo(name)
            member.size = 50_000
            noise = np.random.default_rng(0).bytes(50_000)
            file.addfile(member, io.BytesIO(noise))
    utils.extract_archive(str(archive), tmp_path / "whole")
    assert sorted(p.name for p in (tmp_path / "whole" / "x").iterdir()) == ["1", "2"]
    archive.write_bytes(archive.read_bytes()[:60_000])
    with pytest.raises(EOFError):
        utils.extract_archive(str(archive), tmp_path / "half")
    assert list((tmp_path / "half").iterdir()) == []


def test_archives_cannot_write_elsewhere(tmp_path):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as file:
        file.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises((RuntimeError, tarfile.TarError)):
        utils.extract_archive(str(archive), tmp_path / "in")
    assert not (tmp_path / "outside").exists()


def test_zip_and_single_files_are_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("b/c.txt", "hello")
    utils.extract_archive(tmp_path / "a.zip")
    assert (tmp_path / "b" / "c.txt").read_text() == "hello"
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(b"there"))
    assert utils.extract_archive(str(tmp_path / "d.txt.gz")) == str(tmp_path / "d.txt")
    assert (tmp_path / "d.txt").read_bytes() == b"there"


def test_cifar(tmp_path):
    rng = np.random.default_rng(1)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    images = rng.integers(0, 256, (3, 3072), np.uint8)
    content = {
        "batch": pickle.dumps({"data": images, "labels": [2, 0, 1]}, protocol=2),
        "meta": pickle.dumps({"label_names": ["a", "b", "c"]}, protocol=2),
    }
    for name, data in content.items():
        (folder / name).write_bytes(data)

    class Tiny(datasets.CIFAR10):
        train_list = test_list = [["batch", md5(content["batch"])]]
        meta = {"filename": "meta", "key": "label_names", "md5": md5(content["meta"])}

    data = Tiny(tmp_path, train=False)
    image, label = data[1]
    assert np.array_equal(np.asarray(image), images[1].reshape(3, 32, 32).transpose(1, 2, 0))
    assert label == 0 and data.classes == ["a", "b", "c"] and data.class_to_idx["c"] == 2
    with pytest.raises(RuntimeError, match="cifar-100-python.tar.gz"):
        datasets.CIFAR100(tmp_path, download=True)


def test_batches_of_cifar_run_nothing():
    evil = pickle.dumps(print, protocol=2)
    with pytest.raises(pickle.UnpicklingError, match="print"):
        ArrayUnpickler(io.BytesIO(evil)).load()


def save(path, colour=(9, 8, 7)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), colour).save(path)


def test_image_folder(tmp_path):
    for name in ("dog/a.png", "dog/deep/b.png", "cat/c.bmp"):
        save(tmp_path / name)
    (tmp_path / "dog" / "notes.txt").write_text("")
    data = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert data.classes == ["cat", "dog"] and data.targets == [0, 1, 1]
    assert data[0][0].shape == (3, 4, 5) and data.imgs is data.samples
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="classes empty"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 3
    only = datasets.DatasetFolder(
        tmp_path, str, is_valid_file=lambda p: p.endswith("a.png"), allow_empty=True
    )
    assert only[0] == (str(tmp_path / "dog" / "a.png"), 1)


def test_fake_data_leaves_the_generator_alone(keep_rng):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    data = datasets.FakeData(size=3, image_size=(3, 6, 5))
    image, label = data[2]
    assert torch.equal(torch.rand(2), expected)
    assert image.size == (5, 6) and label == data[2][1]
    with pytest.raises(IndexError):
        data[3]


def test_voc(tmp_path):
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for lists in ("Segmentation", "Main"):
        (base / "ImageSets" / lists).mkdir(parents=True)
        (base / "ImageSets" / lists / "train.txt").write_text("one\n")
    save(base / "JPEGImages" / "one.jpg")
    save(base / "SegmentationClass" / "one.png")
    (base / "Annotations").mkdir()
    (base / "Annotations" / "one.xml").write_text(
        "<annotation><size><width>5</width></size>"
        "<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"
    )
    image, mask = datasets.VOCSegmentation(tmp_path)[0]
    assert image.size == mask.size == (5, 4)
    both = lambda image, target: (transforms.ToTensor()(image), target)
    image, target = datasets.VOCDetection(tmp_path, transforms=both)[0]
    assert image.shape == (3, 4, 5)
    assert target == {
        "annotation": {
            "size": {"width": "5"},
            "object": [{"name": "cat", "bndbox": {"xmin": "1"}}],
        }
    }
    with pytest.raises(ValueError, match="image_set"):
        datasets.VOCDetection(tmp_path, image_set="test")


def test_coco(tmp_path):
    save(tmp_path / "7.png")
    annotations = {
        "images": [{"id": 7, "file_name": "7.png"}],
        "annotations": [
            {"id": 1, "image_id": 7, "bbox": [0, 0, 2, 2], "caption": "grey"},
            {"id": 2, "image_id": 8, "bbox": [0, 0, 1, 1], "caption": "other"},
        ],
        "categories": [],
    }
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(annotations))
    image, target = datasets.CocoDetection(tmp_path, str(path))[0]
    assert image.size == (5, 4) and [t["id"] for t in target] == [1]
    assert datasets.CocoCaptions(tmp_path, str(path))[0][1] == ["grey"]


def test_transforms_are_given_one_way_only(tmp_path):
    with pytest.raises(ValueError, match="Only transforms or"):
        datasets.VisionDataset(tmp_path, transforms=print, transform=print)


def test_sets_that_are_left_out_say_so():
    with pytest.raises(AttributeError, match="Kinetics.*left out"):
        _ = datasets.Kinetics
