"""Remote calls between three processes: run by the tests."""

import gc
import os
import pickle
import sys
import threading
import time
from functools import partial

import torch
import torch.distributed.autograd as dist_autograd
import torch.distributed.rpc as rpc
from torch import nn
from torch.distributed.nn import RemoteModule
from torch.distributed.optim import DistributedOptimizer

rank = int(os.environ["RANK"])
case = sys.argv[1]
state = {"count": 0, "waiting": torch.futures.Future()}


def raises(kind, text, f):
    try:
        f()
    except kind as e:
        assert text in str(e), (text, str(e))
    else:
        raise AssertionError(f"no {kind.__name__}: {text}")


def scaled(x, by=2):
    return x * by


def broken():
    raise KeyError("no such thing")


def on_the_way(x, hops):
    """A call that goes round the processes."""
    if not hops:
        return x
    to = (rpc.get_worker_info().id + 1) % 3
    return rpc.rpc_sync(to, on_the_way, (x + 1, hops - 1))


def slow(seconds):
    time.sleep(seconds)


def later():
    """Leaves work behind in another process."""
    rpc.rpc_async("w2", add, (1,))


def add(n):
    time.sleep(0.2)
    state["count"] += n


@rpc.functions.async_execution
def both(x):
    """Two callers wait for each other."""
    future = state["waiting"]
    if "first" in state:
        future.set_result(state.pop("first") + x)
        state["waiting"] = torch.futures.Future()
    else:
        state["first"] = x
    return future


def held():
    from wengert.distributed.rpc import reference

    gc.collect()
    return len(reference._held)


class Counter:
    def __init__(self, start):
        self.n = start

    def more(self, by=1):
        self.n += by
        return self.n

    @staticmethod
    @rpc.functions.async_execution
    def soon(x):
        f = torch.futures.Future()
        threading.Timer(0.05, f.set_result, (x + 1,)).start()
        return f


def value_of(ref):
    return ref.to_here().n


