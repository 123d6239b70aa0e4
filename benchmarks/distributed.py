"""DDP and all-reduce beside PyTorch's on gloo, in alternating rounds of the same processes:

    wengertrun --nproc-per-node 2 --no-python python benchmarks/distributed.py

Prints the least and the median time of local and of DDP steps, and of all-reduces.
"""

import os
import statistics
import sys
import time

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import torch  # noqa: E402
import torch.distributed  # noqa: E402

import wengert  # noqa: E402
import wengert.distributed  # noqa: E402

KINDS = ("DDP", "DDP views")
ROUNDS = int(os.environ.get("ROUNDS", "8"))


def mlp(T):
    """5.15 million parameters."""
    nn = T.nn
    return nn.Sequential(
        nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 1536), nn.ReLU(), nn.Linear(1536, 256),
        nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip


def cnn(T):
    """0.21 million parameters."""
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 128), nn.ReLU(),
        nn.Linear(128, 10),
    )  # fmt: skip


def stepper(T, make, shape, kind):
    """One training step: local, DDP, or DDP with gradients that are views of buckets."""
    T.manual_seed(0)
    net = make(T)
    if kind != "local":
        views = kind == "DDP views"
        net = T.nn.parallel.DistributedDataParallel(net, gradient_as_bucket_view=views)
    optimizer = T.optim.SGD(net.parameters(), lr=0.01)
    x, y = T.randn(*shape), T.randint(0, 10, (shape[0],))

    def step():
        optimizer.zero_grad()
        T.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def race(ways, repeat):
    """way -> (least, median) milliseconds; the ranks start each round together."""
    times = {name: [] for name in ways}
    for f in ways.values():
        for _ in range(3):
            f()
    for _ in range(ROUNDS):
        for name, f in ways.items():
            wengert.distributed.barrier()
            for _ in range(repeat):
                start = time.perf_counter()
                f()
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: (min(t), statistics.median(t)) for name, t in times.items()}


def main():
    for T in (wengert, torch):
        T.set_num_threads(1)
    wengert.distributed.init_process_group("gloo")
    rank, size = wengert.distributed.get_rank(), wengert.distributed.get_world_size()
    os.environ["MASTER_PORT"] = str(int(os.environ["MASTER_PORT"]) + 1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=size)
    say = sys.stdout.write if rank == 0 else lambda text: None
    for name, make, shape in (
        ("MLP 5.15 M, batch 8", mlp, (8, 784)),
        ("CNN 0.21 M, batch 32", cnn, (32, 1, 28, 28)),
    ):
        ways = {
            f"{T.__name__} {kind}": stepper(T, make, shape, kind)
            for T in (wengert, torch)
            for kind in ("local", *KINDS)
        }
        found = race(ways, 5)
        say(f"{name}: " + ", ".join(f"{k} {a:.1f} / {b:.1f} ms" for k, (a, b) in found.items()))
        for i, which in ((0, "least"), (1, "median")):
            for kind in KINDS:
                a, b = (
                    found[f"{e} {kind}"][i] - found[f"{e} local"][i] for e in ("wengert", "torch")
                )
                say(f"\n  overhead of {kind}, {which}: {a:.2f} : {b:.2f} = {a / b:.2f}")
        say("\n")
    for nbytes in (1 << 10, 1 << 16, 4 << 20):
        ours, theirs = wengert.zeros(nbytes // 4), torch.zeros(nbytes // 4)
        ways = {
            "wengert": lambda t=ours: wengert.distributed.all_reduce(t),
            "gloo": lambda t=theirs: torch.distributed.all_reduce(t),
        }
        found = race(ways, 100 if nbytes < 1 << 17 else 10)
        text = ", ".join(f"{k} {a * 1e3:.1f} / {b * 1e3:.1f} us" for k, (a, b) in found.items())
        say(f"all-reduce of {nbytes} bytes: {text}\n")
    wengert.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
