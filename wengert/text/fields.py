"""Fields of before 0.9: how a column of a data set becomes tensors, and data sets of examples."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..api.functions import tensor
from ..base import dtypes
from ..data import Dataset as TorchDataset
from ..engine.error_context import clear_errors
from .tokens import get_tokenizer
from .utils import unicode_csv_reader
from .vocab import Vocab

__all__ = ["Dataset", "Example", "Field", "LabelField", "RawField", "TabularDataset"]


class RawField:
    """A column that is kept as it is.

    preprocessing: a function of a raw value. postprocessing: a function of a batch. is_target:
    accepted: which columns are targets.

    Raises TypeError where preprocessing or x is of the wrong type.

    >>> column = RawField(preprocessing=str.upper)
    >>> column.preprocess("a"), column.process(["a", "b"])
    ('A', ['a', 'b'])
    """

    def __init__(
        self,
        preprocessing: Callable[[Any], Any] | None = None,
        postprocessing: Callable[[Any], Any] | None = None,
        is_target: bool = False,
    ) -> None:
        self.preprocessing = preprocessing
        self.postprocessing: Callable[..., Any] | None = postprocessing
        self.is_target = is_target

    def preprocess(self, x: Any) -> Any:
        """What an example keeps of a raw value.

        x: the raw value.

        Raises TypeError where x is of the wrong type.
        """
        return x if self.preprocessing is None else self.preprocessing(x)

    def process(self, batch: list[Any], *args: Any, **kwargs: Any) -> Any:
        """What a batch has of its examples' values."""
        return batch if self.postprocessing is None else self.postprocessing(batch)