class Part(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return torch.tanh(self.layer(x))


def parameters(ref):
    return [rpc.RRef(p) for p in ref.local_value().parameters()]


def forward(ref, x):
    return ref.local_value()(x)


def calls():
    x = torch.arange(3.0)
    assert torch.equal(rpc.rpc_sync("w1", scaled, (x,), {"by": 3}), x * 3)
    assert rpc.rpc_sync(rpc.get_worker_info("w2"), max, (1, 2)) == 2
    futures = [rpc.rpc_async(1 + i % 2, scaled, (x, i)) for i in range(20)]
    assert all(torch.equal(f.wait(), x * i) for i, f in enumerate(futures))
    assert rpc.rpc_sync("w0", scaled, (1,)) == 2  # itself
    assert torch.equal(rpc.rpc_sync("w1", on_the_way, (x, 7)), x + 7)
    raises(KeyError, "On WorkerInfo(id=1, name=w1)", lambda: rpc.rpc_sync("w1", broken))
    raises(RuntimeError, "Unknown destination worker w7", lambda: rpc.rpc_sync("w7", max, (1, 2)))
    raises(
        RuntimeError, "set timeout (100 ms)", lambda: rpc.rpc_sync("w1", slow, (2,), timeout=0.1)
    )
    raises(RuntimeError, "sent by their names", lambda: rpc.rpc_sync("w1", lambda: 1))
    waiting = [rpc.rpc_async("w1", both, (i,)) for i in (3, 4)]
    assert [f.wait() for f in waiting] == [7, 7]
    big = torch.ones(1 << 20)
    assert torch.equal(rpc.rpc_sync("w2", scaled, (big,)), big * 2)


def references():
    ref = rpc.remote("w1", Counter, (5,))
    assert ref.owner().name == ref.owner_name() == "w1" and not ref.is_owner()
    assert ref.rpc_sync().more() == 6 and ref.rpc_async().more(by=2).wait() == 8
    assert ref.remote().more().to_here() == 9 and ref.confirmed_by_owner()
    assert ref.rpc_sync().soon(1) == 2
    assert ref.to_here().n == 9
    assert rpc.rpc_sync("w2", value_of, (ref,)) == 9  # a third process
    assert rpc.rpc_sync("w1", value_of, (ref,)) == 9
    raises(RuntimeError, "non-owner", ref.local_value)
    raises(RuntimeError, "only be pickled when using RPC", partial(pickle.dumps, ref))
    raises(KeyError, "no such thing", rpc.remote("w1", broken).to_here)
    mine = rpc.RRef(Counter(1))
    assert mine.is_owner() and mine.local_value().more() == 2
    assert rpc.rpc_sync("w2", value_of, (mine,)) == 2
    del ref
    until = time.monotonic() + 10
    gc.collect()  # errors keep the frames that they have passed
    while rpc.rpc_sync("w1", held) and time.monotonic() < until:
        time.sleep(0.02)
    assert rpc.rpc_sync("w1", held) == 0, "values that nobody refers to are kept"


def gradients():
    """Training over three processes against one."""
    parts = [rpc.remote(f"w{i}", Part, (i,)) for i in (1, 2)]
    here = Part(0)
    params = [p for r in parts for p in rpc.rpc_sync(r.owner(), parameters, (r,))]
    params += [rpc.RRef(p) for p in here.parameters()]
    optimizer = DistributedOptimizer(torch.optim.SGD, params, lr=0.1, momentum=0.9)
    one = [Part(0), Part(1), Part(2)]
    alone = torch.optim.SGD([p for m in one for p in m.parameters()], lr=0.1, momentum=0.9)
    torch.manual_seed(5)
    for _ in range(3):
        x = torch.randn(6, 4)
        with dist_autograd.context() as context:
            h = here(x)
            a = rpc.rpc_sync("w1", forward, (parts[0], h))
            b = rpc.rpc_sync("w2", forward, (parts[1], h + a))
            loss = (a * b + h).square().mean()
            dist_autograd.backward(context, [loss])
            found = dist_autograd.get_gradients(context)
            assert all(p.grad is None for p in here.parameters())
            optimizer.step(context)
        alone.zero_grad()
        h = one[0](x)
        a = one[1](h)
        b = one[2](h + a)
        (a * b + h).square().mean().backward()
        for p, q in zip(here.parameters(), one[0].parameters()):
            assert torch.allclose(found[p], q.grad, atol=1e-6)
        alone.step()
    for r, p in zip(params, [q for i in (1, 2, 0) for q in one[i].parameters()]):
        assert torch.allclose(r.to_here(), p, atol=1e-6)
    raises(
        RuntimeError,
        "Could not find autograd context",
        lambda: dist_autograd.get_gradients(context),
    )
    far = RemoteModule("w1/cpu", nn.Linear, (4, 2))
    assert far(torch.ones(1, 4)).shape == (1, 2) and len(far.remote_parameters()) == 2
    assert far.forward_async(torch.ones(3, 4)).wait().shape == (3, 2)


rpc.init_rpc(f"w{rank}", rank=rank, world_size=3)
if case == "work":
    if rank == 0:
        calls()
        references()
        gradients()
        rpc.rpc_sync("w1", later)
    rpc.shutdown()
    assert state["count"] == (1 if rank == 2 else 0), "shutdown did not wait"
elif case == "kill":
    if rank == 2:
        time.sleep(0.3)
        os.kill(os.getpid(), 9)
    if rank == 0:
        sys.stdout.write("ready\n")
        raises(RuntimeError, "WorkerInfo(id=2, name=w2)", lambda: rpc.rpc_sync("w2", slow, (60,)))
        sys.stdout.write("named\n")
        sys.stdout.flush()
    rpc.shutdown()
sys.stdout.write(f"rank {rank}: all well\n")
