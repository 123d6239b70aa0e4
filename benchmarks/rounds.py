"""Times contestants against each other in alternating rounds. What is timed is not here.

A busy machine slows everybody, so each round times all of them, in turning order (ABC, CBA, ...),
and ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable


def options(text: str, *lists: str, **defaults: object) -> argparse.Namespace:
    """The options that the benchmarks share; sets the number of threads, so: before any import.

    A benchmark's own options `lists` take any number of words; `defaults` replace those below.
    """
    parser = argparse.ArgumentParser(description=text)
    for name in lists:
        parser.add_argument(f"--{name}", nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each contestant in a round")
    parser.add_argument("--threads", type=int, default=1, help="for BLAS, wengert and PyTorch")
    parser.add_argument(
        "--wall", action="store_true", help="wall time; the default with one thread is CPU time"
    )
    for name in [n for n, v in defaults.items() if v is False]:
        parser.add_argument(f"--{name}", action="store_true")
    parser.set_defaults(**defaults)
    args = parser.parse_args()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(args.threads)
    args.clock = time.perf_counter if args.wall or args.threads > 1 else time.process_time
    return args


def libraries(args: argparse.Namespace) -> dict[str, object]:
    """wengert, and PyTorch where it is installed."""
    import wengert

    found: dict[str, object] = {"wengert": wengert}
    try:
        import torch

        found["torch"] = torch
    except ImportError:
        print("PyTorch is not installed: wengert alone\n")
    for library in found.values():
        library.set_num_threads(args.threads)
    return found


def race(steps: dict[str, Callable[[], object]], args: argparse.Namespace) -> dict[str, list]:
    """Seconds of one call, for each contestant and round: the lower quartile of its slice."""
    chunks = {}
    for name, step in steps.items():
        step(), step()
        begin = time.perf_counter()
        step()
        chunks[name] = max(1, int(0.002 / (time.perf_counter() - begin)))
    times: dict[str, list] = {name: [] for name in steps}
    for turn in range(args.rounds):
        for name in list(steps)[:: 1 if turn % 2 == 0 else -1]:
            step, chunk, samples = steps[name], range(chunks[name]), []
            end = time.perf_counter() + args.seconds
            while time.perf_counter() < end or not samples:
                begin = args.clock()
                for _ in chunk:
                    step()
                samples.append((args.clock() - begin) / len(chunk))
            times[name].append(sorted(samples)[len(samples) // 4])
    return times


def show(title: str, times: dict[str, list], unit: float = 1e-6, name: str = "us") -> None:
    """One line: each contestant's median, and wengert's share of PyTorch's time with its range."""
    cells = [f"{who} {statistics.median(t) / unit:9.2f} {name}" for who, t in times.items()]
    if "torch" in times:
        ratios = [a / b for a, b in zip(times["wengert"], times["torch"])]
        middle = statistics.median(ratios)
        cells.append(f"wengert/torch {middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"{title:<29}", "   ".join(cells), flush=True)
