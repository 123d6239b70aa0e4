"""The loader in this process: batches, randomness, arguments and errors are PyTorch's."""

import random
import warnings

import numpy as np
import pytest

import wengert
from wengert.data import iterators as loaders
from wengert.utils import data


class Samples:
    """Map-style, by indexing alone; some of it random."""

    def __init__(self, library, count=23):
        self.library = library
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.library.rand(2), index, {"name": str(index), "array": np.full(2, index)}


def stream(library, count=10, length=None):
    """An IterableDataset of either library."""

    class Stream(library.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(count))

    if length is not None:
        Stream.__len__ = lambda self: length
    return Stream()


def tensors(library, count=23):
    x = library.arange(count * 3).reshape(count, 3)
    return library.utils.data.TensorDataset(x, library.arange(count) * 1.5)


def subset(library):
    return library.utils.data.Subset(tensors(library), [3, 1, 20, -1, 5, 5])


def nested(library):
    return library.utils.data.Subset(subset(library), [5, 0, -2])


def recording(library):
    leaf = library.ones(5, 2, requires_grad=True)
    return library.utils.data.TensorDataset(leaf * 2, library.arange(5))


DATASETS = {
    "tensors": tensors,
    "subset": subset,
    "nested subsets": nested,
    "recording": recording,
    "split": lambda t: t.utils.data.random_split(tensors(t), [0.7, 0.3])[1],
    "samples": Samples,
    "list": lambda t: [1, 2, 3, 4, 5],
    "strings": lambda t: "abcdefg",
    "array": lambda t: np.arange(12.0).reshape(6, 2),
    "stack": lambda t: t.utils.data.StackDataset(x=tensors(t), y=Samples(t)),
    "concatenation": lambda t: t.utils.data.ConcatDataset([tensors(t, 4), tensors(t, 3)]),
    "stream": stream,
}
ARGUMENTS = {
    "defaults": {},
    "batches": {"batch_size": 4},
    "full batches": {"batch_size": 4, "drop_last": True},
    "shuffled": {"batch_size": 4, "shuffle": True},
    "shuffled, full": {"batch_size": 4, "shuffle": True, "drop_last": True},
    "one big batch": {"batch_size": 100, "shuffle": True},
    "samples": {"batch_size": None},
    "shuffled samples": {"batch_size": None, "shuffle": True},
    "sampler": {"sampler": [2, 0, 1], "batch_size": 2},
    "tensor indices": {"sampler": "tensors", "batch_size": 2},
    "batch sampler": {"batch_sampler": [[1, 0], [2]]},
    "collate_fn": {"collate_fn": len, "batch_size": 3},
}


def plain(value):
    if hasattr(value, "detach"):
        return str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(item) for item in value]
    return value


def passes(library, dataset, arguments, generator=False):
    """Two passes and a number drawn after them, which tells how much randomness was used."""
    library.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    if arguments.get("sampler") == "tensors":
        arguments = {**arguments, "sampler": list(library.tensor([1, 0, 2]))}
    if generator:
        arguments = {**arguments, "generator": library.Generator().manual_seed(8)}
    loader = library.utils.data.DataLoader(dataset(library), **arguments)
    found = [[plain(batch) for batch in loader] for _ in range(2)]
    if generator:
        found.append(library.rand(2, generator=arguments["generator"]).tolist())
    try:
        found.append(len(loader))
    except TypeError:
        pass
    return [*found, library.rand(2).tolist()]


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("dataset", DATASETS)
def test_batches_are_pytorchs(torch, keep_rng, dataset, arguments):
    options = ARGUMENTS[arguments]
    if dataset == "stream" and not options.keys() <= {"batch_size", "drop_last", "collate_fn"}:
        pytest.skip("a stream has its own order")
    if dataset == "strings" and arguments == "tensor indices":
        pytest.skip("strings take plain integers")
    mine, theirs = (passes(library, DATASETS[dataset], options) for library in (wengert, torch))
    assert mine == theirs


