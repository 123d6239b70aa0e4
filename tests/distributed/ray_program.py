"""Ray Train's trainer with two workers, the second of which fails once: run by the tests."""

import os
import sys
from pathlib import Path

import ray
import ray.train

import wengert as torch
import wengert.distributed as dist
from wengert.distributed.ray_train import WengertTrainer

folder = Path(sys.argv[1])


def train(config):
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    if rank == 1 and not (folder / "failed").exists():
        (folder / "failed").touch()
        raise ValueError("broken batch")
    net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 1))
    net(torch.full((2, 3), rank + config["add"])).sum().backward()
    found = f"{net.module.weight.grad[0, 0].item()} local {os.environ['LOCAL_RANK']}"
    (folder / f"rank{rank}").write_text(found)


ray.init(num_cpus=3, include_dashboard=False)
WengertTrainer(
    train, train_loop_config={"add": 1.0},
    scaling_config=ray.train.ScalingConfig(num_workers=2),
    run_config=ray.train.RunConfig(
        storage_path=str(folder / "runs"),
        failure_config=ray.train.FailureConfig(max_failures=1),
    ),
).fit()  # fmt: skip
