"""Small made files in the formats that scripts read: pictures, digits, text, citation graphs."""

from __future__ import annotations

import csv
import gzip
import pickle
import random
import struct
from functools import partial
from pathlib import Path

import numpy as np

__all__ = ["MAKERS"]


def pictures(rng: np.random.RandomState, labels: np.ndarray, side: int) -> np.ndarray:
    """Pictures (N, 3, side, side) of stripes that depend on the label, and noise."""
    y, x = np.mgrid[:side, :side]
    waves = np.sin((labels[:, None, None] + 1) * (x + 2 * y) / side)
    noise = rng.rand(len(labels), 3, side, side)
    return (127 * (0.6 * waves[:, None] + 0.4 * noise + 1) * 0.9).astype(np.uint8)


def digits(folder: Path, rng: np.random.RandomState, classes: int = 10) -> None:
    """Files as MNIST has them, plain and packed."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 256), ("t10k", 128)):
        labels = rng.randint(0, classes, count)
        images = pictures(rng, labels, 28)[:, 0]
        files = {
            f"{part}-images-idx3-ubyte": struct.pack(">4i", 2051, count, 28, 28) + images.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">2i", 2049, count)
            + labels.astype(np.uint8).tobytes(),
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def torchvision(root: Path) -> None:
    """The files of the data sets of torchvision that are read most."""
    rng = np.random.RandomState(0)
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        digits(root / name / "raw", rng)
    for folder, classes, files in (
        ("cifar-10-batches-py", 10, [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]),
        ("cifar-100-python", 100, ["train", "test"]),
    ):
        (root / folder).mkdir(parents=True)
        for name in files:
            labels = rng.randint(0, classes, 64)
            data = {"data": pictures(rng, labels, 32).reshape(64, -1)}
            data["labels" if classes == 10 else "fine_labels"] = labels.tolist()
            (root / folder / name).write_bytes(pickle.dumps(data))
        names = {"label_names" if classes == 10 else "fine_label_names":
                 [f"class {i}" for i in range(classes)]}  # fmt: skip
        meta = "batches.meta" if classes == 10 else "meta"
        (root / folder / meta).write_bytes(pickle.dumps(names))


def mnist(path: Path) -> None:
    """A folder with the four files of MNIST."""
    digits(path, np.random.RandomState(0))


def image_folder(path: Path, classes: int = 2) -> None:
    """Classes with 8 pictures each, and the same under train, val and test."""
    from PIL import Image

    rng = np.random.RandomState(0)
    for part in ("", "train", "val", "test"):
        for label in range(classes):
            folder = path / part / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            for i, image in enumerate(pictures(rng, np.full(8, label), 72)):
                Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{i}.png")


def image_file(path: Path) -> None:
    """One picture."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image = pictures(np.random.RandomState(0), np.zeros(1, int), 96)[0]
    Image.fromarray(image.transpose(1, 2, 0)).save(path)


WORDS = [
    "time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world",
    "school", "state", "family", "student", "group", "country", "problem", "hand", "part",
    "place", "case", "week", "company", "system", "program", "question", "work", "number",
    "night", "point", "home", "water", "room", "mother", "area", "money", "story", "fact",
    "month", "lot", "right", "study", "book", "eye", "job", "word", "business", "issue",
    "side", "kind", "head", "house", "service", "friend", "father", "power", "hour", "game",
    "line", "end", "member", "law", "car", "city", "the", "of", "and", "to", "in", "is", "was",
    "he", "for", "it", "with", "as", "his", "on", "be", "at", "by",
]  # fmt: skip


def sentences(count: int, seed: int = 0) -> list[str]:
    """Lines of words."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(5, 14))) for _ in range(count)]


def text(path: Path) -> None:
    """A file of 400 lines of words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(sentences(400)) + "\n")


def play(path: Path) -> None:
    """The same, with all letters and signs in the first line."""
    text(path)
    letters = "".join(map(chr, range(32, 127)))
    path.write_text(letters + "\n" + path.read_text())


def corpus(path: Path) -> None:
    """A folder with train.txt, valid.txt and test.txt."""
    path.mkdir(parents=True, exist_ok=True)
    for i, part in enumerate(("train", "valid", "test")):
        (path / f"{part}.txt").write_text("\n".join(sentences(120, i)) + "\n")


