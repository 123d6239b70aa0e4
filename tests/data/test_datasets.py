"""Datasets in memory, combinations of them, splitting: live PyTorch, and recorded values."""

import numpy as np
import pytest

import wengert
from wengert.utils import data


class Squares(data.Dataset):
    def __init__(self, count=4):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return index**2


class Letters(data.IterableDataset):
    def __init__(self, letters="ab"):
        self.letters = letters

    def __iter__(self):
        return iter(self.letters)

    def __len__(self):
        return len(self.letters)


def rows(*shape):
    return wengert.tensor(np.arange(np.prod(shape)).reshape(shape))


def test_a_tensor_dataset_gives_rows():
    dataset = data.TensorDataset(rows(3, 2), rows(3))
    first, second = dataset[1]
    assert (first.tolist(), second.tolist(), len(dataset)) == ([2, 3], 1, 3)
    assert dataset[-1][1].item() == 2
    assert [part.tolist() for part in dataset[0:2]] == [[[0, 1], [2, 3]], [0, 1]]


def test_a_stack_of_datasets_by_position_and_by_name():
    assert data.StackDataset([1, 2], "ab")[1] == (2, "b")
    assert data.StackDataset(x=[1, 2], y="ab")[0] == {"x": 1, "y": "a"}
    assert data.StackDataset([1, 2], "ab").__getitems__([1, 0]) == [(2, "b"), (1, "a")]


def test_a_stack_asks_its_parts_for_many_samples():
    class Many(Squares):
        def __getitems__(self, indices):
            return [-index for index in indices]

    stack = data.StackDataset(a=Many(), b=Squares())
    assert stack.__getitems__([2, 3]) == [{"a": -2, "b": 4}, {"a": -3, "b": 9}]
    Many.__getitems__ = lambda self, indices: [0]
    with pytest.raises(ValueError, match="gave 1 samples for 2 indices"):
        stack.__getitems__([2, 3])


def test_concatenation():
    both = Squares(3) + Squares(2)
    assert isinstance(both, data.ConcatDataset)
    assert [both[i] for i in range(5)] == [0, 1, 4, 0, 1]
    assert (both[-1], both[-5], both.cumulative_sizes) == (1, 0, [3, 5])


def test_chains():
    chain = Letters("ab") + Letters("c")
    assert isinstance(chain, data.ChainDataset)
    assert (list(chain), len(chain)) == (["a", "b", "c"], 3)


def test_subsets():
    subset = data.Subset(Squares(), [3, 1])
    assert ([subset[0], subset[1]], len(subset)) == ([9, 1], 2)
    assert subset.__getitems__([1, 0]) == [1, 9]
    assert data.Subset(np.arange(10), [5, 7])[[1, 0]].tolist() == [7, 5]


def test_a_changed_subset_must_say_how_it_fetches_many():
    class Changed(data.Subset):
        def __getitem__(self, index):
            return -super().__getitem__(index)

    with pytest.raises(NotImplementedError, match="Changed .*__getitems__"):
        Changed(Squares(), [0])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda d: d.Dataset()[0], NotImplementedError, "Dataset must define __getitem__"),
        (lambda d: len(d.Dataset()), TypeError, "has no len"),
        (lambda d: d.ConcatDataset([]), AssertionError, "should not be an empty iterable"),
        (lambda d: d.ConcatDataset([d.ChainDataset([])]), AssertionError, "use ChainDataset"),
        (lambda d: d.ConcatDataset(["ab"])[2], IndexError, "index 2 .* length 2"),
        (lambda d: d.ConcatDataset(["ab"])[-3], ValueError, "index -3 .* length 2"),
        (lambda d: list(d.ChainDataset(["ab"])), AssertionError, "str is not one"),
        (lambda d: len(d.ChainDataset(["ab"])), AssertionError, "only supports IterableDataset"),
        (lambda d: d.StackDataset(), ValueError, "At least one dataset"),
        (lambda d: d.StackDataset("a", b="b"), ValueError, "not both"),
        (lambda d: d.StackDataset("a", "bc"), ValueError, r"\[1, 2\]"),
        (lambda d: d.random_split("abc", [1, 1]), ValueError, r"\[1, 1\] add up to 2.* 3 samples"),
        (lambda d: d.random_split("abc", [0.5, 0.2]), ValueError, "does not equal"),
        (
            lambda d: d.random_split("abc", [1.5, -0.5]),
            ValueError,
            "index 0 is not between 0 and 1",
        ),
    ],
)
def test_errors(torch, make, error, text):
    with pytest.raises(error):
        make(torch.utils.data)
    with pytest.raises(error, match=text):
        make(data)


def test_tensors_of_different_lengths(torch):
    with pytest.raises(AssertionError):
        torch.utils.data.TensorDataset(torch.ones(3), torch.ones(2))
    with pytest.raises(AssertionError, match="tensor 0 is 3 and that of tensor 1 is 2"):
        data.TensorDataset(wengert.ones(3), wengert.ones(2))


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (10, [7, 3]),
        (11, [0.5, 0.3, 0.2]),
        (100, [0.1] * 10),
        (7, [7]),
        (3, [1.0]),
        (2500, [2000, 500]),
    ],
)
def test_random_split_gives_pytorchs_indices(torch, size, lengths):
    found = []
    for library in (torch, wengert):
        generator = library.Generator().manual_seed(42)
        parts = library.utils.data.random_split(range(size), lengths, generator=generator)
        library.manual_seed(7)
        parts += library.utils.data.random_split(range(size), lengths)
        found.append([part.indices for part in parts])
    assert found[0] == found[1]


def test_random_split_recorded():
    generator = wengert.Generator().manual_seed(42)
    train, test = data.random_split(range(10), [7, 3], generator=generator)
    assert (train.indices, test.indices) == ([2, 6, 1, 8, 4, 5, 0], [9, 3, 7])


def test_random_split_of_too_little_warns():
    with pytest.warns(UserWarning, match="index 1 is 0: 0.01 of 5"):
        parts = data.random_split(range(5), [0.99, 0.01])
    assert [len(part) for part in parts] == [5, 0]


def test_every_path_of_torch_leads_to_the_same_class():
    from wengert.utils.data import _utils, dataloader, dataset, distributed, sampler

    assert dataset.TensorDataset is data.TensorDataset
    assert dataloader.DataLoader is data.DataLoader
    assert sampler.BatchSampler is data.BatchSampler
    assert distributed.DistributedSampler is data.DistributedSampler
    assert _utils.collate.default_collate is data.default_collate
    assert wengert.utils.data is data


def test_classes_take_type_parameters():
    assert data.Dataset[int] and data.DataLoader[int] and data.Sampler[int]

    class Typed(data.Dataset[tuple[int, str]]):
        pass

    class TypedStream(data.IterableDataset[int]):
        pass

    assert issubclass(Typed, data.Dataset) and issubclass(TypedStream, data.Dataset)
