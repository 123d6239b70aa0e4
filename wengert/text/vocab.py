"""torchtext.vocab: words and their numbers, and vectors of words read from files."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import nn
from ..api.functions import stack, tensor, zeros
from ..base.aliases import alias
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor

__all__ = [
    "CharNGram", "FastText", "GloVe", "Vectors", "Vocab", "build_vocab_from_iterator",
    "pretrained_aliases", "vocab",
]  # fmt: skip


def same(vector: Tensor) -> Tensor:
    """The vector of zeros that words without one get."""
    return vector


class Vocab(nn.Module):
    """Tokens and their numbers.

    counter: how often each token occurs; the most frequent come first, equals in alphabetical
    order. specials come before all. min_freq: rarer tokens are left out; max_size: so many are
    kept. Unknown tokens are "<unk>", if that is one of specials (`set_default_index` says
    otherwise). vectors: what `load_vectors` takes.

    unk_init: makes vectors of words that are not known. vectors_cache: the folder of the files of
    vectors. specials_first: specials before the other tokens.

    Raises TypeError where counter or index is of the wrong type; RuntimeError where index is out of
    range.

    >>> v = Vocab(Counter("abca"))
    >>> v.itos, v["a"], v["z"]
    (['<unk>', '<pad>', 'a', 'b', 'c'], 2, 0)
    >>> words = torchtext.vocab.vocab({"cat": 2, "dog": 1})
    >>> words.append_token("cow")
    >>> words.insert_token("<unk>", 0)
    >>> words.get_itos(), words.get_stoi()["dog"]
    (['<unk>', 'cat', 'dog', 'cow'], 2)
    >>> words.set_default_index(0)
    >>> words.get_default_index(), words.lookup_indices(["cat", "fish"])
    (0, [1, 0])
    >>> words.lookup_token(1), words.lookup_tokens([2, 3])
    ('cat', ['dog', 'cow'])
    """

    UNK = "<unk>"

    def __init__(
        self,
        counter: Mapping[str, int],
        max_size: int | None = None,
        min_freq: int = 1,
        specials: Sequence[str] = ("<unk>", "<pad>"),
        vectors: Any = None,
        unk_init: Callable[[Tensor], Tensor] | None = None,
        vectors_cache: Any = None,
        specials_first: bool = True,
    ) -> None:
        super().__init__()
        self.freqs = counter
        words = sorted(set(counter) - set(specials), key=lambda w: (-counter[w], w))
        words = [w for w in words if counter[w] >= max(min_freq, 1)][:max_size]
        self.itos = [*specials, *words] if specials_first else [*words, *specials]
        self.stoi = {word: i for i, word in enumerate(self.itos)}
        self.default_index = self.stoi.get(self.UNK)
        self.vectors: Tensor | None = None
        if vectors is not None:
            self.load_vectors(vectors, unk_init=unk_init, cache=vectors_cache)

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, token: object) -> bool:
        return token in self.stoi

    def __getitem__(self, token: str) -> int:
        found = self.stoi.get(token, self.default_index)
        if found is None:
            raise RuntimeError(
                f"Token {token!r} not found and default index is not set: set_default_index"
            )
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocab) and other.itos == self.itos

    __hash__ = nn.Module.__hash__

    def forward(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of tokens.

        Raises TypeError where tokens is of the wrong type.
        """
        return [self[token] for token in tokens]

    lookup_indices = alias(forward, "lookup_indices")

    def lookup_token(self, index: int) -> str:
        """The token of a number.

        index: a number.

        Raises TypeError where index is of the wrong type; RuntimeError where index is out of range.
        """
        if not 0 <= index < len(self.itos):
            raise RuntimeError(f"Specified index {index} is out of bounds of {len(self.itos)}")
        return self.itos[index]

    def lookup_tokens(self, indices: Iterable[int]) -> list[str]:
        """The tokens of numbers.

        indices: numbers of tokens.

        Raises TypeError where indices is of the wrong type.
        """
        return [self.lookup_token(i) for i in indices]

    def set_default_index(self, index: int | None) -> None:
        """The number that unknown tokens get; None: they are an error.

        index: a number.
        """
        self.default_index = index

    def get_default_index(self) -> int | None:
        """The number that unknown tokens get."""
        return self.default_index

    def insert_token(self, token: str, index: int) -> None:
        """Add a token at a place; those behind it move up.

        index: a number.

        Raises TypeError where index is of the wrong type; RuntimeError where index is out of range.
        """
        if token in self.stoi or not 0 <= index <= len(self.itos):
            raise RuntimeError(f"{token!r} is there already, or {index} is out of bounds")
        self.itos.insert(index, token)
        self.stoi = {word: i for i, word in enumerate(self.itos)}

    def append_token(self, token: str) -> None:
        """Add a token at the end."""
        self.insert_token(token, len(self.itos))

    def get_itos(self) -> list[str]:
        """The tokens in order."""
        return list(self.itos)

    def get_stoi(self) -> dict[str, int]:
        """The number of each token."""
        return dict(self.stoi)

    @clear_errors
    def extend(self, v: Vocab, sort: bool = False) -> None:
        """Add the tokens of another vocabulary that are not here.

        sort: in the order of sort_key.

        >>> words = torchtext.vocab.Vocab({"cat": 2}, specials=())
        >>> words.extend(torchtext.vocab.Vocab({"dog": 2}, specials=()))
        >>> words.get_itos()
        ['cat', 'dog']
        """
        for word in sorted(v.itos) if sort else v.itos:
            if word not in self.stoi:
                self.append_token(word)

    @clear_errors
    def load_vectors(self, vectors: Any, **options: Any) -> None:
        """Set `vectors` to (tokens, dimensions): the vectors of each token, several side by side.

        vectors: Vectors, names such as "glove.6B.100d", or a list of them.

        >>> with open("two.vec", "w") as file:
        ...     print("cat 1 0", "dog 0 1", sep=chr(10), file=file)
        >>> words = torchtext.vocab.Vocab({"cat": 2}, specials=())
        >>> words.load_vectors(torchtext.vocab.Vectors("two.vec", cache="."))
        >>> words.vectors
        tensor([[1., 0.]])
        """
        sources = vectors if isinstance(vectors, (list, tuple)) else [vectors]
        options = {k: v for k, v in options.items() if v is not None}
        made = [pretrained_aliases[v](**options) if isinstance(v, str) else v for v in sources]
        rows = zeros(len(self), sum(v.dim for v in made))
        for i, word in enumerate(self.itos):
            at = 0
            for source in made:
                rows[i, at : at + source.dim] = source[word]
                at += source.dim
        self.vectors = rows

    def set_vectors(
        self,
        stoi: Mapping[str, int],
        vectors: Tensor,
        dim: int,
        unk_init: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Set `vectors` from a table (words, dim) and the row of each word in it.

        unk_init: makes vectors of words that are not known. stoi: the row of each word.

        Raises TypeError where stoi or dim is of the wrong type or vectors is no tensor;
        RuntimeError where vectors has a shape that does not fit or dim is out of range.

        >>> words = torchtext.vocab.Vocab({"cat": 2}, specials=())
        >>> words.set_vectors({"cat": 0}, torch.eye(2), dim=2)
        >>> words.vectors
        tensor([[1., 0.]])
        """
        rows = zeros(len(self), dim)
        for i, word in enumerate(self.itos):
            rows[i] = vectors[stoi[word]] if word in stoi else (unk_init or same)(zeros(dim))
        self.vectors = rows


@clear_errors
def vocab(
    ordered_dict: Mapping[str, int],
    min_freq: int = 1,
    specials: Sequence[str] | None = None,
    special_first: bool = True,
) -> Vocab:
    """A vocabulary in the order of a dictionary of counts; unknown tokens are an error until
    `set_default_index`.

    min_freq: how often a word has to occur. specials: words put in front. special_first: whether
    they stand in front, else behind. ordered_dict: how often each token occurs.

    Raises TypeError where specials is of the wrong type; RuntimeError where specials is too long.

    >>> v = vocab(OrderedDict(b=2, a=1), specials=["<unk>"])
    >>> v(["a", "b"]), v.get_itos()
    ([2, 1], ['<unk>', 'b', 'a'])
    """
    marks = list(specials or ())
    made = Vocab(Counter(), specials=())
    words = [w for w, n in ordered_dict.items() if n >= min_freq and w not in marks]
    for word in [*marks, *words] if special_first else [*words, *marks]:
        made.append_token(word)
    made.freqs = ordered_dict
    return made


def build_vocab_from_iterator(
    iterator: Iterable[Iterable[str]],
    min_freq: int = 1,
    specials: Sequence[str] | None = None,
    special_first: bool = True,
    max_tokens: int | None = None,
) -> Vocab:
    """A vocabulary of the tokens of many texts, the most frequent first.

    max_tokens: how many there may be, specials included.

    iterator: of sequences of words. min_freq: how often a word has to occur. special_first:
    whether they stand in front, else behind.

    Raises TypeError where iterator or specials is of the wrong type; RuntimeError where specials is
    too long.

    >>> build_vocab_from_iterator([["a", "b"], ["b"]], specials=["<unk>"]).get_itos()
    ['<unk>', 'b', 'a']
    """
    counter = Counter(token for tokens in iterator for token in tokens)
    pairs = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    if max_tokens is not None:
        pairs = pairs[: max_tokens - len(specials or ())]
    return vocab(OrderedDict(pairs), min_freq, specials, special_first)


class Vectors:
    """Vectors of words from a text file: a word and its numbers on each line.

    name: the file, in the folder cache (".vector_cache" if None); unk_init fills a vector for words
    that are not there (zeros if None); max_vectors: only the first so many are read. url: accepted:
    nothing is downloaded.

    Raises TypeError where name, cache or tokens is of the wrong type; RuntimeError where name is
    unknown or tokens is empty.

    >>> with open("two.vec", "w") as file:
    ...     print("cat 1 0", "dog 0 1", sep=chr(10), file=file)
    >>> Vectors("two.vec", cache=".").get_vecs_by_tokens(["dog", "cow"])
    tensor([[0., 1.],
            [0., 0.]])
    """

    url: str | None = None

    @clear_errors
    def __init__(
        self,
        name: Any,
        cache: Any = None,
        url: str | None = None,
        unk_init: Callable[[Tensor], Tensor] | None = None,
        max_vectors: int | None = None,
    ) -> None:
        self.unk_init = unk_init or same
        self.itos: list[str] = []
        places = [Path(cache or ".vector_cache") / name, Path(name)]
        place = next((p for p in places if p.exists()), None)
        if place is None:
            raise RuntimeError(
                f"no file of vectors {name}: nothing is downloaded, put it at {places[0]}"
                + (f" (it is in {url or self.url})" if url or self.url else "")
            )
        rows = []
        with open(place, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                word, *numbers = line.rstrip().split(" ")
                if len(numbers) < 2:  # the heading: how many there are
                    continue
                self.itos.append(word)
                rows.append([float(x) for x in numbers])
                if len(rows) == max_vectors:
                    break
        self.stoi = {word: i for i, word in enumerate(self.itos)}
        self.vectors = tensor(rows) if rows else zeros(0, 0)
        self.dim = len(rows[0]) if rows else 0

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, token: object) -> bool:
        return token in self.stoi

    def __getitem__(self, token: str) -> Tensor:
        if token in self.stoi:
            return self.vectors[self.stoi[token]]
        return self.unk_init(zeros(self.dim))

    def get_vecs_by_tokens(self, tokens: Any, lower_case_backup: bool = False) -> Tensor:
        """The vectors of a token (dim,) or of several (n, dim); lower_case_backup: words that are
        not there are looked up in lower case.

        tokens: a token or several.

        Raises TypeError where tokens is of the wrong type; RuntimeError where tokens is empty.
        """
        words = [tokens] if isinstance(tokens, str) else tokens
        lower = lambda w: w.lower() if lower_case_backup and w not in self.stoi else w
        found = stack([self[lower(word)] for word in words])
        return found[0] if isinstance(tokens, str) else found


class GloVe(Vectors):
    """GloVe's vectors, name "6B", "42B", "840B" or "twitter.27B": the file glove.NAME.DIMd.txt.

    dim: how long vectors are.

    Raises OSError where dim is a tensor of several numbers.

    >>> GloVe("6B", dim=50, cache="vectors")
    Traceback (most recent call last):
        ...
    RuntimeError: no file of vectors glove.6B.50d.txt: nothing is downloaded, put ...
    """

    def __init__(self, name: str = "840B", dim: int = 300, **options: Any) -> None:
        self.url = f"https://nlp.stanford.edu/data/glove.{name}.zip"
        super().__init__(f"glove.{name}.{dim}d.txt", **options)


class FastText(Vectors):
    """fastText's vectors of a language: the file wiki.LANGUAGE.vec.

    >>> FastText("en", cache="vectors")
    Traceback (most recent call last):
        ...
    RuntimeError: no file of vectors wiki.en.vec: nothing is downloaded, put it at ...
    """

    def __init__(self, language: str = "en", **options: Any) -> None:
        super().__init__(f"wiki.{language}.vec", **options)


class CharNGram(Vectors):
    """Vectors of runs of characters: the file charNgram.txt.

    >>> CharNGram(cache="vectors")
    Traceback (most recent call last):
        ...
    RuntimeError: no file of vectors charNgram.txt: nothing is downloaded, put it ...
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("charNgram.txt", **options)

    def __getitem__(self, token: str) -> Tensor:
        chars = ["#BEGIN#", *token, "#END#"] if token not in ("<unk>", "<pad>") else [token]
        runs = ["".join(chars[i : i + n]) for n in (2, 3, 4) for i in range(len(chars) - n + 1)]
        keys = [f"{len(run)}gram-{run}" for run in runs]
        found = [self.vectors[self.stoi[k]] for k in dict.fromkeys(keys) if k in self.stoi]
        return stack(found).mean(0) if found else self.unk_init(zeros(self.dim))


def pretrained(kind: Any, *args: Any) -> Callable[..., Vectors]:
    return lambda **options: kind(*args, **options)


pretrained_aliases: dict[str, Callable[..., Vectors]] = {
    "charngram.100d": CharNGram,
    "fasttext.en.300d": pretrained(FastText, "en"),
    "fasttext.simple.300d": pretrained(FastText, "simple"),
}
for _name, _dims in (
    ("42B", (300,)), ("840B", (300,)), ("6B", (50, 100, 200, 300)),
    ("twitter.27B", (25, 50, 100, 200)),
):  # fmt: skip
    for _dim in _dims:
        pretrained_aliases[f"glove.{_name}.{_dim}d"] = pretrained(GloVe, _name, _dim)
