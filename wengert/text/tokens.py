"""From text to tokens: tokenizers, n-grams, and the score BLEU that compares tokens."""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

__all__ = ["bleu_score", "get_tokenizer", "ngrams_iterator"]

APART = re.compile(r"([.,()!?])")  # marks that become tokens
GONE = re.compile(r'<br />|["]|[;:]')


def basic_english(text: str) -> list[str]:
    """Lower case, marks apart, quotes dropped.

    >>> basic_english('He said: "Go (now)!" It\\'s me.')
    ['he', 'said', 'go', '(', 'now', ')', '!', 'it', "'", 's', 'me', '.']
    """
    text = GONE.sub(lambda m: "" if m[0] == '"' else " ", text.lower().replace("'", " ' "))
    return APART.sub(r" \1 ", text).split()


def get_tokenizer(tokenizer: Any, language: str = "en") -> Callable[[str], Any]:
    """A function from a text to its tokens.

    tokenizer: None (split at white space), "basic_english", "spacy", "moses", "toktok", "revtok",
    "subword" (those packages must be installed), or a function, which is returned. language: of
    spaCy's models.

    Raises ValueError where tokenizer is of the wrong type or tokenizer is unknown.

    >>> get_tokenizer("basic_english")("You can, now!")
    ['you', 'can', ',', 'now', '!']
    """
    if tokenizer is None:
        return str.split
    if tokenizer == "basic_english":
        if language != "en":
            raise ValueError(f"get_tokenizer: basic_english is for 'en', not {language!r}")
        return basic_english
    if callable(tokenizer):
        return tokenizer
    import importlib

    if tokenizer == "spacy":
        nlp = importlib.import_module("spacy").load(language)
        return lambda text: [token.text for token in nlp.tokenizer(text)]
    if tokenizer == "moses":
        return importlib.import_module("sacremoses").MosesTokenizer().tokenize
    if tokenizer == "toktok":
        return importlib.import_module("nltk.tokenize.toktok").ToktokTokenizer().tokenize
    if tokenizer in ("revtok", "subword"):
        return importlib.import_module("revtok").tokenize
    raise ValueError(
        f"get_tokenizer: unknown tokenizer {tokenizer!r}: basic_english, spacy, moses, toktok, "
        "revtok, subword, or a function"
    )


def ngrams_iterator(token_list: Sequence[str], ngrams: int) -> Iterator[str]:
    """The tokens, then all pairs, and so on up to ngrams in a row, joined by spaces.

    token_list: tokens.

    >>> list(ngrams_iterator(["a", "b", "c"], 2))
    ['a', 'b', 'c', 'a b', 'b c']
    """
    yield from token_list
    for n in range(2, ngrams + 1):
        for i in range(len(token_list) - n + 1):
            yield " ".join(token_list[i : i + n])


def counted(tokens: Sequence[str], longest: int) -> collections.Counter[tuple[str, ...]]:
    """How often each run of up to `longest` tokens occurs."""
    return collections.Counter(
        tuple(tokens[i : i + n]) for n in range(1, longest + 1) for i in range(len(tokens) - n + 1)
    )


def bleu_score(
    candidate_corpus: Iterable[Sequence[str]],
    references_corpus: Iterable[Sequence[Sequence[str]]],
    max_n: int = 4,
    weights: Sequence[float] = (0.25, 0.25, 0.25, 0.25),
) -> float:
    """BLEU of translations (Papineni et al., 2002): the geometric mean of the shares of runs of 1
    to max_n tokens that a reference has too, less where the translations are too short.

    candidate_corpus: the tokens of each translation; references_corpus: of each, several references
    as tokens. weights: of the shares of 1 to max_n tokens.

    Raises TypeError where candidate_corpus, references_corpus or weights is of the wrong type;
    ValueError where candidate_corpus or references_corpus has another length; AssertionError where
    max_n is of the wrong type, max_n is out of range or weights has another length; RuntimeError
    where max_n is a tensor of several numbers.

    >>> bleu_score([["My", "full", "test"]], [[["My", "full", "test"], ["No"]]], 2, [0.5, 0.5])
    1.0
    """
    if len(weights) != max_n:
        raise AssertionError(f"bleu_score: {max_n} weights are needed, not {len(weights)}")
    hits, totals = [0] * max_n, [0] * max_n
    length = wanted = 0
    for candidate, references in zip(candidate_corpus, references_corpus, strict=True):
        length += len(candidate)
        wanted += min((abs(len(r) - len(candidate)), len(r)) for r in references)[1]
        allowed: collections.Counter[tuple[str, ...]] = collections.Counter()
        for reference in references:
            allowed |= counted(reference, max_n)
        found = counted(candidate, max_n)
        for run, times in (found & allowed).items():
            hits[len(run) - 1] += times
        for n in range(max_n):
            totals[n] += max(len(candidate) - n, 0)
    if min(hits) == 0:
        return 0.0
    mean = sum(w * math.log(h / t) for w, h, t in zip(weights, hits, totals))
    return math.exp(mean) * math.exp(min(1 - wanted / length, 0))
