"""Worker processes: batches and random numbers are PyTorch's; and what goes wrong in them."""

import functools
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import wengert
from wengert.data import workers
from wengert.utils import data

from .test_loader import plain

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="POSIX signals and fork"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]
FORK = {"num_workers": 2, "multiprocessing_context": "fork"}


class Numbers(data.Dataset):
    """Sample i is a row of i; `hook(i)` is called before."""

    def __init__(self, hook=None, count=32, width=1000, library=wengert):
        self.hook, self.count, self.width, self.library = hook, count, width, library

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if self.hook is not None:
            self.hook(index)
        return self.library.full((self.width,), float(index)), index


class Count(data.IterableDataset):
    """Worker w counts from 100 w, and stops after w more than the others."""

    def __init__(self, count=10, more=7):
        self.count, self.more = count, more

    def __iter__(self):
        worker = data.get_worker_info()
        return iter(range(100 * worker.id, 100 * worker.id + self.count + self.more * worker.id))


def labels(loader):
    return [batch[1].tolist() for batch in loader]


class Random:
    """Samples with numbers from all three sources of randomness, and facts about the worker."""

    def __init__(self, library):
        self.library = library

    def __len__(self):
        return 21

    def __getitem__(self, index):
        worker = self.library.utils.data.get_worker_info()
        numbers = {"python": random.random(), "numpy": np.random.rand()}
        return self.library.rand(3), numbers, worker.id, worker.seed, worker.num_workers, index


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"batch_size": 4, "shuffle": True},
        {"batch_size": 4, "shuffle": True, "drop_last": True, "prefetch_factor": 1},
        {"batch_size": 4, "prefetch_factor": 7, "persistent_workers": True, "shuffle": True},
        {"batch_size": None},
        {"batch_sampler": [[3, 1], [2], [5, 6, 7]]},
        {"batch_size": 5, "num_workers": 1},
        {"batch_size": 5, "num_workers": 3},
        {"batch_size": 50, "collate_fn": list},
    ],
)
def test_batches_and_random_numbers_are_pytorchs(torch, keep_rng, arguments):
    found = []
    for library in (torch, wengert):
        library.manual_seed(4)
        loader = library.utils.data.DataLoader(Random(library), **{**FORK, **arguments})
        found.append([[plain(batch) for batch in loader] for _ in range(2)])
        found.append(library.rand(2).tolist())
    assert found[:2] == found[2:]


def test_recorded_seeds(keep_rng):
    wengert.manual_seed(0)
    batches = list(data.DataLoader(Random(wengert), batch_size=2, collate_fn=list, **FORK))
    first, second = batches[0][0], batches[1][0]
    assert [sample[3] for sample in (first, second)] == [900450186894289455, 900450186894289456]
    assert [first[1], second[1]] == [
        {"python": 0.21315340548154382, "numpy": 0.8371640508861415},
        {"python": 0.7733861492043289, "numpy": 0.6702704958690073},
    ]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 4},
        {"batch_size": 4, "drop_last": True},
        {"batch_size": None},
        {"num_workers": 3},
    ],
)
def test_streams_are_pytorchs(torch, arguments, persistent):
    class Theirs(torch.utils.data.IterableDataset):
        def __iter__(self):
            worker = torch.utils.data.get_worker_info()
            return iter(range(100 * worker.id, 100 * worker.id + 10 + 7 * worker.id))

    options = {**FORK, "persistent_workers": persistent, **arguments}
    loaders = data.DataLoader(Count(), **options), torch.utils.data.DataLoader(Theirs(), **options)
    mine, theirs = ([[plain(batch) for batch in loader] for _ in range(2)] for loader in loaders)
    assert mine == theirs


def test_a_stream_that_ends_leaves_the_tasks_of_the_next_pass():
    """Which may have come before its end was noticed."""
    loader = data.DataLoader(Count(), batch_size=2, persistent_workers=True, **FORK)
    first = [batch.tolist() for batch in loader]
    for _ in range(60):
        assert [batch.tolist() for batch in loader] == first


def test_an_empty_share_of_a_stream():
    loader = data.DataLoader(Count(0, 3), batch_size=2, **FORK)
    assert [batch.tolist() for batch in loader] == [[100, 101], [102]]


def test_facts_about_the_worker(keep_rng):
    assert data.get_worker_info() is None

    def facts(number):
        info = data.get_worker_info()
        assert (info.id, info.num_workers) == (number, 2)
        info.dataset.hook = lambda index: setattr(info.dataset, "width", number + 1)

    loader = data.DataLoader(Numbers(), batch_size=4, worker_init_fn=facts, **FORK)
    assert [batch[0].shape[1] for batch in loader] == [1, 2] * 4