@pytest.mark.parametrize("arguments", ["shuffled", "shuffled, full", "shuffled samples"])
@pytest.mark.parametrize("dataset", ["tensors", "subset", "samples", "list"])
def test_a_generator_of_ones_own(torch, keep_rng, dataset, arguments):
    options = ARGUMENTS[arguments]
    mine, theirs = (passes(t, DATASETS[dataset], options, True) for t in (wengert, torch))
    assert mine == theirs


def test_a_pass_left_early_uses_as_much_randomness(torch, keep_rng):
    found = []
    for library in (torch, wengert):
        library.manual_seed(1)
        generator = library.Generator().manual_seed(2)
        for dataset in (tensors(library), list(range(23))):
            loader = library.utils.data.DataLoader(dataset, 10, shuffle=True, generator=generator)
            for number, _ in enumerate(loader):
                if number == 1:
                    break
            found.append(library.rand(1, generator=generator).item())
            iter(loader)
            found.append(library.rand(1, generator=generator).item())
            found.append(library.rand(1).item())
    assert found[:6] == found[6:]


def test_recorded_batches(keep_rng):
    wengert.manual_seed(0)
    for dataset in (range(10), data.TensorDataset(wengert.arange(10))):
        wengert.manual_seed(0)
        batches = data.DataLoader(dataset, batch_size=4, shuffle=True)
        got = [batch if isinstance(batch, wengert.Tensor) else batch[0] for batch in batches]
        assert [batch.tolist() for batch in got] == [[6, 7, 1, 4], [2, 0, 9, 8], [3, 5]]


# ---- whole batches


def kind_of_pass(dataset, **arguments):
    return type(iter(data.DataLoader(dataset, **arguments)))


def test_tensors_in_memory_are_cut():
    cut = loaders.MemoryIterator
    assert kind_of_pass(tensors(wengert)) is cut
    assert kind_of_pass(tensors(wengert), shuffle=True, batch_size=5) is cut
    assert kind_of_pass(nested(wengert), shuffle=True, drop_last=True) is cut
    assert kind_of_pass(tensors(wengert), num_workers=2) is cut


def test_what_is_not_only_tensors_is_collected():
    collected = loaders.InProcessIterator
    assert kind_of_pass(recording(wengert)) is collected
    assert kind_of_pass(tensors(wengert), collate_fn=list) is collected
    assert kind_of_pass(tensors(wengert), batch_size=None) is collected
    assert kind_of_pass(tensors(wengert), sampler=[0]) is collected
    assert kind_of_pass(data.Subset(tensors(wengert), [99])) is collected

    class Noisy(data.TensorDataset):
        def __getitem__(self, index):
            return -super().__getitem__(index)[0]

    assert kind_of_pass(Noisy(wengert.ones(3))) is collected
    assert next(iter(data.DataLoader(Noisy(wengert.ones(3)), batch_size=2))).tolist() == [-1, -1]


def test_a_batch_owns_its_numbers():
    x = wengert.zeros(600, 2)
    for shuffle in (False, True):
        batches = [batch for (batch,) in data.DataLoader(data.TensorDataset(x), 64, shuffle)]
        for batch in batches:
            batch += 1
        assert all(batch.tolist() == [[1, 1]] * len(batch) for batch in batches)
    assert x.sum().item() == 0


def test_tensors_that_are_views():
    x = wengert.arange(12).reshape(3, 4).T
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), batch_size=3)))
    assert batch.tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10]]


def test_tensors_replaced_between_passes():
    dataset = data.TensorDataset(wengert.zeros(2))
    loader = data.DataLoader(dataset, batch_size=2)
    assert next(iter(loader))[0].tolist() == [0, 0]
    dataset.tensors = (wengert.ones(2),)
    assert next(iter(loader))[0].tolist() == [1, 1]


