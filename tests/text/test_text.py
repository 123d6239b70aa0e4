"""torchtext: tokens, vocabularies, vectors, files, and fields with their iterators."""

import random
from collections import Counter, OrderedDict
from pathlib import Path

import pytest

import wengert as torch
from wengert.text import data, datasets, legacy
from wengert.text.utils import download_from_url, extract_archive
from wengert.text.vocab import GloVe, Vectors, Vocab, build_vocab_from_iterator, vocab

TEXTS = ["a b c", "b c", "c", "a a a b d", "e", "b c d e"]


@pytest.fixture
def corpus(tmp_path):
    """Rows of text and label in a table, and as JSON."""
    rows = [(text, ["x", "y"][i % 2]) for i, text in enumerate(TEXTS)]
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"{t},{y}\n" for t, y in rows))
    lines = [f'{{"t": {{"in": "{t}"}}, "y": "{y}"}}\n' for t, y in rows]
    (tmp_path / "t.json").write_text("".join(lines))
    return tmp_path


def test_tokens():
    english = data.get_tokenizer("basic_english")
    assert english("Isn't it?<br />Yes; it 'is'.") == [
        "isn", "'", "t", "it", "?", "yes", "it", "'", "is", "'", ".",
    ]  # fmt: skip
    assert data.get_tokenizer(None)("a  B") == ["a", "B"] and data.get_tokenizer(len) is len
    with pytest.raises(ValueError, match="unknown tokenizer 'x'"):
        data.get_tokenizer("x")


def test_bleu_against_a_value_worked_out_by_hand():
    # runs of one token: 3 of 4 are right, of two: 1 of 3; the translation is one word too short
    score = data.bleu_score([["a", "b", "x", "d"]], [[["a", "b", "c", "d", "e"]]], 2, [0.5, 0.5])
    assert score == pytest.approx((3 / 4 * 1 / 3) ** 0.5 * 2.718281828 ** (1 - 5 / 4))
    assert data.bleu_score([["q"]], [[["a"]]], 1, [1.0]) == 0.0


def test_vocabularies():
    v = build_vocab_from_iterator([t.split() for t in TEXTS], specials=["<unk>"], max_tokens=4)
    assert v.get_itos() == ["<unk>", "a", "b", "c"]
    with pytest.raises(RuntimeError, match="default index is not set"):
        v["zzz"]
    v.set_default_index(v["<unk>"])
    assert v(["c", "zzz"]) == [3, 0] and v.lookup_tokens([1, 2]) == ["a", "b"] and "b" in v
    v.insert_token("q", 1)
    assert v["a"] == 2 and len(v) == 5
    assert vocab(OrderedDict(z=3, y=1), min_freq=2).get_stoi() == {"z": 0}
    old = Vocab(Counter("bbac"), min_freq=1, max_size=2)
    assert old.itos == ["<unk>", "<pad>", "b", "a"] and old.stoi["a"] == 3 and old["?"] == 0


def test_vectors_come_from_files(tmp_path):
    (tmp_path / "glove.6B.50d.txt").write_text("a 1 2\nb 3 4\n")
    glove = GloVe("6B", dim=50, cache=tmp_path)
    assert glove["b"].tolist() == [3, 4] and glove["zz"].tolist() == [0, 0]
    assert glove.get_vecs_by_tokens(["a", "B"], lower_case_backup=True).tolist() == [[1, 2], [3, 4]]
    v = Vocab(Counter("ab"), vectors=Vectors("glove.6B.50d.txt", cache=tmp_path))
    assert v.vectors.tolist() == [[0, 0], [0, 0], [1, 2], [3, 4]]
    with pytest.raises(RuntimeError, match="nothing is downloaded, put it at"):
        GloVe("6B", dim=100, cache=tmp_path)


def test_fields_and_iterators(corpus):
    text, label = data.Field(include_lengths=True, lower=True), data.LabelField()
    whole = data.TabularDataset(
        corpus / "t.csv", "csv", [("text", text), ("label", label)], skip_header=True
    )
    whole.sort_key = lambda ex: len(ex.text)
    random.seed(0)
    train, test = whole.split(0.5)
    assert len(train) == len(test) == 3
    text.build_vocab(whole, max_size=3)
    label.build_vocab(whole)
    assert text.vocab.itos == ["<unk>", "<pad>", "a", "b", "c"] and label.vocab.itos == ["x", "y"]
    iterator = data.BucketIterator(whole, batch_size=4, sort_within_batch=True)
    seen = []
    for batch in iterator:
        tokens, lengths = batch.text
        assert tokens.shape == (lengths.max(), len(batch)) and batch.label.dtype == torch.int64
        assert lengths.tolist() == sorted(lengths.tolist(), reverse=True)
        assert ((tokens != 1).sum(0) == lengths).all()
        seen += [" ".join(text.vocab.itos[i] for i in row if i != 1) for row in tokens.t().tolist()]
    keep = lambda t: " ".join(w if w in "abc" else "<unk>" for w in t.split())
    assert sorted(seen) == sorted(map(keep, TEXTS)) and len(iterator) == 2
    first, second = data.BucketIterator.splits((train, test), batch_sizes=(2, 3))
    assert first.shuffle and not second.shuffle and len(list(first)) == 2
    (inputs, lengths), labels = next(iter(second))
    assert inputs.shape[1] == labels.shape[0] == 3


