"""Ranks with a simulated CUDA device each: the checks are in cuda_program.py."""

from pathlib import Path

from launching import launch


def test_a_device_for_each_rank():
    outcome = launch(2, Path(__file__).with_name("cuda_program.py"), WENGERT_SIMULATE_CUDA="2")
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == 2
