"""Sentences in two languages, in two files side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...engine.error_context import clear_errors
from ..data.utils import interleave_keys
from ..fields import Dataset, Example
from ..readers import Items, folder_with, pairs

__all__ = ["IWSLT", "Multi30k", "TranslationDataset"]


class TranslationDataset(Dataset):
    """Pairs of lines of two files, path + exts[0] and path + exts[1]: fields src and trg.

    Raises FileNotFoundError where path is of the wrong type or unknown; IndexError where exts or
    fields is empty or too short.

    >>> for language, line in (("de", "eine Katze"), ("en", "a cat")):
    ...     with open("pairs." + language, "w") as file:
    ...         print(line, file=file)
    >>> Field = torchtext.legacy.data.Field
    >>> data = TranslationDataset("pairs.", ("de", "en"), (Field(), Field()))
    >>> data[0].src, data[0].trg, data.sort_key(data[0])
    (['eine', 'Katze'], ['a', 'cat'], 12)
    >>> endings, fields = (".de", ".en"), (Field(), Field())
    >>> len(data.splits(endings, fields, ".", train="pairs", validation=None, test=None))
    1
    """

    @staticmethod
    @clear_errors
    def sort_key(ex: Any) -> int:
        """Like lengths of both beside each other; ex: an Example."""
        return interleave_keys(len(ex.src), len(ex.trg))

    @clear_errors
    def __init__(self, path: Any, exts: Any, fields: Any, **kwargs: Any) -> None:
        if not isinstance(fields[0], (tuple, list)):
            fields = [("src", fields[0]), ("trg", fields[1])]
        both = pairs(Path(f"{path}{exts[0]}"), Path(f"{path}{exts[1]}"))
        examples = [Example.fromlist(pair, fields) for pair in both if all(map(str.strip, pair))]
        super().__init__(examples, fields, **kwargs)

    @classmethod
    @clear_errors
    def splits(  # type: ignore[override]
        cls, exts: Any = None, fields: Any = None, path: Any = None, root: Any = ".data",
        train: Any = "train", validation: Any = "val", test: Any = "test", **kwargs: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Training, validation and test data.

        fields: (name, Field) pairs. path: of the file. root: the folder of the data. train:
        whether it is for training.

        Raises FileNotFoundError where path or train is unknown; IndexError where exts or fields is
        empty or too short.
        """
        base = Path(root if path is None else path)
        names = [name for name in (train, validation, test) if name is not None]
        return tuple(cls(base / name, exts, fields, **kwargs) for name in names)


class Pairs:
    """Sentences in two languages: called, pairs of lines; `splits`, with fields.

    root: the folder of the data. split: a part, 'train', 'valid' or 'test', or a tuple of them.
    language_pair: the endings of the files of both languages, such as ("de", "en").

    Raises TypeError for a root or a split of another type, ValueError for an unknown split,
    RuntimeError if the files are missing.

    >>> list(Multi30k("data", split="train"))
    Traceback (most recent call last):
        ...
    RuntimeError: multi30k: nothing is downloaded here: unpack it so that there is ...
    """

    def __init__(self, title: str, parts: dict[str, str], languages: tuple[str, str]) -> None:
        self.__name__, self.name = title, title.lower()
        self.parts, self.languages = parts, languages

    def __call__(
        self,
        root: Any = ".data",
        split: Any = ("train", "valid", "test"),
        language_pair: tuple[str, str] | None = None,
    ) -> Any:
        languages = self.languages if language_pair is None else language_pair
        asked = (split,) if isinstance(split, str) else tuple(split)
        made = []
        for part in asked:
            if part not in self.parts:
                raise ValueError(f"{self.name}: split {part!r} is not one of {tuple(self.parts)}")
            names = [f"{self.parts[part]}.{language}" for language in languages]
            folder = folder_with(root, self.name, names[0])

            def read(folder: Path = folder, names: Any = names) -> Iterator[Any]:
                return pairs(folder / names[0], folder / names[1])

            made.append(Items(read, f"{self.name} {part}"))
        return made[0] if isinstance(split, str) else tuple(made)

    def splits(
        self, exts: Any, fields: Any, root: Any = ".data", train: Any = "train",
        validation: Any = "val", test: Any = None, **kwargs: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Training, validation and test data of the languages exts, such as (".de", ".en")."""
        path = kwargs.pop("path", None)
        test = self.parts["test"] if test is None else test
        base = folder_with(root, self.name, f"{train}{exts[0]}") if path is None else path
        return TranslationDataset.splits(
            exts, fields, path=base, train=train, validation=validation, test=test, **kwargs
        )


Multi30k = Pairs("Multi30k", {"train": "train", "valid": "val", "test": "test2016"}, ("de", "en"))
IWSLT = Pairs("IWSLT", {"train": "train", "valid": "val", "test": "test"}, ("de", "en"))
