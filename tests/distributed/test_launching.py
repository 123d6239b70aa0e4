"""wengertrun's flags, several hosts (on one), mpiexec, multiprocessing.spawn."""

import subprocess
import sys
from pathlib import Path

import pytest
from launching import LAUNCHER, environment, launch, run

from wengert.distributed.agent import free_port

PROGRAM = Path(__file__).with_name("launched_program.py")
TWO = "sum 600000.0 board True"


def test_a_job_starts_again_after_a_failure():
    outcome = launch(2, PROGRAM, "fail", flags=("--standalone", "--max-restarts=1"))
    assert outcome.code == 0, outcome.output
    assert "rank 1" in outcome.output and "exit code 5; 1 restarts left" in outcome.output
    assert outcome.output.count(f"{TWO} attempt 1") == 2


def test_a_job_that_was_killed_ends_with_the_same_weights(tmp_path):
    program = PROGRAM.with_name("restart_program.py")
    whole = launch(2, program, tmp_path / "a.pt", "run")
    again = launch(2, program, tmp_path / "b.pt", "kill", flags=("--max-restarts=1",))
    assert whole.code == again.code == 0, whole.output + again.output
    assert "rank 1" in again.output and "SIGKILL" in again.output
    ends = [
        {line.split(": ")[1] for line in o.output.splitlines() if line.startswith("from epoch")}
        for o in (whole, again)
    ]
    assert "from epoch 1" in again.output and ends[0] == ends[1] and len(ends[0]) == 1


def test_a_module_and_files(tmp_path):
    flags = ("-r", "1:3", "--log-dir", str(tmp_path), "--rdzv-id=job", "-m")
    outcome = launch(2, "launched_program", "words", "-m", flags=flags,
                     PYTHONPATH=str(PROGRAM.parent))  # fmt: skip
    assert outcome.code == 0, outcome.output
    assert f"rank 0 local 0 {TWO} attempt 0 ['words', '-m']" in outcome.output
    assert "rank 1" not in outcome.output
    assert "rank 1" in (tmp_path / "job/attempt_0/1/stdout.log").read_text()


def test_what_is_shown(tmp_path):
    """Files and the screen; and one rank of two."""
    flags = ("-t", "3", "--log-dir", str(tmp_path), "--role", "part", "--local-addr", "127.0.0.1",
             "-m")  # fmt: skip
    given = {"PYTHONPATH": str(PROGRAM.parent)}
    outcome = launch(2, "launched_program", "words", flags=flags, **given)
    assert outcome.code == 0, outcome.output
    for rank in range(2):
        assert f"[part{rank}]:rank {rank} local {rank}" in outcome.output
        kept = (tmp_path / f"none/attempt_0/{rank}/stdout.log").read_text()
        assert kept.startswith(f"rank {rank}")
    flags = ("--local-ranks-filter", "1", "-m")
    outcome = launch(2, "launched_program", "words", flags=flags, **given)
    assert outcome.code == 0 and "rank 1" in outcome.output and "rank 0" not in outcome.output


@pytest.mark.parametrize("meeting", ["static", "c10d"])
def test_two_hosts(meeting):
    pytest.importorskip("mpi4py")
    where = f"127.0.0.1:{free_port()}"
    command = [*LAUNCHER, "--nnodes=2", f"--rdzv-backend={meeting}", f"--rdzv-endpoint={where}",
               "--max-restarts=1"]  # fmt: skip
    both = [
        subprocess.Popen(
            [*command, *([f"--node-rank={i}"] if meeting == "static" else []), PROGRAM, "fail"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(),
        )
        for i in range(2)
    ]  # fmt: skip
    try:
        texts = [p.communicate(timeout=60)[0] for p in both]
    finally:
        for p in both:
            p.kill()
    assert [p.returncode for p in both] == [0, 0], texts
    for text in texts:  # between hosts there is no board
        assert "exit code 5; 1 restarts left" in text
        assert "local 0 sum 600000.0 board False attempt 1" in text


def test_mpiexec():
    pytest.importorskip("mpi4py")
    mpiexec = Path(sys.executable).with_name("mpiexec")
    if not mpiexec.exists():
        pytest.skip("no mpiexec beside python")
    outcome = run([str(mpiexec), "-n", "2", sys.executable, "-m", "wengert", "run", str(PROGRAM),
                   "words"])  # fmt: skip
    assert outcome.code == 0, outcome.output
    assert outcome.output.count(TWO) == 2


def test_srun_without_a_plugin_for_mpi():
    """It tells each process its number, and MPI nothing."""
    pytest.importorskip("mpi4py")
    command = [sys.executable, "-m", "wengert", "run", str(PROGRAM), "words"]
    told = [environment(SLURM_PROCID=str(rank), SLURM_NTASKS="2") for rank in range(2)]
    alone = subprocess.run(command, env=told[0], capture_output=True, text=True, timeout=60)
    assert alone.returncode != 0
    assert "2 processes were started, and MPI knows of 1" in alone.stderr
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    both = [
        subprocess.Popen(command, env={**env, **meeting}, stdout=subprocess.PIPE, text=True)
        for env in told
    ]
    texts = [p.communicate(timeout=60)[0] for p in both]
    assert [p.returncode for p in both] == [0, 0], texts
    assert all(TWO in text for text in texts), texts


def test_spawn():
    pytest.importorskip("mpi4py")
    outcome = run([sys.executable, "-m", "wengert", "run", str(PROGRAM), "spawn", str(free_port())])
    assert outcome.code == 0, outcome.output
    assert sorted(outcome.output.split()) == ["0", "1", "child", "child"]


def test_wrong_flags():
    outcome = run([*LAUNCHER, "--nproc-per-node", "many", "x.py"])
    assert outcome.code == 2 and "Unsupported nproc_per_node value: many" in outcome.output
    outcome = launch(1, "no_such_script.py")
    assert outcome.code == 2 and "can't open file" in outcome.output
    outcome = launch(1, "x.py", flags=("--rdzv-backend", "etcd"))
    assert outcome.code == 2 and "must be static or c10d" in outcome.output