def test_marks_padding_and_numbers():
    field = data.Field(init_token="<s>", eos_token="</s>", fix_length=4, batch_first=True)
    assert field.pad([["a"], ["a", "b", "c"]]) == [
        ["<s>", "a", "</s>", "<pad>"], ["<s>", "a", "b", "</s>"],
    ]  # fmt: skip
    front = data.Field(pad_first=True)
    assert front.pad([["a"], ["b", "c"]]) == [["<pad>", "a"], ["b", "c"]]
    number = data.Field(sequential=False, use_vocab=False, dtype=torch.float32)
    assert number.process(["1.5", "2"]).tolist() == [1.5, 2.0]


def test_json_and_columns_by_name(corpus):
    text, label = data.Field(), data.Field(sequential=False)
    fields = {"t.in": ("words", text), "y": ("label", label)}
    found = data.TabularDataset(corpus / "t.json", "json", fields)
    assert found[0].words == ["a", "b", "c"] and found[1].label == "y"
    by_name = data.TabularDataset(corpus / "t.csv", "csv", {"label": ("label", label)})
    assert [e.label for e in by_name] == ["x", "y"] * 3
    assert list(by_name.label)[:2] == ["x", "y"]
    second = data.TabularDataset(corpus / "t.csv", "csv", [(None, None), ("label", label)], True)
    assert [e.label for e in second][:2] == ["x", "y"] and list(second.fields) == ["label"]


def test_data_sets_read_what_is_there(tmp_path):
    (tmp_path / "train.csv").write_text('"3","Title","Some text"\n')
    assert list(datasets.AG_NEWS(tmp_path, split="train")) == [(3, "Title Some text")]
    with pytest.raises(RuntimeError, match="nothing is downloaded here"):
        datasets.AG_NEWS(tmp_path, split="test")
    for kind in ("pos", "neg"):
        (tmp_path / "aclImdb" / "train" / kind).mkdir(parents=True)
        (tmp_path / "aclImdb" / "train" / kind / "0_1.txt").write_text(f"{kind} film")
    items = datasets.IMDB(tmp_path, split="train")
    assert next(items) == (1, "neg film") and list(items) == [(1, "neg film"), (2, "pos film")]
    text, label = data.Field(), data.LabelField()
    (train,) = legacy.datasets.IMDB.splits(text, label, root=tmp_path, test=None)
    assert train[1].label == "pos" and train[1].text == ["pos", "film"]


def test_pairs_of_sentences(tmp_path):
    for part in ("train", "val", "test2016"):
        (tmp_path / f"{part}.de").write_text("ein Haus\nzwei\n")
        (tmp_path / f"{part}.en").write_text("a house\ntwo\n")
    assert next(datasets.Multi30k(tmp_path, split="valid")) == ("ein Haus", "a house")
    de, en = data.Field(), data.Field()
    parts = datasets.Multi30k.splits((".de", ".en"), (de, en), root=tmp_path)
    assert len(parts) == 3 and parts[2][0].trg == ["a", "house"]
    assert parts[0].sort_key(parts[0][0]) == 0b1100


def test_long_texts_come_in_pieces(tmp_path):
    for part in ("train", "valid", "test"):
        (tmp_path / f"ptb.{part}.txt").write_text("a b c\nd e f g\n")
    field = data.Field()
    train, *_ = datasets.PennTreebank.splits(field, root=tmp_path)
    field.build_vocab(train)
    pieces = list(data.BPTTIterator(train, batch_size=2, bptt_len=2))
    assert [p.text.shape for p in pieces] == [(2, 2), (2, 2)]
    flat = torch.cat([p.text for p in pieces]).t().reshape(-1).tolist()
    assert "".join(field.vocab.itos[i][0] for i in flat) == "abc<efg<"
    assert (pieces[0].text[1] == pieces[0].target[0]).all()


def test_archives(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("in/x.txt", "hello")
    (path,) = extract_archive(tmp_path / "a.zip")
    assert Path(path).read_text() == "hello"
    with pytest.raises(RuntimeError, match="nothing is downloaded"):
        download_from_url("https://example.org/b.zip", root=tmp_path)
