"""Programs on several processes, for the tests of distributed/: started, timed, never left behind.

A launch costs about a second, so a program checks many things. Where mpi4py is not installed the
tests that ask for `launch` are skipped. MPIEXEC, the command of another MPI than the wheel mpich,
starts programs instead of wengertrun (CI does so with Open MPI).
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LAUNCHER = [sys.executable, "-m", "wengert.distributed.run"]


class Outcome(NamedTuple):
    """How a program ended."""

    code: int
    output: str
    seconds: float


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **more}


def run(command: list[str], limit: float = 60, interrupt: str = "", **env: str) -> Outcome:
    """Run a command with all that it starts; interrupt: send SIGINT when its output has this."""
    start = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(**env), start_new_session=True,
    )  # fmt: skip
    try:
        if interrupt:
            assert process.stdout is not None
            for line in process.stdout:
                if interrupt in line:
                    process.send_signal(signal.SIGINT)
                    break
        output, _ = process.communicate(timeout=limit)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Outcome(process.returncode, output, time.monotonic() - start)


def launch(ranks: int, *words: object, flags: tuple[str, ...] = (), **options: object) -> Outcome:
    """Run a script under wengertrun, or MPIEXEC."""
    pytest.importorskip("mpi4py")
    if "MPIEXEC" in os.environ:
        if flags:
            pytest.skip("flags of wengertrun")
        mpiexec = [*shlex.split(os.environ["MPIEXEC"]), "-n", str(ranks)]
        command = [*mpiexec, sys.executable, "-m", "wengert", "run", *map(str, words)]
        return run(command, **options)  # type: ignore[arg-type]
    command = [*LAUNCHER, "--nproc-per-node", str(ranks), *flags, *map(str, words)]
    return run(command, **options)  # type: ignore[arg-type]


def alive(mark: str) -> list[int]:
    """The processes, other than zombies, whose command line has this word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if mark.encode() in words and state != "Z" and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found
