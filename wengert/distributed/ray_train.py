"""Ray Train's trainer for functions that use torch.distributed: workers are placed, watched,
started again and, where asked for, come and go as Ray Train does it.

Importing this needs `ray[train]`. Commands are started by `wengertrun --launcher ray` (`ray.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

try:
    import ray
    from ray.train import ScalingConfig
    from ray.train.backend import Backend, BackendConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "wengert.distributed.ray_train needs Ray Train: pip install 'wengert[ray]'", name="ray"
    ) from error

from .agent import Job, free_port, told

__all__ = ["WengertConfig", "WengertTrainer"]


@dataclass
class WengertConfig(BackendConfig):
    """How workers meet: in init_process_group, as under wengertrun."""

    @property
    def backend_cls(self) -> type[Backend]:
        """What Ray Train calls."""
        return _Backend


def _tell(words: dict[str, str]) -> None:
    os.environ.update(words)


class _Backend(Backend):
    def on_start(self, worker_group: Any, backend_config: WengertConfig) -> None:
        port = worker_group.execute_single(0, free_port)
        nodes = worker_group.execute(ray.util.get_node_ip_address)
        hosts = list(dict.fromkeys(nodes))
        for rank, node in enumerate(nodes):
            here = [r for r, n in enumerate(nodes) if n == node]
            words = told(
                Job([], len(here)), 0, here.index(rank), nodes[0], port, 0
            ) | {
                "RANK": str(rank), "WORLD_SIZE": str(len(nodes)), "ROLE_RANK": str(rank),
                "ROLE_WORLD_SIZE": str(len(nodes)), "GROUP_RANK": str(hosts.index(node)),
                "GROUP_WORLD_SIZE": str(len(hosts)),
            }  # fmt: skip
            worker_group.execute_single(rank, _tell, words)


class WengertTrainer(DataParallelTrainer):
    """Runs a function on workers that Ray places; in it init_process_group() joins them.

    Args:
        train_loop_per_worker: called with train_loop_config, or without an argument.
        scaling_config: `ray.train.ScalingConfig(num_workers=...)`.
        options: as of ray.train's DataParallelTrainer: train_loop_config, run_config with its
            failure_config, datasets, ...

    `fit()` starts it and returns Ray's Result.
    """

    def __init__(
        self, train_loop_per_worker: Callable[..., Any], *, scaling_config: ScalingConfig,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            train_loop_per_worker, backend_config=WengertConfig(), scaling_config=scaling_config,
            **options,
        )  # fmt: skip
