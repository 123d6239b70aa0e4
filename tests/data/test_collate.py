"""From samples to batches: types, dtypes and errors are PyTorch's."""

import collections
from types import MappingProxyType

import numpy as np
import pytest

import wengert
from wengert.utils import data
from wengert.utils.data._utils.collate import collate, default_collate_fn_map

Point = collections.namedtuple("Point", ["x", "y"])


class Bag(dict):
    """A mapping with something besides its items."""

    label = "bag"


class Row(list):
    """A sequence with something besides its items."""


def plain(value):
    """Tensors as dtype, shape and numbers, containers with their types: for both libraries."""
    if hasattr(value, "detach"):
        return str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(item) for item in value]
    return value


SAMPLES = [
    lambda t: t.arange(3),
    lambda t: t.tensor(2.5),
    lambda t: t.ones(2, 1, 3, dtype=t.float16),
    lambda t: t.zeros(0),
    lambda t: t.tensor([True, False]),
    lambda t: t.tensor([1 + 2j]),
    lambda t: 3,
    lambda t: True,
    lambda t: 2.5,
    lambda t: "word",
    lambda t: b"bytes",
    lambda t: np.float64(1.5),
    lambda t: np.float32(1.5),
    lambda t: np.int16(3),
    lambda t: np.uint8(3),
    lambda t: np.bool_(True),
    lambda t: np.complex64(1j),
    lambda t: np.ones((2, 3)),
    lambda t: np.array(4.0, np.float32),
    lambda t: np.arange(6, dtype=np.uint16)[::2],
    lambda t: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    lambda t: (t.arange(2), 1, "a"),
    lambda t: [t.arange(2), 1.0],
    lambda t: {"x": t.arange(2), "y": {"z": 1}},
    lambda t: Point(1, t.ones(1)),
    lambda t: Row([1, 2]),
    lambda t: Bag(a=1),
    lambda t: collections.OrderedDict(a=1, b=2.0),
    lambda t: collections.defaultdict(int, a=1),
    lambda t: range(2),
    lambda t: (),
    lambda t: {},
]


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("count", [1, 3])
def test_collation_is_pytorchs(torch, sample, count):
    mine = data.default_collate([sample(wengert) for _ in range(count)])
    theirs = torch.utils.data.default_collate([sample(torch) for _ in range(count)])
    assert plain(mine) == plain(theirs)
    assert plain(data.default_convert(sample(wengert))) == plain(
        torch.utils.data.default_convert(sample(torch))
    )


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2.5],
        [1.5, 2],
        [True, 2],
        [np.float32(1), np.float64(2)],
        [np.float32(1), 2],
        [2**40, -1],
        [(1, "a"), [2, "b"]],
    ],
)
def test_mixed_numbers(torch, batch):
    assert plain(data.default_collate(batch)) == plain(torch.utils.data.default_collate(batch))


def test_recorded_batches():
    batch = data.default_collate([(wengert.ones(2), 0, "a", 0.5), (wengert.zeros(2), 1, "b", 1.5)])
    assert plain(batch) == (
        "list",
        [
            ("torch.float32", (2, 2), [[1.0, 1.0], [0.0, 0.0]]),
            ("torch.int64", (2,), [0, 1]),
            ("tuple", ["a", "b"]),
            ("torch.float64", (2,), [0.5, 1.5]),
        ],
    )


def test_what_a_type_holds_besides_its_items_is_kept():
    bag = Bag(a=1)
    bag.label = "mine"
    assert data.default_collate([bag, Bag(a=2)]).label == "mine"
    assert data.default_convert(bag).label == "mine"
    counts = data.default_collate([collections.defaultdict(int, a=1)])
    assert counts["missing"] == 0
    frozen = MappingProxyType({"a": 1})
    assert plain(dict(data.default_collate([frozen]))) == (
        "dict",
        {"a": ("torch.int64", (1,), [1])},
    )


def test_batches_share_no_memory_with_the_samples():
    array = np.zeros(3)
    tensor = wengert.zeros(3)
    for batch in (data.default_collate([array]), data.default_collate([tensor])):
        batch += 1
    assert array.sum() == 0 and tensor.sum().item() == 0


def test_read_only_arrays_and_memory_maps(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert data.default_collate([mapped, mapped]).tolist() == [[0, 1, 2]] * 2


def test_gradients_flow_through_a_batch(torch):
    for library in (torch, wengert):
        leaf = library.ones(2, requires_grad=True)
        library.utils.data.default_collate([leaf * 2, leaf * 3]).sum().backward()
        assert leaf.grad.tolist() == [5.0, 5.0]


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        (lambda t: [None], TypeError, "found <class 'NoneType'>"),
        (lambda t: [object()], TypeError, "collate_fn"),
        (lambda t: [1j], TypeError, "complex"),
        (lambda t: [np.array(["a"])], TypeError, "<U1"),
        (lambda t: [np.array([None])], TypeError, "object"),
        (lambda t: [np.datetime64("2020")], TypeError, "datetime64"),
        (lambda t: [[1], [1, 2]], RuntimeError, "sample 0 has 1 parts and sample 1 has 2"),
        (lambda t: [t.ones(2), t.ones(3)], RuntimeError, r"\[2\] at entry 0 and \[3\] at entry 1"),
        (lambda t: [t.ones(2, 3), t.ones(4, 3)], RuntimeError, "entry 1; resize or pad"),
        (lambda t: [np.ones(2), np.ones(3)], RuntimeError, r"\[3\] at entry 1"),
        (lambda t: [], IndexError, ""),
        (lambda t: [{"a": 1}, {"b": 1}], KeyError, "a"),
        (lambda t: [1, "a"], TypeError, "sample 0 is of type int and sample 1 of type str"),
        (lambda t: [t.ones(2), 3], TypeError, ""),
    ],
)
def test_errors(torch, batch, error, text):
    with pytest.raises(error):
        torch.utils.data.default_collate(batch(torch))
    with pytest.raises(error, match=text or None):
        data.default_collate(batch(wengert))


def test_a_map_of_ones_own():
    found = collate(
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        collate_fn_map={
            int: lambda batch, *, collate_fn_map: sum(batch),
            str: default_collate_fn_map[str],
        },
    )
    assert found == {"a": 3, "b": ["x", "y"]}
    with pytest.raises(TypeError):
        collate([1])


def test_extending_the_default_map(monkeypatch):
    class Graph:
        nodes = 2

    def join(batch, *, collate_fn_map):
        return sum(graph.nodes for graph in batch)

    monkeypatch.setitem(default_collate_fn_map, Graph, join)
    loader = data.DataLoader([Graph() for _ in range(4)], batch_size=2)
    assert list(loader) == [4, 4]


def test_replacing_the_rule_for_tensors_reaches_every_loader(monkeypatch):
    def join(batch, *, collate_fn_map):
        return len(batch)

    monkeypatch.setitem(default_collate_fn_map, wengert.Tensor, join)
    assert list(data.DataLoader(data.TensorDataset(wengert.ones(3)), batch_size=2)) == [[2], [1]]
