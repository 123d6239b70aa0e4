"""The reducer and DistributedDataParallel on virtual ranks: order, deadlocks, time, failures."""

import random
from itertools import product

import numpy as np
import pytest
from distributed.virtual_ranks import Failure, Killed, Network, World

import wengert as torch
from wengert import nn
from wengert.distributed.reducer import Reducer
from wengert.nn.parallel import DistributedDataParallel as DDP

KINDS = [torch.float32, torch.float32, torch.float64]


def random_loss(params, rng):
    """A random graph over parameters: sums, products and scalings of some of them, in some order,
    some more than once. Returns it with the numbers of those that it uses.
    """
    used = [i for i in range(len(params)) if rng.random() < 0.8] or [0]
    order = used + rng.sample(used, rng.randrange(len(used) + 1))
    rng.shuffle(order)
    terms = [params[i].sum().to(torch.float64) * rng.randrange(1, 4) for i in order]
    while len(terms) > 1:
        a, b = terms.pop(rng.randrange(len(terms))), terms.pop(rng.randrange(len(terms)))
        terms.append(a + b if rng.random() < 0.5 else a - 2 * b)
    return terms[0], set(used)


def one_graph(seed):
    """A random model on random graphs, which differ from rank to rank and step to step."""
    rng = random.Random(seed)
    n = rng.choice([2, 3, 8])
    shapes = [rng.randrange(1, 9) for _ in range(rng.randrange(1, 7))]
    dtypes = [rng.choice(KINDS) for _ in shapes]
    cap, views = rng.choice([1, 16, 64, 1 << 20]), rng.random() < 0.5

    def program(rank, group, world):
        params = [torch.zeros(s, dtype=d, requires_grad=True) for s, d in zip(shapes, dtypes)]
        named = [(str(i), p) for i, p in enumerate(params)]
        reducer = Reducer(named, group, cap, True, False, views)
        own, steps = random.Random(f"{seed} {rank}"), []
        for _ in range(2):
            for p in params:
                p.grad = None
            loss, used = random_loss(params, own)
            reducer.check_finished()
            reducer.prepare([loss])
            mine = torch.autograd.grad(loss, params, retain_graph=True, allow_unused=True)
            loss.backward()
            got = [None if p.grad is None else p.grad.numpy().copy() for p in params]
            steps.append((used, [None if g is None else g.numpy() for g in mine], got))
        return steps

    world = World(n, seed=seed)
    results = world.run(program)
    assert world.errors == [None] * n, (seed, world.errors)
    assert all(log == world.comms[0].log for log in world.logs()), seed
    for step in zip(*results):
        anywhere = set().union(*(used for used, _, _ in step))
        for i, shape in enumerate(shapes):
            every = [np.zeros(shape) if m[i] is None else m[i] for _, m, _ in step]
            for _, _, got in step:
                if i in anywhere:
                    np.testing.assert_allclose(got[i], sum(every) / n, rtol=1e-6, atol=1e-6)
                else:
                    assert got[i] is None, seed


@pytest.mark.parametrize("part", range(4))
def test_random_graphs(part):
    """1,000 in all: the same operations in the same order on all ranks, no deadlock, averages."""
    for seed in range(250 * part, 250 * part + 250):
        one_graph(seed)


class Takes(torch.autograd.Function):
    """The identity, whose backward pass takes a while."""

    @staticmethod
    def forward(ctx, x, rank, world, seconds):
        ctx.told = rank, world, seconds
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        rank, world, seconds = ctx.told
        world.compute(rank, seconds)
        return g, None, None, None


LAYERS, SIZE, EACH = 12, 256, 1e-3  # layers, elements of each, seconds of each in backward


