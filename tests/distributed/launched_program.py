"""Says who it is; fails in the first attempt if asked to. For the tests of wengertrun and spawn."""

import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def child(i, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=i, world_size=2)
    x = torch.full((2,), i + 1.0)
    dist.all_reduce(x)
    assert x.tolist() == [3, 3]
    say("child", i)
    if port < 0:
        raise RuntimeError("unreachable")
    dist.destroy_process_group()


def main():
    what = sys.argv[1]
    if what == "spawn":
        mp.spawn(child, (int(sys.argv[2]),), nprocs=2)
        return
    dist.init_process_group()
    x = torch.ones(300_000)
    dist.all_reduce(x)
    board = dist.group.WORLD.board is not None
    env = os.environ.get
    say("rank", env("RANK", env("PMI_RANK")), "local", env("LOCAL_RANK"), "sum", x.sum().item(),
        "board", board, "attempt", env("TORCHELASTIC_RESTART_COUNT"), sys.argv[1:])  # fmt: skip
    if what == "fail" and env("TORCHELASTIC_RESTART_COUNT") == "0" and dist.get_rank() == 1:
        sys.exit(5)
    dist.barrier()


if __name__ == "__main__":
    main()
