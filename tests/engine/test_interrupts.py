"""Ctrl-C during a cold start leaves nothing half made: training goes on, to the same numbers.

WENGERT_INTERRUPTS sets how many processes are interrupted once (the default is few).
"""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("interrupted.py")
COUNT = int(os.environ.get("WENGERT_INTERRUPTS", "4"))


def run(*times):
    """(how often it was interrupted, what training gave) of one process."""
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, times)], capture_output=True, text=True, env=here
    )
    assert done.returncode == 0, f"{times}: exit {done.returncode}\n{done.stderr[-3000:]}"
    caught, *numbers = done.stdout.split()
    return int(caught), numbers


@pytest.mark.skipif(os.name == "nt", reason="the program uses interval timers")
def test_training_goes_on():
    rng = random.Random(len(os.environ.get("WENGERT_INTERRUPTS", "")))
    delays = [rng.uniform(5, 500) for _ in range(COUNT)]
    with ThreadPoolExecutor(2) as pool:
        _, wanted = run(1e6)
        for _, numbers in pool.map(run, delays):
            assert numbers == wanted
    caught, numbers = run(20, 11)  # again and again
    assert caught > 10 and numbers == wanted
