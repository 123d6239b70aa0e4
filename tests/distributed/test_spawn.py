"""Processes that run a function with their number, and tensors that they share."""

import multiprocessing
import os

import pytest

import wengert as w
import wengert.multiprocessing as mp

pytestmark = pytest.mark.skipif(os.name == "nt", reason="shared memory needs POSIX")


def add_one(rank, model, queue=None):
    with w.no_grad():
        model.weight[rank] += rank + 1
    if queue is not None:
        queue.put(w.full((2,), float(rank)))


def fail(rank):
    if rank == 1:
        raise ValueError("on purpose")


def test_shared_parameters_are_changed_by_all():
    model = w.nn.Linear(1, 2).share_memory()
    assert model.weight.is_shared() and not w.ones(1).is_shared()
    before = model.weight.detach().clone()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=add_one, args=(r, model, queue)) for r in range(2)]
    for p in processes:
        p.start()
    got = sorted(queue.get(timeout=60).tolist() for _ in processes)
    for p in processes:
        p.join(60)
    assert got == [[0.0, 0.0], [1.0, 1.0]]
    assert (model.weight - before).flatten().tolist() == pytest.approx([1.0, 2.0])


def test_views_of_shared_tensors_stay_views():
    x = w.arange(6.0).share_memory_()
    again = mp.Pipe()
    again[0].send(x[2:])
    view = again[1].recv()
    view[0] = 9
    assert x[2].item() == 9 and view.tolist() == [9.0, 3.0, 4.0, 5.0]


def test_an_error_is_raised_again_with_its_traceback():
    with pytest.raises(mp.ProcessRaisedException, match="on purpose") as error:
        mp.start_processes(fail, nprocs=2, start_method="fork")
    assert error.value.error_index == 1
    with pytest.raises(RuntimeError, match="Cowardly"):
        from wengert.api.sharing import reduce_tensor

        reduce_tensor(w.ones(1, requires_grad=True) * 2)