def test_tensors_in_memory_go_to_workers_when_asked():
    dataset = data.TensorDataset(wengert.arange(6))
    seen = multiprocessing.get_context("fork").Value("i", 0)

    def init(number):
        with seen:
            seen.value += 1

    loader = data.DataLoader(dataset, batch_size=2, num_workers=2, worker_init_fn=init)
    assert [batch[0].tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5]]
    assert seen.value == 2


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    # A dataset of this file could not be unpickled: pytest imports it under no importable name.
    x = wengert.arange(80_000).reshape(8, 10_000)
    loader = data.DataLoader(
        data.TensorDataset(x, wengert.arange(8)),
        batch_size=3,
        num_workers=2,
        multiprocessing_context=method,
    )
    batches = list(loader)
    assert labels(batches) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert batches[1][0].tolist() == x[3:6].tolist()


def test_what_cannot_be_pickled_is_said_before_anything_starts():
    loader = data.DataLoader(
        [1], num_workers=1, multiprocessing_context="spawn", collate_fn=lambda batch: batch
    )
    with pytest.raises(
        (AttributeError, TypeError, Exception), match="by pickle, which failed.*fork"
    ):
        iter(loader)


def test_a_lock_in_the_dataset_survives_spawn():
    context = multiprocessing.get_context("spawn")
    assert isinstance(workers._pickled(job(context.Lock())), workers.Job)
    assert isinstance(workers._pickled(job("abc")), tuple)


def job(dataset):
    return data.DataLoader([1], batch_size=None)._job()._replace(dataset=dataset)


# ---- order, ahead of time, many passes


def test_out_of_order():
    def hook(index):
        if index == 0:
            time.sleep(0.5)

    loader = data.DataLoader(Numbers(hook), batch_size=4, in_order=False, **FORK)
    found = labels(loader)
    assert found[0] != [0, 1, 2, 3]
    assert sorted(found) == [list(range(start, start + 4)) for start in range(0, 32, 4)]


def test_workers_fetch_ahead_and_no_further():
    seen = multiprocessing.get_context("fork").Array("i", 40)

    def hook(index):
        seen[index] = 1

    loader = data.DataLoader(Numbers(hook, 40), batch_size=1, prefetch_factor=3, **FORK)
    iterator = iter(loader)
    next(iterator)
    deadline = time.monotonic() + 5
    while sum(seen) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sum(seen) == 7
    assert len(list(iterator)) == 39


def test_persistent_workers_keep_their_state():
    def hook(index):
        dataset.width = os.getpid()

    dataset = Numbers(hook, 8, 1)
    dataset.__class__ = type("Pids", (Numbers,), {"__getitem__": lambda self, index: os.getpid()})
    loader = data.DataLoader(dataset, persistent_workers=True, **FORK)
    first, second = ({pid.item() for pid in loader} for _ in range(2))
    assert first == second and len(first) == 2
    fresh = data.DataLoader(dataset, **FORK)
    assert {pid.item() for pid in fresh} != {pid.item() for pid in fresh}


def test_a_persistent_pass_left_early():
    loader = data.DataLoader(Numbers(), batch_size=2, persistent_workers=True, **FORK)
    for _ in range(3):
        for batch in itertools.islice(loader, 3):
            assert batch[0][0, 0].item() == batch[1][0].item()
    assert labels(loader) == [[start, start + 1] for start in range(0, 32, 2)]


