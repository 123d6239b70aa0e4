"""Training beside busy processes, with few threads, through forks and interrupts: it ends, and its
bits are those of a quiet machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wengert as torch
from wengert.kernels import compiler, threads

from .steps_program import train

pytestmark = pytest.mark.skipif(compiler.target() is None, reason="llvmlite is not installed")
HERE = Path(__file__).parent
LIMIT = 300  # seconds, after which it is said to hang
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
quiet = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(scope="module")
def right():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield train()
    torch.set_num_threads(before)


def outcome(word: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    command = [sys.executable, str(HERE / "steps_program.py"), word]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_bits(right, count):
    torch.set_num_threads(count)
    try:
        assert train() == right
    finally:
        torch.set_num_threads(2)


def test_a_quota_gives_the_same_bits(right, monkeypatch):
    monkeypatch.setattr(threads, "quota", lambda: 0.5)
    monkeypatch.setattr(threads, "count", threads.available)
    assert threads.count() == 1 and train() == right


def test_eight_busy_processes_beside_it(right):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    try:
        for _ in range(5):
            assert train() == right
    finally:
        for process in busy:
            process.kill()
            process.wait()


@forks
@quiet
def test_a_fork_in_the_middle_of_a_step(right):
    def fork() -> None:
        child = os.fork()
        if child == 0:
            try:
                with torch.enable_grad():
                    os._exit(int(train() != right))
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    assert train(inside=fork) == right


@quiet
def test_processes_that_load_the_data(right):
    assert train(workers=2) == right


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_interrupts_leave_the_kernels_whole(right):
    assert outcome("interrupt") == right
