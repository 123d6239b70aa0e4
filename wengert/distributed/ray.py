"""Ray as what starts ranks, on one machine or a cluster (the extra `ray`): it places them, sees
nodes die and starts again. What travels between ranks is carried as everywhere.

`wengertrun --launcher ray` runs a script; `WengertTrainer` is Ray Train's trainer of a function.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from .agent import INTERRUPTED, Failure, Job, die_with_parent, free_port, tell, told, tried

__all__ = ["run_job"]

PLACES = 60.0  # seconds to wait for a cluster that has enough processors in all, but busy ones


def load() -> Any:
    """The library. ModuleNotFoundError says what to install."""
    try:
        import ray
    except ImportError as e:
        raise ModuleNotFoundError(
            f"ranks on Ray need it: pip install 'wengert[mpi,ray]' ({e})", name="ray"
        ) from e
    return ray


class Rank:
    """The actor of a rank: runs its command in a process that ends with the actor."""

    def where(self) -> tuple[str, int]:
        """The node's address, and a free port there."""
        import ray

        return ray.util.get_node_ip_address(), free_port()

    def run(self, command: list[str], env: dict[str, str], folder: str) -> tuple[int, int]:
        """(pid, exit code as Popen has it) of the command once it has ended."""
        process = subprocess.Popen(
            command, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
            cwd=folder if os.path.isdir(folder) else None,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )  # fmt: skip
        return process.pid, process.wait()


def run_job(job: Job) -> int:
    """Run a job's ranks as actors, each with a processor: those of a host together, hosts on nodes
    of their own. All start again after a failure as often as the job may. Returns the exit code.
    """
    ray = load()
    size = job.hosts * job.ranks_here
    started = not ray.is_initialized()
    if started:
        here = "RAY_ADDRESS" not in os.environ and job.hosts == 1
        options = {"num_cpus": max(size, os.cpu_count() or 1)} if here else {"address": "auto"}
        ray.init(**options, include_dashboard=False, log_to_driver=True)
    try:
        return tried(job.restarts, lambda attempt: _attempt(ray, job, attempt))
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    finally:
        if started:
            ray.shutdown()


def _attempt(ray: Any, job: Job, attempt: int) -> Failure | str | None:
    """Run all ranks once; None if all end well, else what went wrong first."""
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    hosts = placement_group(
        [{"CPU": job.ranks_here}] * job.hosts,
        strategy="STRICT_SPREAD" if job.hosts > 1 else "STRICT_PACK",
    )
    actors: list[Any] = []
    try:
        if not hosts.wait(PLACES):
            return (
                f"the cluster has no room for {job.hosts} hosts with {job.ranks_here} processors "
                f"each: it has {ray.cluster_resources().get('CPU', 0):.0f}, of which "
                f"{ray.available_resources().get('CPU', 0):.0f} are free"
            )
        actor = ray.remote(num_cpus=1, max_restarts=0)(Rank)
        for host in range(job.hosts):
            place = PlacementGroupSchedulingStrategy(hosts, placement_group_bundle_index=host)
            actors += [
                actor.options(scheduling_strategy=place).remote() for _ in range(job.ranks_here)
            ]
        address, port = ray.get(actors[0].where.remote())
        runs = {}
        for rank, a in enumerate(actors):
            host, local = divmod(rank, job.ranks_here)
            env = told(job, host, local, address, port, attempt)
            runs[a.run.remote(list(job.command), env, os.getcwd())] = rank
        while runs:
            ready, _ = ray.wait(list(runs))
            for run in ready:
                rank = runs.pop(run)
                try:
                    pid, code = ray.get(run)
                except ray.exceptions.RayError as e:
                    return f"the worker of rank {rank} is lost: {str(e).splitlines()[0]}"
                if code:
                    return Failure(rank, pid, code)
        return None
    finally:
        for a in actors:
            ray.kill(a)
        remove_placement_group(hosts)
