"""Ranks that Ray starts. Skipped without Ray: half a minute each where it is installed."""

import sys
from pathlib import Path

import pytest
from launching import launch, run

pytest.importorskip("ray")
PROGRAM = Path(__file__).with_name("launched_program.py")
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_DEDUP_LOGS": "0"}


def test_wengertrun_on_ray_starts_again_after_a_failure():
    flags = ("--launcher", "ray", "--max-restarts=1")
    outcome = launch(2, PROGRAM, "fail", flags=flags, limit=180, **QUIET)
    assert outcome.code == 0, outcome.output
    assert "rank 1" in outcome.output and "exit code 5; 1 restarts left" in outcome.output
    assert outcome.output.count("sum 600000.0 board True attempt 1") == 2


def test_the_trainer_starts_again_after_a_failure(tmp_path):
    program = PROGRAM.with_name("ray_program.py")
    outcome = run([sys.executable, str(program), str(tmp_path)], limit=240, **QUIET)
    assert outcome.code == 0, outcome.output
    assert (tmp_path / "failed").exists()
    assert [(tmp_path / f"rank{r}").read_text() for r in (0, 1)] == ["3.0 local 0", "3.0 local 1"]
