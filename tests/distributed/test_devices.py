"""Ranks with a simulated CUDA device each: checked in cuda_program.py and nccl_program.py."""

from pathlib import Path

import pytest
from launching import launch


def test_a_device_for_each_rank():
    outcome = launch(2, Path(__file__).with_name("cuda_program.py"), WENGERT_SIMULATE_CUDA="2")
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == 2


@pytest.mark.parametrize("mode", ["collectives", "fully_shard", "mismatch", "one device"])
def test_nccl(mode):
    program = Path(__file__).with_name("nccl_program.py")
    outcome = launch(2, program, mode, WENGERT_SIMULATE_CUDA="2")
    assert outcome.output.count("all well") == 2, outcome.output