@pytest.mark.parametrize(
    ("n", "algorithm", "share"),
    [*product((8, 64), ("ring", "halving"), (0.3, 2.0)), (1024, "ring", 2.0),
     (1024, "halving", 0.3)],
)  # fmt: skip
def test_exposed_time(n, algorithm, share):
    """How long a pass waits at its end, against the closed form. share: of a layer's own time that
    its gradient takes on the network.
    """
    nbytes, together = SIZE * 4, 3
    bandwidth = 2 * (n - 1) / n * nbytes / (EACH * share / 2)
    messages = Network(algorithm, 1.0, 1e30).alone(n, 0)
    network = Network(algorithm, EACH * share / 2 * together / messages, bandwidth)

    class Net(nn.Module):
        def __init__(self, rank, world):
            super().__init__()
            self.weights = nn.ParameterList([torch.ones(SIZE) for _ in range(LAYERS)])
            self.told = rank, world

        def forward(self, x):
            for w in self.weights:
                x = Takes.apply(x * w, *self.told, EACH)
            return x

    def program(rank, group, world):
        cap = together * nbytes / 2**20
        net = DDP(Net(rank, world), process_group=group, bucket_cap_mb=cap, init_sync=False)
        loss = net(torch.full((SIZE,), float(rank % 2))).sum()
        start = world.clock[rank]
        loss.backward()
        assert float(net.module.weights[0].grad[0]) == 0.5
        return world.clock[rank] - start

    world = World(n, network)
    taken = world.run(program)
    assert world.errors == [None] * n
    cost = network.alone(n, together * nbytes)
    buckets = LAYERS // together
    ready = [together * EACH * (i + 1) for i in range(buckets)]
    exposed = max(at + (buckets - i) * cost for i, at in enumerate(ready)) - LAYERS * EACH
    assert exposed == pytest.approx(cost if share < 1 else 4 * cost - 9 * EACH)
    got = max(taken) - LAYERS * EACH
    assert got == pytest.approx(exposed, rel=0.05)


def train(kill=None):
    """Two steps of DDP on four ranks: the world, and the weights that each rank is left with."""
    hold = {}

    def program(rank, group, world):
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        with torch.no_grad():
            for i, p in enumerate(net.parameters()):
                p.copy_(torch.arange(p.numel()).view(p.shape) % 5 * 0.1 + i)
        hold[rank] = lambda: [p.detach().numpy().copy() for p in net.parameters()]
        ddp = DDP(net, process_group=group, bucket_cap_mb=6e-5, find_unused_parameters=True)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for step in range(2):
            optimizer.zero_grad()
            x = torch.arange(15.0).view(5, 3) * (rank + step + 1) % 7
            ddp(x).square().mean().backward()
            optimizer.step()

    world = World(4, kill=kill, seed=0 if kill is None else kill[1])
    world.run(program)
    return world, [hold[r]() for r in range(4)]


def test_failure_at_every_collective():
    """Whichever collective a rank dies at: the others are all where a whole step ended."""
    whole, last = train()
    assert whole.errors == [None] * 4
    count = len(whole.comms[0].log)
    assert count > 10
    seen = [last[0]]  # states at the ends of steps
    for number in range(count):
        for when in ("before", "after"):
            rank = number % 4
            world, weights = train((rank, number, when))
            others = [weights[r] for r in range(4) if r != rank]
            assert isinstance(world.errors[rank], Killed)
            for w in others:
                assert all(np.array_equal(a, b) for a, b in zip(w, others[0])), (number, when)
            if not any(all(map(np.array_equal, s, others[0])) for s in seen):
                seen.append(others[0])
            stopped = [world.errors[r] is not None for r in range(4) if r != rank]
            assert len(set(stopped)) == 1, (number, when)
    assert len(seen) == 3  # at the start, after one step, after two


def test_uneven_batches():
    """Join on 16 ranks with 0 to 5 batches each ends, on all in the same way."""

    def program(rank, group, world):
        net = nn.Linear(2, 1)
        ddp = DDP(net, process_group=group)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with ddp.join():
            for _ in range(rank * 7 % 6):
                optimizer.zero_grad()
                ddp(torch.ones(1, 2)).sum().backward()
                optimizer.step()
        return net.weight.detach().numpy().copy()

    world = World(16, seed=3)
    weights = world.run(program)
    assert world.errors == [None] * 16
    assert all(np.array_equal(w, weights[0]) for w in weights)
    assert all(log == world.comms[0].log for log in world.logs())


def test_what_is_wrong_is_said():
    """Another order of collectives, and one too many, end in errors instead of waiting."""

    def program(rank, group, world):
        torch.distributed.all_reduce(torch.ones(2 + (rank == 1)), group=group)

    world = World(3)
    world.run(program)
    assert any("posts allreduce" in str(e) for e in world.errors)
    assert all(isinstance(e.__cause__, Failure) for e in world.errors)

    def longer(rank, group, world):
        for _ in range(2 + (rank == 0)):
            torch.distributed.all_reduce(torch.ones(2), group=group)

    world = World(3)
    world.run(longer)
    assert "no rank can go on: rank 0 waits for allreduce" in str(world.errors[0])
    assert world.errors[1:] == [None, None]
