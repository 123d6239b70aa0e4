"""wengertrun, which is torchrun here: starts a script on several processes and watches them.

`wengertrun --nproc-per-node 2 SCRIPT ARGS`; also `python -m wengert.distributed.run`. What the
processes do to find each other is in `rendezvous.py`; starting and watching them is in `agent.py`.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from .agent import Agent, Job
from .errors import DistNetworkError
from .store import TCPStore

__all__ = ["get_args_parser", "main", "parse_args", "run"]

RENDEZVOUS = ("static", "c10d")


def _both(name: str) -> list[str]:
    """A flag with dashes and, as older scripts have it, with underscores."""
    return list(dict.fromkeys([f"--{name}", f"--{name.replace('-', '_')}"]))


# of torchrun's, what has nothing to act on here
ACCEPTED = (
    "local-addr", "logs-specs", "event-log-handler", "numa-binding", "shutdown-timeout",
    "signals-to-handle", "duplicate-stdout-filters",
    "duplicate-stderr-filters",
)  # fmt: skip


def get_args_parser() -> argparse.ArgumentParser:
    """The parser of wengertrun's command line, which is torchrun's."""
    parser = argparse.ArgumentParser(
        "wengertrun", description="Start a training script on several processes and watch them."
    )

    def add(name: str, default: object, text: str, **more: object) -> None:
        parser.add_argument(*_both(name), default=default, help=text, **more)  # type: ignore[arg-type]

    add("launcher", "local", "local, or ray: on a Ray cluster", choices=["local", "ray"])
    add("nnodes", "1", "number of hosts; of MIN:MAX, MIN is taken")
    add("nproc-per-node", "1", "processes on each host: a number, auto, cpu or gpu")
    add("rdzv-backend", "static", f"how hosts meet: {' or '.join(RENDEZVOUS)}")
    add("rdzv-endpoint", "", "HOST:PORT where they meet")
    add("rdzv-id", "none", "the name of the job")
    add("rdzv-conf", "", "accepted: KEY=VALUE,..")
    add("max-restarts", 0, "starts after a failure", type=int)
    add("monitor-interval", 0.05, "seconds between looks at the processes", type=float)
    add("start-method", "spawn", "accepted", choices=["spawn", "fork", "forkserver"])
    add("role", "default", "a name for the processes")
    add("log-dir", None, "where -r writes")
    add("node-rank", 0, "the number of this host, from 0", type=int)
    add("master-addr", "127.0.0.1", "host 0's name or address")
    add("master-port", 0, "a free port there (29500 with several hosts)", type=int)
    for name, text in (
        ("standalone", "one host, and a free port"),
        ("no-python", "SCRIPT is a program, not run by Python"),
        ("run-path", "accepted: scripts are run as __main__ anyhow"),
    ):
        parser.add_argument(*_both(name), action="store_true", help=text)
    parser.add_argument("-m", "--module", action="store_true", help="SCRIPT is a module's name")
    parser.add_argument(
        "-r", "--redirects", default="0",
        help="write what ranks print into files of --log-dir: 1 output, 2 errors, 3 both, or "
        "RANK:NUMBER,..",
    )  # fmt: skip
    parser.add_argument("-t", "--tee", default="0", help="the same, and show it as well")
    add("local-ranks-filter", "", "RANK,..: show what these print, of this host")
    for name in ACCEPTED:
        add(name, None, "accepted")
    parser.add_argument("training_script", metavar="SCRIPT")
    parser.add_argument("training_script_args", metavar="ARGS", nargs=argparse.REMAINDER)
    return parser


def parse_args(args: Sequence[str] | None) -> argparse.Namespace:
    """The parsed command line."""
    return get_args_parser().parse_args(args)


def _number(args: argparse.Namespace) -> int:
    """How many processes this host gets."""
    wanted = args.nproc_per_node
    if wanted in ("auto", "gpu"):
        from ..api.cuda_api import device_count

        if device_count() or wanted == "gpu":
            if not device_count():
                raise ValueError("wengertrun: --nproc-per-node gpu, and there is no GPU")
            return device_count()
    if wanted in ("auto", "cpu"):
        return os.cpu_count() or 1
    try:
        number = int(wanted)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"wengertrun: Unsupported nproc_per_node value: {wanted}")
    return number


def _redirects(text: str, args: argparse.Namespace, ranks: int) -> dict[int, int]:
    if ":" not in text:
        found = dict.fromkeys(range(ranks), int(text))
    else:
        found = {int(k): int(v) for k, _, v in (part.partition(":") for part in text.split(","))}
    if any(found.values()) and args.log_dir is None:
        raise ValueError("wengertrun: -r and -t need --log-dir, where the files are to be")
    return found


def _is_here(host: str) -> bool:
    """Whether a name or address is this host's."""
    try:
        with socket.socket() as s:
            s.bind((socket.gethostbyname(host), 0))
        return True
    except OSError:
        return False