def test_draws_after_a_pass_left_early_are_pytorchs(torch):
    drawn = []
    for m in (wengert, torch):
        m.manual_seed(0)
        options = {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": "fork"}
        loader = m.utils.data.DataLoader(Random(m), batch_size=None, **options)
        passes = [[sample[1] for sample in itertools.islice(loader, 3)] for _ in range(3)]
        drawn.append(passes)
    assert drawn[0] == drawn[1]


def test_large_messages_both_ways():
    many = list(range(5000))
    sampler = [many] * 12
    loader = data.DataLoader(
        Words(), batch_sampler=sampler, collate_fn=list, prefetch_factor=6, **FORK
    )
    assert sum(len(batch) for batch in loader) == 60_000


class Words(data.Dataset):
    def __getitem__(self, index):
        return f"word {index}" * 3


def test_batches_that_are_kept_stay_as_they_are():
    batches = list(data.DataLoader(Numbers(), batch_size=2, **FORK))
    for rows, label in batches:
        assert rows.tolist() == [[number] * 1000 for number in label.tolist()]


def test_memory_is_used_again():
    loader = data.DataLoader(Numbers(count=200), batch_size=2, **FORK)
    iterator = iter(loader)
    for _ in itertools.islice(iterator, 90):
        pass
    assert all(len(worker.reader.watch) <= 2 for worker in iterator._crew)
    files = [os.fstat(worker.file.descriptor).st_blocks for worker in iterator._crew]
    assert max(files) * 512 < 10 * 8192 + 65536


def test_a_batch_that_other_workers_inherit_is_held_while_they_live():
    first = data.DataLoader(Numbers(), batch_size=2, persistent_workers=True, **FORK)
    iterator = iter(first)
    batch = next(iterator)
    reader = next(worker.reader for worker in iterator._crew if worker.reader.watch)
    second = iter(data.DataLoader([batch[0]] * 3, **FORK))
    del batch, first
    assert len(reader.watch) == 1 and not reader.released
    assert [rows[0, 1, 0].item() for rows in second] == [1, 1, 1]
    del second
    assert not reader.watch and len(reader.released) == 1


def test_a_collate_fn_that_keeps_its_batches():
    kept = []

    def collate(samples):
        kept.append(data.default_collate(samples))
        return kept[0]

    loader = data.DataLoader(Numbers(), batch_size=2, collate_fn=collate, **FORK)
    assert labels(loader) == [[0, 1], [2, 3]] * 8


# ---- what goes wrong


@pytest.fixture
def started():
    """The worker processes alive that the test has started."""
    before = set(multiprocessing.active_children())
    return lambda: set(multiprocessing.active_children()) - before


def test_an_error_shows_the_workers_traceback_and_the_index(torch):
    def hook(index):
        if index == 7:
            raise ValueError("seven")

    text = r"(?s)Caught ValueError in DataLoader worker process 1.*batch 1 of.*Original Traceback"
    with pytest.raises(ValueError, match=text) as caught:
        list(data.DataLoader(Numbers(hook), batch_size=4, **FORK))
    message = str(caught.value)
    assert 'raise ValueError("seven")' in message and "while fetching index 7 of Numbers" in message
    assert "wengert/data" not in message
    theirs = torch.utils.data.DataLoader(Numbers(hook, library=torch), batch_size=4, **FORK)
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 1"):
        list(theirs)


def test_iteration_goes_on_after_an_error():
    def hook(index):
        if index == 5:
            raise KeyError("five")

    iterator = iter(data.DataLoader(Numbers(hook, 16), batch_size=4, **FORK))
    found = []
    while True:
        try:
            found.append(next(iterator)[1][0].item())
        except KeyError as error:
            assert "\n" in repr(error)
            found.append("error")
        except StopIteration:
            break
    assert found == [0, "error", 8, 12]


def test_errors_that_take_more_than_a_message_or_cannot_be_pickled():
    class Local(Exception):
        pass

    for kind, make in ((RuntimeError, Local), (UnicodeDecodeError, None)):

        def hook(index, make=make):
            raise make("mine") if make else UnicodeDecodeError("utf8", b"x", 0, 1, "bad")

        with pytest.raises(RuntimeError, match="Caught") as caught:
            list(data.DataLoader(Numbers(hook), **FORK))
        assert type(caught.value) is RuntimeError and kind


def test_a_batch_that_cannot_be_pickled():
    loader = data.DataLoader(Numbers(), collate_fn=lambda samples: lambda: samples, **FORK)
    with pytest.raises(Exception, match="could not be sent to the parent process"):
        next(iter(loader))


def test_a_graph_in_a_batch():
    leaf = wengert.ones(2000, requires_grad=True)
    loader = data.DataLoader([leaf, leaf], collate_fn=lambda samples: samples[0] * 2, **FORK)
    with pytest.raises(RuntimeError, match="graphs do not cross processes"):
        next(iter(loader))


@pytest.mark.parametrize("where", ["worker_init_fn", "__iter__"])
def test_an_error_before_the_first_sample(where):
    class Bad(data.IterableDataset):
        def __iter__(self):
            raise ZeroDivisionError("no start")

    def init(number):
        raise ZeroDivisionError("no start")

    if where == "__iter__":
        loader = data.DataLoader(Bad(), **FORK)
    else:
        loader = data.DataLoader(Numbers(), worker_init_fn=init, **FORK)
    with pytest.raises(ZeroDivisionError, match="no start"):
        next(iter(loader))


def test_a_killed_worker_is_named_at_once(started):
    def hook(index):
        if index == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 2:
            time.sleep(30)

    begin = time.monotonic()
    text = r"worker 1 \(pid \d+\) is killed by signal: Killed \(SIGKILL, 9\)"
    with pytest.raises(RuntimeError, match=text):
        list(data.DataLoader(Numbers(hook), sampler=[2, 4, 6], **FORK))
    assert time.monotonic() - begin < 10  # the other worker sleeps for 30
    assert started() == set()


def test_a_worker_that_exits(started):
    def hook(index):
        if index == 4:
            os._exit(3)

    with pytest.raises(RuntimeError, match="exited unexpectedly with exit code 3"):
        list(data.DataLoader(Numbers(hook), **FORK))
    assert started() == set()


def test_a_worker_killed_between_batches(started):
    loader = data.DataLoader(Numbers(), batch_size=2, persistent_workers=True, **FORK)
    iterator = iter(loader)
    next(iterator)
    os.kill(iterator._crew[0].process.pid, signal.SIGTERM)
    with pytest.raises(RuntimeError, match=r"worker 0 .*\(SIGTERM, 15\)"):
        list(iterator)
    assert list(iterator) == [] and started() == set()
    assert len(labels(loader)) == 16  # the next pass hires again


def test_a_batch_that_takes_too_long(torch):
    def hook(index):
        if index == 2:
            time.sleep(1.0)

    for library in (torch, wengert):
        dataset = Numbers(hook, 4, library=library)
        loader = library.utils.data.DataLoader(dataset, timeout=0.2, **FORK)
        with pytest.raises(RuntimeError, match="timed out after 0.2 seconds"):
            list(loader)
    iterator = iter(data.DataLoader(Numbers(hook, 4), timeout=0.3, **FORK))
    found = []
    while len(found) < 4:
        try:
            found.append(next(iterator)[1].item())
        except RuntimeError as error:
            assert "worker 0" in str(error) and "batch 2" in str(error)
    assert found == [0, 1, 2, 3]


def test_a_prefetch_factor_of_zero():
    with pytest.raises(AssertionError, match="prefetch_factor must be greater than 0"):
        iter(data.DataLoader([1], num_workers=1, prefetch_factor=0))


@pytest.mark.parametrize("how", ["exhausted", "left early", "failed", "killed", "dropped"])
def test_nothing_is_left(how, started):
    def hook(index):
        if how == "failed" and index == 5:
            raise ValueError
        if how == "killed" and index == 5:
            os.kill(os.getpid(), signal.SIGKILL)

    def descriptors():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    list(data.DataLoader(Numbers(), **FORK))  # whatever is opened once for ever
    shm = os.listdir("/dev/shm") if os.path.isdir("/dev/shm") else []
    before = descriptors()
    loader = data.DataLoader(Numbers(hook), persistent_workers=how == "dropped", **FORK)
    iterator = iter(loader)
    pids = [worker.process.pid for worker in iterator._crew]
    try:
        for number in range(100):
            next(iterator)
            if number == 3 and how == "left early":
                break
    except (StopIteration, ValueError, RuntimeError):
        pass
    del iterator, loader
    assert started() == set() and not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    assert descriptors() == before
    assert (os.listdir("/dev/shm") if os.path.isdir("/dev/shm") else []) == shm


def test_a_fork_does_not_stop_the_workers_of_its_parent():
    loader = data.DataLoader(Numbers(), batch_size=2, **FORK)
    iterator = iter(loader)
    next(iterator)
    child = multiprocessing.get_context("fork").Process(target=functools.partial(leave, iterator))
    child.start()
    child.join()
    assert child.exitcode == 0 and len(list(iterator)) == 15


def leave(iterator):
    iterator.close()
    sys.exit(0)


# ---- whole programs

PROGRAM = """
import multiprocessing, os, sys, time
import wengert as torch

class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 1000

    def __getitem__(self, index):
        time.sleep(0.02)
        return torch.ones(1000)

if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(
        Slow(), batch_size=2, num_workers=2, persistent_workers=True, multiprocessing_context="fork"
    )
    try:
        for number, batch in enumerate(loader):
            if number == 1:
                print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    except KeyboardInterrupt:
        if "catch" not in sys.argv:
            raise
        print("saved", flush=True)
"""


def gone(pids, seconds):
    """Whether the processes end within this time."""
    deadline = time.monotonic() + seconds
    while alive := [pid for pid in pids if os.path.exists(f"/proc/{pid}")]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return not alive


@pytest.fixture
def program(tmp_path):
    """Starts the program in a process group of its own, as a terminal does."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    pipe = subprocess.PIPE

    def start(*words):
        command = [sys.executable, str(path), *words]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
        pids = process.stdout.readline().split()
        assert len(pids) == 2
        return process, pids

    return start


@pytest.mark.parametrize("word", ["raise", "catch"])
def test_ctrl_c_ends_cleanly(program, word):
    process, pids = program(word)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert gone(pids, 0)
    if word == "catch":
        assert (process.returncode, out, err) == (0, "saved\n", "")
    else:
        assert process.returncode in (-signal.SIGINT, 130)
        assert err.count("Traceback") == 1 and err.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_go_when_their_parent_is_killed(program, number):
    process, pids = program("raise")
    process.send_signal(number)
    process.communicate(timeout=30)
    assert gone(pids, 10)