class Field(RawField):
    """A column of texts or labels: tokens, padding, numbers of a vocabulary, a tensor.

    Tensors are (length, batch), or (batch, length) with batch_first; labels (sequential=False) are
    (batch,). include_lengths: batches are pairs of that and the lengths (batch,).

    init_token: put in front. eos_token: put at the end. fix_length: all sequences get this length.
    lower: make letters small. tokenize: text -> list of words. pad_token: fills up. unk_token:
    stands for words that are not known. use_vocab: whether values are tokens, to be numbered; else
    they are numbers. dtype: of the tensors. preprocessing: a function of a raw value.
    postprocessing: a function of a batch. tokenizer_language: for tokenizers that ask for one.
    pad_first: pad at the beginning. truncate_first: cut at the beginning. stop_words: tokens that
    are left out. is_target: accepted: which columns are targets.

    Raises TypeError where x or an argument is of the wrong type.

    >>> field = Field(lower=True)
    >>> field.build_vocab([field.preprocess("A b"), field.preprocess("b")])
    >>> field.process([["a", "b"], ["b"]])
    tensor([[3, 2],
            [2, 1]])
    >>> words = Field(lower=True)
    >>> tokens = [words.preprocess("A cat"), words.preprocess("A big cat")]
    >>> padded = words.pad(tokens)
    >>> padded[0]
    ['a', 'cat', '<pad>']
    >>> words.build_vocab(tokens)
    >>> words.numericalize(padded).shape
    torch.Size([3, 2])
    """

    vocab_cls = Vocab

    def __init__(
        self,
        sequential: bool = True,
        use_vocab: bool = True,
        init_token: str | None = None,
        eos_token: str | None = None,
        fix_length: int | None = None,
        dtype: Any = dtypes.int64,
        preprocessing: Callable[[Any], Any] | None = None,
        postprocessing: Callable[..., Any] | None = None,
        lower: bool = False,
        tokenize: Any = None,
        tokenizer_language: str = "en",
        include_lengths: bool = False,
        batch_first: bool = False,
        pad_token: str | None = "<pad>",
        unk_token: str | None = "<unk>",
        pad_first: bool = False,
        truncate_first: bool = False,
        stop_words: Iterable[str] | None = None,
        is_target: bool = False,
    ) -> None:
        super().__init__(preprocessing, postprocessing, is_target)
        self.sequential, self.use_vocab, self.dtype = sequential, use_vocab, dtype
        self.init_token, self.eos_token, self.unk_token = init_token, eos_token, unk_token
        self.fix_length, self.lower = fix_length, lower
        self.tokenize = get_tokenizer(tokenize, tokenizer_language)
        self.include_lengths, self.batch_first = include_lengths, batch_first
        self.pad_token = pad_token if sequential else None
        self.pad_first, self.truncate_first = pad_first, truncate_first
        self.stop_words = None if stop_words is None else set(stop_words)
        self.vocab: Any

    def preprocess(self, x: Any) -> Any:
        """The tokens of a text, or the label as it is.

        Raises TypeError where x is of the wrong type.
        """
        if self.sequential and isinstance(x, str):
            x = self.tokenize(x.rstrip("\n"))
        if self.lower:
            x = [str(t).lower() for t in x] if self.sequential else str(x).lower()
        if self.sequential and self.use_vocab and self.stop_words is not None:
            x = [t for t in x if t not in self.stop_words]
        return super().preprocess(x)

    def process(self, batch: list[Any], device: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The tensor of a batch's values.

        device: where tensors are made.

        Raises TypeError where batch is of the wrong type.
        """
        return self.numericalize(self.pad(batch), device=device)

    def pad(self, minibatch: Iterable[Any]) -> Any:
        """Examples of one length, with the marks of beginning and end; and their lengths.

        minibatch: the tokens of each example.

        Raises TypeError where minibatch is of the wrong type.
        """
        rows = list(minibatch)
        if not self.sequential:
            return rows
        marks = (self.init_token, self.eos_token)
        around = sum(mark is not None for mark in marks)
        longest = self.fix_length
        longest = max(map(len, rows), default=0) + around if longest is None else longest
        padded, lengths = [], []
        for row in rows:
            room = max(longest - around, 0)
            kept = list(row[-room:] if self.truncate_first and room else row[:room])
            kept = [m for m in marks[:1] if m is not None] + kept
            kept += [m for m in marks[1:] if m is not None]
            fill = [self.pad_token] * (longest - len(kept))
            padded.append(fill + kept if self.pad_first else kept + fill)
            lengths.append(len(kept))
        return (padded, lengths) if self.include_lengths else padded

    def build_vocab(self, *args: Any, **kwargs: Any) -> None:
        """Make `vocab` of the tokens of data sets (the columns of this field) or of examples.

        Raises TypeError where an argument is of the wrong type.
        """
        sources: list[Any] = []
        for source in args:
            if isinstance(source, Dataset):
                sources += [getattr(source, n) for n, f in source.fields.items() if f is self]
            else:
                sources.append(source)
        counter: Counter[str] = Counter()
        for column in sources:
            for x in column:
                counter.update(x if self.sequential else [x])
        marks = [self.unk_token, self.pad_token, self.init_token, self.eos_token]
        marks += list(kwargs.pop("specials", []))
        found = list(dict.fromkeys(m for m in marks if m is not None))
        self.vocab = self.vocab_cls(counter, specials=found, **kwargs)

    def numericalize(self, arr: Any, device: Any = None) -> Any:
        """The tensor of padded examples, and of their lengths with include_lengths.

        device: where tensors are made. arr: the padded examples, lists of tokens; with
        include_lengths a pair with their lengths.

        Raises TypeError where arr is of the wrong type.
        """
        lengths = None
        if self.include_lengths and isinstance(arr, tuple):
            arr, sizes = arr
            lengths = tensor(sizes, dtype=dtypes.int64, device=device)
        if self.use_vocab:
            number = self.vocab.__getitem__
            arr = [[number(t) for t in row] for row in arr] if self.sequential else [
                number(x) for x in arr
            ]  # fmt: skip
            if self.postprocessing is not None:
                arr = self.postprocessing(arr, self.vocab)
        else:
            kind = float if self.dtype.is_floating_point else int
            as_number = lambda x: kind(x) if isinstance(x, str) else x
            if not self.sequential:
                arr = [as_number(x) for x in arr]
            if self.postprocessing is not None:
                arr = self.postprocessing(arr, None)
        made = tensor(arr, dtype=self.dtype, device=device)
        if self.sequential and not self.batch_first:
            made = made.t().contiguous()
        return made if lengths is None else (made, lengths)


class LabelField(Field):
    """A column of labels: neither tokens nor padding nor a mark for what is unknown.

    >>> LabelField().preprocess("good")
    'good'
    """

    def __init__(self, **kwargs: Any) -> None:
        fixed = {"sequential": False, "unk_token": None, "is_target": True}
        super().__init__(**{**kwargs, **fixed})


class Example:
    """One row of a data set: an attribute for each field.

    Raises TypeError where pair is of the wrong type; ValueError where pair has another length.

    >>> Example.fromlist(["a cat"], [("text", Field())]).text
    ['a', 'cat']
    >>> Example.fromdict({"t": "a cat"}, {"t": ("text", Field())}).text
    ['a', 'cat']
    >>> Example.fromJSON('{"t": "a cat"}', {"t": ("text", Field())}).text
    ['a', 'cat']
    >>> Example.fromCSV(["a cat"], [("text", Field())]).text
    ['a', 'cat']
    >>> row = Example()
    >>> row.put(("text", Field()), "a cat")
    >>> row.text
    ['a', 'cat']
    """

    @classmethod
    def fromlist(cls, data: Sequence[Any], fields: Sequence[Any]) -> Example:
        """A row from data, values in the order of fields, pairs (name, Field); None, or a pair of
        None, skips a column. TypeError where one of them is no sequence.
        """
        made = cls()
        for pair, value in zip(fields, data):
            if pair is not None and pair[0] is not None:
                made.put(pair, value)
        return made

    def put(self, pair: Any, value: Any) -> None:
        """Set the attributes of a pair, or of a tuple of names and a tuple of fields.

        value: the raw value.

        Raises TypeError where pair is of the wrong type; ValueError where pair has another length.
        """
        name, field = pair
        names, used = ((name,), (field,)) if isinstance(name, str) else (name, field)
        for n, f in zip(names, used):
            if f is not None:
                text = value.rstrip("\n") if isinstance(value, str) else value
                setattr(self, n, f.preprocess(text))

    @classmethod
    @clear_errors
    def fromdict(cls, data: dict[str, Any], fields: dict[str, Any]) -> Example:
        """A row from data, a dictionary; fields: key -> (name, Field), or a list of such pairs.

        Raises TypeError where data is of the wrong type.
        """
        made = cls()
        for key, pairs in fields.items():
            if pairs is None:
                continue
            value: Any = data
            for part in key.split(".") if key not in data else [key]:
                if part not in value:
                    raise ValueError(f"Specified key {key} was not found in the input data")
                value = value[part]
            for pair in pairs if isinstance(pairs, list) else [pairs]:
                made.put(pair, value)
        return made

    @classmethod
    @clear_errors
    def fromJSON(cls, data: str, fields: dict[str, Any]) -> Example:
        """A row from data, a line of JSON.

        fields: (name, Field) pairs.

        Raises TypeError where data is of the wrong type; ValueError where it is no JSON.
        """
        return cls.fromdict(json.loads(data), fields)

    @classmethod
    def fromCSV(
        cls, data: Any, fields: Any, field_to_index: dict[str, int] | None = None
    ) -> Example:
        """A row from data, a line of CSV or its values.

        fields: (name, Field) pairs. field_to_index: the column of each field.

        Raises TypeError where data or fields is of the wrong type.
        """
        values = next(csv.reader(io.StringIO(data))) if isinstance(data, str) else data
        if field_to_index is None:
            return cls.fromlist(values, fields)
        return cls.fromdict({f: values[i] for f, i in field_to_index.items()}, fields)


class Dataset(TorchDataset[Any]):
    """Examples and the fields that they have; fields: pairs (name, Field).

    examples: the rows, each an Example. filter_pred: which examples are kept.

    Raises TypeError where examples, fields or split_ratio is of the wrong type.

    >>> word, label = Field(), LabelField()
    >>> fields = [("text", word), ("label", label)]
    >>> pairs = [["a cat", "good"], ["a dog", "bad"]]
    >>> rows = [Example.fromlist(pair, fields) for pair in pairs]
    >>> data = Dataset(rows, fields)
    >>> len(data), data[0].text
    (2, ['a', 'cat'])
    >>> [len(part) for part in data.split(0.5)]
    [1, 1]
    """

    sort_key: Any = None

    def __init__(
        self,
        examples: Iterable[Example],
        fields: Any,
        filter_pred: Callable[[Any], bool] | None = None,
    ) -> None:
        self.examples = [e for e in examples if filter_pred is None or filter_pred(e)]
        pairs = fields.items() if isinstance(fields, dict) else fields
        self.fields: dict[str, Any] = {}
        for pair in pairs:
            if pair is not None and pair[0] is not None:
                name, field = pair
                names, used = ((name,), (field,)) if isinstance(name, str) else (name, field)
                self.fields.update(zip(names, used))

    def __getitem__(self, i: Any) -> Any:
        return self.examples[i]

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.examples)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.__dict__.get("fields", {}):
            raise AttributeError(f"{type(self).__name__} has no attribute or field {name!r}")
        return (getattr(e, name) for e in self.examples)

    @classmethod
    @clear_errors
    def splits(
        cls, path: Any = None, root: str = ".data", train: Any = None, validation: Any = None,
        test: Any = None, **kwargs: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Data sets of the files of one folder, those that are named.

        path: of the file. root: the folder of the data. train: whether it is for training.
        validation: the name of the file of the validation part. test: the name of the file of the
        test part.

        Raises TypeError where path or fields is of the wrong type; ValueError where format is
        unknown; FileNotFoundError where path is unknown.

        >>> with open("train.csv", "w") as file:
        ...     print("a cat,good", file=file)
        >>> fields = [("text", Field()), ("label", LabelField())]
        >>> parts = TabularDataset.splits(".", train="train.csv", format="csv", fields=fields)
        >>> parts[0][0].label
        'good'
        """
        folder = Path(root if path is None else path)
        return tuple(
            cls(str(folder) + name if name.startswith(".") else folder / name, **kwargs)
            for name in (train, validation, test)
            if name is not None
        )

    def split(
        self, split_ratio: Any = 0.7, stratified: bool = False, strata_field: str = "label",
        random_state: Any = None,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Random parts: split_ratio is the share of the first of two, or two or three shares
        (training, test, validation), returned as training, validation, test.
        random_state: of Python's `random`. stratified: each part has every label's share.

        strata_field: the field whose shares are kept in every part.

        Raises TypeError where split_ratio is of the wrong type.
        """
        shares = [split_ratio, 1 - split_ratio] if isinstance(split_ratio, float) else split_ratio
        shares = [s / sum(shares) for s in shares]
        groups = [list(range(len(self)))]
        if stratified:
            by: dict[Any, list[int]] = {}
            for i, example in enumerate(self.examples):
                by.setdefault(getattr(example, strata_field), []).append(i)
            groups = list(by.values())
        draw = random.Random()
        draw.setstate(random.getstate() if random_state is None else random_state)
        parts: list[list[int]] = [[] for _ in shares]
        for group in groups:
            order = draw.sample(group, len(group))
            start = 0
            for k, share in enumerate(shares):
                last = k == len(shares) - 1
                end = len(order) if last else start + round(share * len(order))
                parts[k] += order[start:end]
                start = end
        if len(parts) == 3:  # training, test, validation are given; validation comes back second
            parts = [parts[0], parts[2], parts[1]]
        made = tuple(Dataset([self.examples[i] for i in p], self.fields) for p in parts)
        for part in made:
            part.sort_key = self.sort_key
        return made


class TabularDataset(Dataset):
    """Rows of a file in CSV, TSV or JSON (an object a line).

    fields: pairs in the order of the columns, or a dictionary from a column to (name, Field), for
    which CSV and TSV need their heading.

    path: of the file. format: 'csv', 'tsv' or 'json'. skip_header: leave out the first line.
    csv_reader_params: options of csv.reader.

    Raises TypeError where fields is of the wrong type; ValueError where format is unknown;
    FileNotFoundError where path is unknown.

    >>> with open("train.csv", "w") as file:
    ...     print("a cat,good", file=file)
    >>> fields = [("text", Field()), ("label", LabelField())]
    >>> TabularDataset("train.csv", format="csv", fields=fields)[0].text
    ['a', 'cat']
    """

    @clear_errors
    def __init__(
        self,
        path: Any,
        format: str,
        fields: Any,
        skip_header: bool = False,
        csv_reader_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kind = format.lower()
        if kind not in ("csv", "tsv", "json"):
            raise ValueError(f"TabularDataset: format csv, tsv or json, not {format!r}")
        with open(path, encoding="utf8", newline="") as lines:
            if kind == "json":
                examples = [Example.fromJSON(line, fields) for line in lines]
            else:
                delimiter = {} if kind == "csv" else {"delimiter": "\t"}
                rows = unicode_csv_reader(lines, **{**delimiter, **(csv_reader_params or {})})
                columns = None
                if isinstance(fields, dict):
                    if skip_header:
                        raise ValueError("fields by name need the heading: skip_header=False")
                    heading = next(rows)
                    columns = {f: heading.index(f) for f in fields}
                elif skip_header:
                    next(rows)
                examples = [Example.fromCSV(row, fields, columns) for row in rows]
        if isinstance(fields, dict):
            pairs = [p for v in fields.values() for p in (v if isinstance(v, list) else [v])]
            fields = [p for p in pairs if p is not None]
        super().__init__(examples, fields, **kwargs)