def test_a_dataset_that_makes_whole_batches():
    class Whole(data.Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            raise AssertionError("asked for a sample")

        def __getbatch__(self, indices):
            assert indices.dtype == np.int64
            return wengert.from_numpy(indices * 10)

    loader = data.DataLoader(Whole(), batch_size=2)
    assert [batch.tolist() for batch in loader] == [[0, 10], [20, 30], [40]]
    part = data.DataLoader(data.Subset(Whole(), [4, 1]), batch_size=2)
    assert [batch.tolist() for batch in part] == [[40, 10]]

    class Changed(Whole):
        def __getitem__(self, index):
            return -index

    changed = data.DataLoader(Changed(), batch_size=2)
    assert [batch.tolist() for batch in changed] == [[0, -1], [-2, -3], [-4]]


def test_a_stream_that_makes_whole_batches():
    class Whole(data.IterableDataset):
        def __iter__(self):
            raise AssertionError("asked for samples")

        def __iterbatches__(self, batch_size, drop_last):
            yield wengert.full((batch_size,), float(drop_last))

    loader = data.DataLoader(Whole(), batch_size=2, drop_last=True)
    assert [batch.tolist() for batch in loader] == [[1, 1]]
    assert [batch.tolist() for batch in loader] == [[1, 1]]


def test_getitems_is_used(torch):
    class Many(Samples):
        def __getitems__(self, indices):
            return [tuple(indices)] * len(indices)

    for library in (torch, wengert):
        batch = next(iter(library.utils.data.DataLoader(Many(library), batch_size=3)))
        assert [part.tolist() for part in batch] == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


# ---- arguments and errors


ERRORS = [
    ({"num_workers": -1}, ValueError, "num_workers .* got -1"),
    ({"timeout": -1}, ValueError, "timeout .* got -1"),
    ({"timeout": 3}, AssertionError, "timeout=3"),
    ({"prefetch_factor": 2}, ValueError, "num_workers > 0"),
    ({"num_workers": 1, "prefetch_factor": -1}, ValueError, "got -1"),
    ({"persistent_workers": True}, ValueError, "num_workers > 0"),
    ({"shuffle": True, "sampler": [1]}, ValueError, "mutually exclusive with shuffle"),
    ({"batch_sampler": [[1]], "batch_size": 2}, ValueError, "mutually exclusive"),
    ({"batch_sampler": [[1]], "shuffle": True}, ValueError, "mutually exclusive"),
    ({"batch_sampler": [[1]], "sampler": [1]}, ValueError, "mutually exclusive"),
    ({"batch_size": None, "drop_last": True}, ValueError, "drop_last"),
    ({"batch_size": 0}, ValueError, "batch_size=0"),
    ({"batch_size": 2.5}, ValueError, "batch_size=2.5"),
    ({"drop_last": 3}, ValueError, "drop_last=3"),
    ({"multiprocessing_context": "fork"}, ValueError, "num_workers > 0"),
    ({"num_workers": 1, "multiprocessing_context": "x"}, ValueError, "start method .* got 'x'"),
    ({"num_workers": 1, "multiprocessing_context": 3}, TypeError, "got 3"),
    ({"sampler": [7]}, IndexError, "7"),
    ({"sampler": 3}, TypeError, "not iterable"),
    ({"collate_fn": 3}, TypeError, "not callable"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), ERRORS)
def test_errors(torch, arguments, error, text):
    for library, match in ((torch, None), (wengert, text)):
        dataset = library.utils.data.TensorDataset(library.arange(5))
        with pytest.raises(error, match=match):
            next(iter(library.utils.data.DataLoader(dataset, **arguments)))


@pytest.mark.parametrize("name", ["shuffle", "sampler", "batch_sampler"])
def test_streams_have_their_own_order(torch, name):
    value = True if name == "shuffle" else [[1]]
    for library in (torch, wengert):
        with pytest.raises(ValueError, match=f"IterableDataset: expected unspecified {name}"):
            library.utils.data.DataLoader(stream(library), **{name: value})


@pytest.mark.parametrize("name", ["batch_size", "sampler", "drop_last", "dataset", "batch_sampler"])
def test_what_is_fixed_after_construction(name):
    loader = data.DataLoader([1, 2])
    with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
        setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [1, 1]


def test_attributes_are_pytorchs(torch):
    theirs = torch.utils.data.DataLoader([1, 2, 3], batch_size=2, shuffle=True)
    mine = data.DataLoader([1, 2, 3], batch_size=2, shuffle=True)
    for name in ("batch_size", "num_workers", "prefetch_factor", "pin_memory", "drop_last"):
        assert getattr(mine, name) == getattr(theirs, name)
    for name in ("timeout", "worker_init_fn", "generator", "persistent_workers", "in_order"):
        assert getattr(mine, name) == getattr(theirs, name)
    for name in ("sampler", "batch_sampler", "_index_sampler"):
        assert type(getattr(mine, name)).__name__ == type(getattr(theirs, name)).__name__
    assert mine.multiprocessing_context is None and mine._auto_collation is True


def test_the_length_of_a_stream(torch):
    for library in (torch, wengert):
        make, dataset = library.utils.data.DataLoader, stream(library, 10, 10)
        three = make(dataset, 4), make(dataset, 4, drop_last=True), make(dataset, None)
        assert [len(loader) for loader in three] == [3, 2, 10]
        with pytest.raises(TypeError):
            len(library.utils.data.DataLoader(stream(library)))


def test_a_stream_longer_than_it_said(torch):
    for library in (torch, wengert):
        loader = library.utils.data.DataLoader(stream(library, 3, 2))
        assert len(loader) == 2
        with pytest.warns(UserWarning, match="was reported to be 2.*3 samples have been fetched"):
            list(loader)


def test_an_error_in_a_dataset_says_which_sample():
    class Bad(Samples):
        def __getitem__(self, index):
            return {}[index]

    with pytest.raises(KeyError, match="2") as caught:
        next(iter(data.DataLoader(Bad(wengert), batch_size=2, sampler=[2, 3])))
    assert caught.value.__notes__ == ["while fetching index 2 of Bad"]

    class BadMany(Samples):
        def __getitems__(self, indices):
            raise ValueError("bad")

    with pytest.raises(ValueError) as caught:
        next(iter(data.DataLoader(BadMany(wengert), batch_size=2)))
    assert caught.value.__notes__ == ["while fetching indices [0, 1] of BadMany"]


def test_an_iterator_is_not_for_pickling():
    import pickle

    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iter(data.DataLoader([1])))
    assert list(pickle.loads(pickle.dumps(data.DataLoader([1])))) == [wengert.tensor([1])]


