"""Long texts for language models, and sentences with tags."""

from __future__ import annotations

from typing import Any

from ...engine.error_context import clear_errors
from ..batches import BPTTIterator
from ..fields import Dataset, Example
from ..readers import folder_with, lines, of_splits, tagged

__all__ = [
    "LanguageModelingDataset", "PennTreebank", "SequenceTaggingDataset", "WikiText103", "WikiText2",
]  # fmt: skip


class LanguageModelingDataset(Dataset):
    """One example: all tokens of a file, "<eos>" at the end of lines if newline_eos.

    path: of the file. text_field: the Field of the text. encoding: of the file.

    Raises FileNotFoundError where path is unknown; ValueError for bytes that are no text.

    >>> with open("text.txt", "w") as file:
    ...     print("a cat", file=file)
    >>> LanguageModelingDataset("text.txt", torchtext.legacy.data.Field())[0].text
    ['a', 'cat', '<eos>']
    """

    @clear_errors
    def __init__(
        self,
        path: Any,
        text_field: Any,
        newline_eos: bool = True,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        text: list[str] = []
        with open(path, encoding=encoding) as file:
            for line in file:
                text += text_field.preprocess(line)
                if newline_eos:
                    text.append("<eos>")
        whole = Example()
        vars(whole)["text"] = text
        super().__init__([whole], [("text", text_field)], **kwargs)


class SequenceTaggingDataset(Dataset):
    """Sentences of a file with a word and its tags on each line; fields: pairs (name, Field).

    path: of the file. encoding: of the file. separator: between a word and its tags.

    Raises FileNotFoundError where path is unknown; ValueError for bytes that are no text.

    >>> with open("tags.txt", "w") as file:
    ...     print("cats", "NOUN", sep=chr(9), file=file)
    >>> Field = torchtext.legacy.data.Field
    >>> data = SequenceTaggingDataset("tags.txt", [("word", Field()), ("tag", Field())])
    >>> data[0].word, data[0].tag
    (['cats'], ['NOUN'])
    """

    def __init__(
        self, path: Any, fields: Any, encoding: str = "utf-8", separator: str = "\t", **kwargs: Any
    ) -> None:
        examples = [Example.fromlist(columns, fields) for columns in tagged(path, separator)]
        super().__init__(examples, fields, **kwargs)


class LongText:
    """A text in three files: called, its lines; `splits` and `iters`, with a field.

    root: the folder of the data. split: a part, 'train', 'valid' or 'test', or a tuple of them.

    Raises TypeError for a root or a split of another type, ValueError for an unknown split,
    RuntimeError if the files are missing.

    >>> list(WikiText2("data", split="train"))
    Traceback (most recent call last):
        ...
    RuntimeError: WikiText2: nothing is downloaded here: unpack it so that there is ...
    """

    def __init__(self, name: str, files: dict[str, str]) -> None:
        self.__name__ = self.name = name
        self.files = files

    def __call__(self, root: Any = ".data", split: Any = ("train", "valid", "test")) -> Any:
        return of_splits(self.name, root, split, self.files, lines)

    def splits(self, text_field: Any, root: Any = ".data", **kwargs: Any) -> tuple[Any, ...]:
        """Training, validation and test text."""
        folder = folder_with(root, self.name, self.files["train"])
        return tuple(
            LanguageModelingDataset(folder / name, text_field, **kwargs)
            for name in self.files.values()
        )

    def iters(
        self, batch_size: int = 32, bptt_len: int = 35, device: Any = None, root: Any = ".data",
        vectors: Any = None, **kwargs: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Iterators over the pieces of the three texts."""
        from ..fields import Field

        field = Field()
        parts = self.splits(field, root=root, **kwargs)
        field.build_vocab(parts[0], vectors=vectors)
        return BPTTIterator.splits(parts, batch_size=batch_size, bptt_len=bptt_len, device=device)


def wiki(size: str) -> dict[str, str]:
    """The files of a WikiText."""
    return {part: f"wikitext-{size}/wiki.{part}.tokens" for part in ("train", "valid", "test")}


WikiText2 = LongText("WikiText2", wiki("2"))
WikiText103 = LongText("WikiText103", wiki("103"))
PennTreebank = LongText(
    "PennTreebank", {part: f"ptb.{part}.txt" for part in ("train", "valid", "test")}
)