def names(path: Path) -> None:
    """A folder with a file of names for each of four languages."""
    path.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    for language in ("English", "French", "Greek", "Russian"):
        made = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9))).capitalize()
                for _ in range(40)]  # fmt: skip
        (path / f"{language}.txt").write_text("\n".join(made) + "\n")


def name_list(path: Path) -> None:
    """One file of names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    made = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9))) for _ in range(200)]
    path.write_text("\n".join(made) + "\n")


def cora(path: Path) -> None:
    """A citation graph: cora.content and cora.cites with 300 papers of 7 classes, 50 words."""
    path.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(0)
    subjects = ["Case_Based", "Genetic_Algorithms", "Neural_Networks", "Probabilistic_Methods",
                "Reinforcement_Learning", "Rule_Learning", "Theory"]  # fmt: skip
    count = 1600
    words = (rng.rand(count, 50) < 0.2).astype(int)
    lines = [f"{1000 + i}\t" + "\t".join(map(str, words[i])) + f"\t{subjects[i % 7]}"
             for i in range(count)]  # fmt: skip
    (path / "cora.content").write_text("\n".join(lines) + "\n")
    cites = {(int(a), int(b)) for a, b in rng.randint(0, count, (3000, 2)) if a != b}
    text = "\n".join(f"{1000 + a}\t{1000 + b}" for a, b in sorted(cites))
    (path / "cora.cites").write_text(text + "\n")


def diabetes(path: Path) -> None:
    """Packed rows of eight numbers and a class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(0)
    rows = np.concatenate([rng.rand(200, 8) * 2 - 1, rng.randint(0, 2, (200, 1))], 1)
    lines = "\n".join(",".join(f"{v:.6f}" for v in row) for row in rows)
    content = (lines + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def labelled_names(path: Path) -> None:
    """Packed lines of a name and a country."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        for _ in range(200):
            name = "".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9)))
            writer.writerow([name, draw.choice(["Italy", "Japan", "Spain"])])


def binary_digits(path: Path) -> None:
    """A file of arrays with pictures of 784 bits."""
    rng = np.random.RandomState(0)
    parts = {name: (rng.rand(200, 784) < 0.3).astype(np.float32)
             for name in ("train_data", "valid_data", "test_data")}  # fmt: skip
    np.savez(path, **parts)


def carvana(path: Path) -> None:
    """Pictures of blobs in imgs/ and their outlines in masks/, named as Carvana's are."""
    from PIL import Image

    rng = np.random.RandomState(0)
    for part in ("imgs", "masks"):
        (path / part).mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:64, :96]
    for i in range(20):
        inside = (x - rng.randint(20, 76)) ** 2 + (y - rng.randint(16, 48)) ** 2 < 196
        picture = (120 * inside[..., None] + rng.randint(0, 120, (64, 96, 3))).astype(np.uint8)
        Image.fromarray(picture).save(path / "imgs" / f"{i}.png")
        Image.fromarray(inside.astype(np.uint8)).save(path / "masks" / f"{i}_mask.gif")


def series(path: Path) -> None:
    """A table with the hours of some weeks and seven waves, as time-series models read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(0)
    hours = np.arange(480)
    waves = np.sin(hours[:, None] * (np.arange(7) + 1) / 24) + 0.1 * rng.randn(len(hours), 7)
    dates = np.datetime64("2020-01-01T00:00:00") + hours.astype("timedelta64[h]")
    lines = ["date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"]
    for date, row in zip(dates, waves):
        lines.append(",".join([str(date).replace("T", " "), *(f"{x:.6f}" for x in row)]))
    path.write_text("\n".join(lines) + "\n")


def rays(path: Path) -> None:
    """An array, pickled, of origins, directions and colours of 4096 rays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(0)
    origins, directions = rng.randn(2, 4096, 3) * 0.5 - [[[0, 0, 4]], [[0, 0, -1]]]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    np.concatenate([origins, directions, rng.rand(4096, 3)], 1).astype(np.float32).dump(path)


MAKERS = {
    "carvana": carvana,
    "binary_digits": binary_digits, "cora": cora, "corpus": corpus, "diabetes": diabetes,
    "image": image_file, "images": image_folder, "images6": partial(image_folder, classes=6),
    "labelled_names": labelled_names, "mnist": mnist,
    "name_list": name_list, "names": names, "play": play, "rays": rays, "series": series,
    "text": text, "torchvision": torchvision,
}  # fmt: skip
