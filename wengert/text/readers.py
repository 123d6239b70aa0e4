"""The files of text data sets: where they are looked for and how they are read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .utils import unicode_csv_reader

__all__ = ["folder_with", "labelled", "lines", "pairs", "reviews", "rows", "tagged"]


def folder_with(root: Any, name: str, inside: str) -> Path:
    """The folder that has a file or folder: below root, below root/datasets/name, below
    root/name, or one further down; RuntimeError says where to put it."""
    base = Path(root).expanduser()
    for place in (base, base / name, base / "datasets" / name):
        if (place / inside).exists():
            return place
    found = next(iter(base.glob(f"**/{inside}")), None) if base.exists() else None
    if found is not None:
        return Path(str(found).removesuffix(inside))
    raise RuntimeError(f"{name}: nothing is downloaded here: unpack it so that there is "
                       f"{base / name / inside}")  # fmt: skip


def lines(path: Path) -> Iterator[str]:
    """The lines of a file."""
    with open(path, encoding="utf8") as file:
        yield from file


def labelled(path: Path) -> Iterator[tuple[int, str]]:
    """The label and the text of each row of a table: its first column, and the others joined."""
    with open(path, encoding="utf8", newline="") as file:
        for row in unicode_csv_reader(file):
            yield int(row[0]), " ".join(row[1:])


def rows(path: Path) -> Iterator[tuple[str, ...]]:
    """The columns of each line of a table with tabs."""
    for line in lines(path):
        yield tuple(line.rstrip("\n").split("\t"))


def pairs(first: Path, second: Path) -> Iterator[tuple[str, str]]:
    """The lines of two files beside each other."""
    yield from zip(map(str.rstrip, lines(first)), map(str.rstrip, lines(second)))


def reviews(folder: Path) -> Iterator[tuple[int, str]]:
    """The files of folders neg (label 1) and pos (label 2)."""
    for label, name in ((1, "neg"), (2, "pos")):
        for path in sorted((folder / name).glob("*.txt")):
            yield label, path.read_text(encoding="utf8")


def tagged(path: Path, separator: str = "\t") -> Iterator[list[list[str]]]:
    """The columns of sentences with a word on each line and empty lines between."""
    columns: list[list[str]] = []
    for line in lines(path):
        if not line.strip():
            if columns:
                yield columns
            columns = []
            continue
        for i, part in enumerate(line.rstrip("\n").split(separator)):
            if len(columns) < i + 1:
                columns.append([])
            columns[i].append(part)
    if columns:
        yield columns


class Items:
    """Items that are read each time they are gone through."""

    def __init__(self, read: Callable[[], Iterator[Any]], name: str) -> None:
        self.read, self.name = read, name
        self.going: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self.read()

    def __next__(self) -> Any:
        if self.going is None:
            self.going = self.read()
        return next(self.going)

    def __repr__(self) -> str:
        return f"<torchtext data set {self.name}>"


def of_splits(
    name: str, root: Any, split: Any, files: dict[str, str], read: Callable[..., Iterator[Any]]
) -> Any:
    """The parts of a data set that are asked for: one, or a tuple; files: part -> its file."""
    asked = (split,) if isinstance(split, str) else tuple(split)
    for part in asked:
        if part not in files:
            raise ValueError(f"{name}: split {part!r} is not one of {tuple(files)}")
    made = []
    for part in asked:
        inside = files[part]
        folder = folder_with(root, name, inside)
        made.append(Items(functools.partial(read, folder / inside), f"{name} {part}"))
    return made[0] if isinstance(split, str) else tuple(made)
