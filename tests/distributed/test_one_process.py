"""A world of one process: needs no MPI, and every collective is the identity."""

import subprocess
import sys
from datetime import timedelta

import pytest
from launching import environment

import wengert
import wengert.distributed as dist


@pytest.fixture
def world():
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


def test_importing_starts_nothing():
    code = "import wengert, sys; wengert.distributed; sys.exit('mpi4py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0


def test_facts(world):
    assert dist.is_initialized() and dist.is_available()
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    assert dist.group.WORLD is dist.GroupMember.WORLD is not None
    assert dist.new_group([0]).size() == 1
    assert dist.get_pg_count() == 2


def test_backends_of_devices():
    for name in ("gloo", "nccl", "undefined", "cpu:gloo,cuda:nccl"):
        torch = pytest.importorskip("torch.distributed")
        here = dist.BackendConfig(dist.Backend(name))
        there = torch.BackendConfig(torch.Backend(name))
        assert repr(here) == repr(there), name
        assert here.get_device_backend_map() == there.get_device_backend_map()
    with pytest.raises(ValueError, match="Duplicate device type cpu"):
        dist.BackendConfig("cpu:gloo,cpu:mpi")
    with pytest.raises(ValueError, match="Invalid device:backend pairing"):
        dist.BackendConfig("cpu:gloo:mpi")


def test_options_of_operations():
    torch = pytest.importorskip("torch.distributed.distributed_c10d")
    from wengert.distributed import distributed_c10d as here

    for name in (n for n in dir(torch) if n.endswith("Options") and hasattr(here, n)):
        there = getattr(torch, name)()
        for k in (k for k in dir(there) if not k.startswith("_") and k != "reduceOp"):
            assert getattr(getattr(here, name)(), k) == getattr(there, k), (name, k)


def test_a_way_to_meet_of_ones_own():
    def meet(url):
        assert url == "own://somewhere?rank=0&world_size=1"
        yield dist.HashStore(), 0, 1

    dist.register_rendezvous_handler("own", meet)
    with pytest.raises(RuntimeError, match="already registered"):
        dist.register_rendezvous_handler("own", meet)
    dist.init_process_group("gloo", init_method="own://somewhere", rank=0, world_size=1)
    assert dist.get_world_size() == 1
    dist.destroy_process_group()
    with pytest.raises(RuntimeError, match="No rendezvous handler"):
        dist.init_process_group("gloo", init_method="other://somewhere", rank=0, world_size=1)


def test_shrinking_asks_for_ranks(world):
    for ranks, text in (([], "must name"), ([0, 0], "must name"), ([1], "within"), ([0], "left")):
        with pytest.raises(ValueError, match=text):
            dist.shrink_group(ranks)


def test_collectives(world):
    x = wengert.arange(3.0)
    for f in (dist.all_reduce, lambda t: dist.broadcast(t, 0), lambda t: dist.reduce(t, 0)):
        f(x)
    out = [wengert.zeros(3)]
    dist.all_gather(out, x)
    part, swapped, scattered = wengert.zeros(3), wengert.zeros(3), wengert.zeros(3)
    dist.reduce_scatter_tensor(part, x)
    dist.all_to_all_single(swapped, x)
    dist.scatter(scattered, [x], 0)
    for t in (x, out[0], part, swapped, scattered):
        assert t.tolist() == [0, 1, 2]
    average = wengert.tensor([7, 8])
    work = dist.all_reduce(average, dist.ReduceOp.AVG, async_op=True)
    assert work.get_future().then(lambda f: f.value()[0].sum().item()).wait() == 15
    objects = [None]
    dist.all_gather_object(objects, {"a": 1})
    assert objects == [{"a": 1}]
    dist.barrier()
    dist.monitored_barrier(timeout=timedelta(seconds=1))


def test_what_is_missing_is_said(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="environment variable RANK expected.*wengertrun"):
        dist.init_process_group("gloo")
    with pytest.raises(ValueError, match="Invalid backend: 'gluo'"):
        dist.init_process_group("gluo", rank=0, world_size=1)
    with pytest.raises(ValueError, match="has not been initialized"):
        dist.all_reduce(wengert.ones(1))
    with pytest.raises(ValueError, match="rank and world_size must be given"):
        dist.init_process_group("gloo", store=dist.HashStore())
    assert not dist.is_initialized()


def test_without_mpi4py_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'wengert\[mpi\]'"):
        dist.init_process_group("gloo", "tcp://127.0.0.1:1", rank=0, world_size=2)


def test_a_rank_that_does_not_come_is_named():
    pytest.importorskip("mpi4py")
    with pytest.raises(dist.DistNetworkError, match=r"ranks that have not come: \[1, 2\]"):
        dist.init_process_group(
            "gloo", "tcp://127.0.0.1:0".replace(":0", f":{_port()}"), rank=0, world_size=3,
            timeout=timedelta(seconds=0.3),
        )  # fmt: skip
    with pytest.raises(dist.DistNetworkError, match="failed to connect"):
        dist.init_process_group(
            "gloo", f"tcp://127.0.0.1:{_port()}", rank=1, world_size=2,
            timeout=timedelta(seconds=0.3),
        )  # fmt: skip


def _port():
    from wengert.distributed.agent import free_port

    return free_port()


def test_names_are_pytorchs(torch):
    for name in dir(torch.distributed.ReduceOp):
        if name.isupper():
            assert hasattr(dist.ReduceOp, name), name
    assert str(dist.Backend("GLOO")) == str(torch.distributed.Backend("GLOO"))
    assert dist.default_pg_timeout == torch.distributed.default_pg_timeout
