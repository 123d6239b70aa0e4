"""Orders of visit: PyTorch's, live and recorded, and how far they advance the generator."""

import itertools

import numpy as np
import pytest

import wengert
from wengert.utils import data

ORDERS = {
    "random": lambda d, g: d.RandomSampler(range(50), generator=g),
    "random, one": lambda d, g: d.RandomSampler(range(1), generator=g),
    "replacement": lambda d, g: d.RandomSampler(range(9), True, 77, generator=g),
    "more than there are": lambda d, g: d.RandomSampler(range(9), num_samples=31, generator=g),
    "as many as there are": lambda d, g: d.RandomSampler(range(9), num_samples=9, generator=g),
    "fewer than there are": lambda d, g: d.RandomSampler(range(9), num_samples=4, generator=g),
    "subset": lambda d, g: d.SubsetRandomSampler([4, 5, 8, 1, 2], generator=g),
    "weighted": lambda d, g: d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 20, generator=g),
    "weighted, without": lambda d, g: d.WeightedRandomSampler([1, 2, 3.5, 0.2], 4, False, g),
    "batches": lambda d, g: d.BatchSampler(d.RandomSampler(range(11), generator=g), 4, False),
    "full batches": lambda d, g: d.BatchSampler(d.RandomSampler(range(11), generator=g), 4, True),
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("own", [True, False])
def test_orders_are_pytorchs(torch, keep_rng, name, own):
    found = []
    for library in (torch, wengert):
        library.manual_seed(3)
        generator = library.Generator().manual_seed(11) if own else None
        sampler = ORDERS[name](library.utils.data, generator)
        passes = [list(sampler) for _ in range(3)]
        found.append((len(sampler), passes, library.rand(3, generator=generator).tolist()))
    assert found[0] == found[1]


def test_recorded_orders(keep_rng):
    def order(make, *rest):
        wengert.manual_seed(0)
        return [list(sampler) for sampler in (make, *rest)]

    random = data.RandomSampler(range(10))
    assert order(random, random) == [
        [6, 9, 0, 7, 3, 5, 4, 2, 1, 8],
        [6, 7, 1, 4, 2, 0, 9, 8, 3, 5],
    ]
    replacing = data.RandomSampler(range(10), replacement=True, num_samples=12)
    assert order(replacing) == [[6, 0, 4, 3, 9, 5, 7, 8, 9, 1, 8, 5]]
    assert order(data.RandomSampler(range(4), num_samples=10)) == [[2, 3, 0, 1, 1, 0, 3, 2, 1, 0]]
    assert order(data.SubsetRandomSampler([5, 6, 7, 8])) == [[5, 6, 8, 7]]
    assert order(
        data.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 8),
        data.WeightedRandomSampler([0.9, 0.4, 0.05, 0.2, 0.3, 0.1], 5, replacement=False),
    ) == [[5, 4, 4, 5, 4, 4, 2, 3], [1, 0, 3, 4, 5]]
    assert order(data.DistributedSampler(range(11), 3, 1, seed=5)) == [[5, 10, 6, 4]]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("size", "replicas"), [(10, 3), (2, 5), (12, 4), (7, 1)])
def test_shares_of_processes(torch, size, replicas, shuffle, drop_last):
    if drop_last and size < replicas:
        pytest.skip("nothing for anybody")
    for rank, epoch in itertools.product(range(replicas), (0, 3)):
        found = []
        for library in (torch, wengert):
            sampler = library.utils.data.DistributedSampler(
                range(size), replicas, rank, shuffle=shuffle, seed=4, drop_last=drop_last
            )
            sampler.set_epoch(epoch)
            found.append((list(sampler), len(sampler), sampler.total_size))
        assert found[0] == found[1]


def test_the_length_is_read_when_it_is_asked_for():
    items = [1, 2]
    sampler = data.RandomSampler(items)
    items.append(3)
    assert len(sampler) == len(list(sampler)) == 3


def test_a_batch_sampler_takes_any_iterable():
    assert list(data.BatchSampler(iter("abcde"), 2, False)) == [["a", "b"], ["c", "d"], ["e"]]
    batches = data.BatchSampler(range(5), np.int64(2).item(), True)
    assert (list(batches), len(batches)) == ([[0, 1], [2, 3]], 2)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda d: list(d.Sampler()), NotImplementedError, "Sampler must define __iter__"),
        (lambda d: d.RandomSampler("ab", 1), TypeError, "replacement=1"),
        (lambda d: d.RandomSampler([]), ValueError, "num_samples=0; the dataset is empty"),
        (lambda d: d.RandomSampler("ab", num_samples=0), ValueError, "num_samples=0"),
        (lambda d: d.RandomSampler("ab", num_samples=2.5), ValueError, "num_samples=2.5"),
        (lambda d: d.WeightedRandomSampler([1.0], 0), ValueError, "num_samples=0"),
        (lambda d: d.WeightedRandomSampler([1.0], True), ValueError, "num_samples=True"),
        (lambda d: d.WeightedRandomSampler([1.0], 1, 1), ValueError, "replacement=1"),
        (lambda d: d.WeightedRandomSampler([[1.0]], 1), ValueError, r"shape \(1, 1\)"),
        (lambda d: list(d.WeightedRandomSampler([1.0], 2, False)), RuntimeError, "sample"),
        (lambda d: d.BatchSampler("ab", 0, False), ValueError, "batch_size=0"),
        (lambda d: d.BatchSampler("ab", True, False), ValueError, "batch_size=True"),
        (lambda d: d.BatchSampler("ab", 2, 1), ValueError, "drop_last=1"),
        (lambda d: d.DistributedSampler("ab", 2, 2), ValueError, r"rank 2.*interval \[0, 1\]"),
        (lambda d: d.DistributedSampler("ab", 2), ValueError, "process group"),
        (lambda d: d.DistributedSampler("ab"), ValueError, "num_replicas and rank"),
    ],
)
def test_errors(torch, make, error, text):
    with pytest.raises(error):
        make(torch.utils.data)
    with pytest.raises(error, match=text):
        make(data)


def test_classes_that_annotations_subscript():
    data, distributed = wengert.utils.data, wengert.distributed
    for kind in (
        data.DistributedSampler, data.StackDataset, data.MapDataPipe, data.DataLoader,
        wengert.futures.Future, distributed.rpc.RRef, wengert.nn.DataParallel,
    ):  # fmt: skip
        assert issubclass(type("Own", (kind[int].__origin__,), {}), kind)