def _meet(address: str, port: int, hosts: int, run_id: str) -> int:
    """The number of this host among those that meet at an endpoint, if nobody has told it."""
    if _is_here(address):
        try:
            store = TCPStore(address, port + 1, is_master=True)
            kept.append(store)
        except DistNetworkError:  # another agent of this host serves
            store = TCPStore(address, port + 1)
    else:
        store = TCPStore(address, port + 1)
    return store.add(f"{run_id}/hosts", 1) - 1


kept: list[TCPStore] = []  # servers, which live as long as the process


def job_of(args: argparse.Namespace) -> Job:
    """The job that a command line describes."""
    ranks, hosts = _number(args), int(args.nnodes.split(":")[0])
    address, port, host = args.master_addr, args.master_port, args.node_rank
    if args.standalone:
        address, port, hosts, host = "127.0.0.1", 0, 1, 0
    elif args.rdzv_endpoint:
        name, _, number = args.rdzv_endpoint.partition(":")
        address, port = name, int(number or 29400)
    if args.rdzv_backend not in RENDEZVOUS:
        raise ValueError(
            f"wengertrun: --rdzv-backend must be {' or '.join(RENDEZVOUS)}, not {args.rdzv_backend}"
        )
    if args.launcher == "ray":
        host = 0  # all are started from here
        if (args.redirects, args.tee) != ("0", "0"):
            raise ValueError(
                "wengertrun: -r and -t are not for --launcher ray, which has logs of its own"
            )
    elif hosts > 1:
        port = port or 29500
        if args.rdzv_backend == "c10d":
            host = _meet(address, port, hosts, args.rdzv_id)
        if not 0 <= host < hosts:
            raise ValueError(f"wengertrun: host number {host} is not in 0 to {hosts - 1}")
    elif args.rdzv_backend == "c10d":
        address, port = "127.0.0.1", 0
    chosen = args.local_ranks_filter
    shown = frozenset(map(int, chosen.split(","))) if chosen else None
    return Job(
        command(args), ranks, hosts, host, address, port, args.max_restarts, args.rdzv_id,
        args.role, args.monitor_interval, args.log_dir, _redirects(args.redirects, args, ranks),
        _redirects(args.tee, args, ranks), shown,
    )  # fmt: skip


def command(args: argparse.Namespace) -> list[str]:
    """What each process runs."""
    script = [args.training_script, *args.training_script_args]
    if args.no_python:
        return script
    return [sys.executable, "-u", "-m", "wengert", "run", *(["-m"] if args.module else []), *script]


def run(args: argparse.Namespace) -> int:
    """Run the job of a parsed command line; returns its exit code."""
    if args.launcher == "ray":
        from .ray import run_job

        return run_job(job_of(args))
    return Agent(job_of(args)).run()


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 only if every process has ended with 0; the
    first bad one's, 128 + its number for a signal, 130 for Ctrl-C.
    """
    try:
        return run(parse_args(args))
    except (ValueError, DistNetworkError, ModuleNotFoundError) as e:
        sys.stderr.write(f"{e}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
