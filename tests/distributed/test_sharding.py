"""Optimizers and modules whose parts are dealt to ranks: the checks are in sharding_program.py."""

from pathlib import Path

import pytest
from launching import launch

PROGRAM = Path(__file__).with_name("sharding_program.py")


@pytest.mark.parametrize("ranks", [2, 4])
def test_against_the_whole(ranks):
    outcome = launch(ranks, PROGRAM)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("all well") == ranks