def test_pinning_without_an_accelerator_warns(torch):
    pytest.importorskip("numpy")
    for library in (torch, wengert):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loader = library.utils.data.DataLoader([1, 2], pin_memory=True)
            assert [batch.tolist() for batch in loader] == [[1], [2]]
        assert ["no accelerator is found" in str(warning.message) for warning in caught] == [True]


def test_pinning_goes_into_containers():
    from wengert.utils.data._utils.pin_memory import pin_memory

    class Pinned:
        def pin_memory(self):
            return "pinned"

    found = pin_memory({"a": [Pinned(), 1], "b": (Pinned(), "x"), "c": b"y"})
    assert found == {"a": ["pinned", 1], "b": ("pinned", "x"), "c": b"y"}


def test_more_workers_than_processors_warn():
    with pytest.warns(UserWarning, match="will create 1000 worker processes"):
        data.DataLoader([1], num_workers=1000)


def test_a_validation_loader_with_a_generator_of_its_own_leaves_the_stream_alone():
    rows = data.TensorDataset(wengert.arange(6.0))
    wengert.manual_seed(3)
    first = wengert.rand(2)
    wengert.manual_seed(3)
    for _ in data.DataLoader(rows, 2, generator=wengert.Generator()):
        pass
    assert wengert.rand(2).tolist() == first.tolist()
